"""The studio as an app on a home screen: manifest, icons, and what the pages say of them."""

from __future__ import annotations

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from PIL import Image

pytestmark = pytest.mark.django_db


def picture(address: str) -> Image.Image:
    return Image.open(finders.find(address.removeprefix("/static/")))


def test_the_manifest_makes_the_studio_installable_for_whoever_asks():
    answer = Client().get("/manifest.webmanifest")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/manifest+json"
    manifest = answer.json()
    assert manifest["name"] == "Text2Song Studio"
    assert manifest["short_name"] == "Text2Song"
    assert (manifest["id"], manifest["start_url"], manifest["scope"]) == ("/", "/", "/")
    assert manifest["display"] == "standalone"
    assert manifest["background_color"].startswith("#")
    assert manifest["theme_color"].startswith("#")


def test_its_icons_are_there_in_their_sizes():
    icons = Client().get("/manifest.webmanifest").json()["icons"]
    assert {(icon["sizes"], icon["purpose"]) for icon in icons} == {
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    }
    for icon in icons:
        image = picture(icon["src"])
        assert icon["type"] == "image/png"
        assert image.format == "PNG"
        assert f"{image.width}x{image.height}" == icon["sizes"]


def test_an_icon_that_is_cut_to_a_shape_has_no_holes_at_its_edge():
    for address in ("img/app-maskable-512.png", "img/app-180.png"):
        corner = picture(address).convert("RGBA").getpixel((0, 0))
        assert corner == (0x0A, 0x6A, 0x5C, 255)


def test_its_shortcuts_lead_to_sections(page):
    shortcuts = Client().get("/manifest.webmanifest").json()["shortcuts"]
    assert [shortcut["url"] for shortcut in shortcuts] == [reverse(name) for name in ("create", "library", "listen")]
    assert all(page.get(shortcut["url"]).status_code == 200 for shortcut in shortcuts)


@pytest.mark.parametrize("name", ["overview", "sign-in", "admin:index"])
def test_pages_name_icon_manifest_and_colours(curator_page, name):
    client = Client() if name == "sign-in" else curator_page
    html = client.get(reverse(name)).text
    assert 'href="/static/img/favicon.svg"' in html
    assert 'rel="apple-touch-icon" href="/static/img/app-180.png"' in html
    assert 'rel="manifest" href="/manifest.webmanifest"' in html
    assert html.count('name="theme-color"') == 2
    assert picture("/static/img/app-180.png").size == (180, 180)
