"""What holds for every page: sign-in, the policy, the shell, and what a wrong address says."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpRequest
from django.test import Client
from django.urls import get_resolver, reverse

from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.pages import views
from text2song.pages.navigation import SECTIONS

pytestmark = pytest.mark.django_db

LISTS = (
    "overview",
    "create",
    "prompts",
    "templates",
    "suites",
    "library",
    "listen",
    "favorites",
    "collections",
    "jobs",
    "settings",
    "settings-keys",
    "settings-generation",
    "settings-training",
    "models",
    "encoders",
    "compare",
    "api-docs",
    "training",
    "experiment-new",
    "tastes",
    "taste-new",
    "rounds",
    "round-new",
)
PUBLIC = {
    "shared",
    "shared-audio",
    "sign-in",
    "app-manifest",
    "sign-out",
    "set-language",
    "healthz",
    "readyz",
    "metrics",
}


class InlineFinder(HTMLParser):
    """Collects what the content security policy would refuse, and every file a page asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.files: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in values and values.get("type") != "application/json"):
            self.inline.append(tag)
        self.inline += [f"{tag} {name}" for name in values if name == "style" or name.startswith(("on", "hx-on"))]
        self.files += [values[name] or "" for name in ("src", "href") if name in values and tag in ("script", "link")]


def read(html: str) -> InlineFinder:
    finder = InlineFinder()
    finder.feed(html)
    return finder


def plain_addresses() -> list[str]:
    """Every named page without arguments, outside the API and the admin."""
    names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    found = []
    for name in sorted(names - PUBLIC):
        possibilities = get_resolver().reverse_dict.getlist(name)
        if any(not parameters for form in possibilities for _, parameters in form[0]):
            found.append(reverse(name))
    return [address for address in found if not address.startswith(("/api/", "/admin/"))]


def test_every_page_asks_to_sign_in():
    addresses = plain_addresses()
    assert len(addresses) > 12
    for address in addresses:
        answer = Client().get(address)
        assert answer.status_code == 302, address
        assert answer.url.startswith(reverse("sign-in")), address
        assert address in answer.url


def test_a_poll_after_the_session_ended_moves_the_whole_page():
    answer = Client().get(reverse("studio-status"), headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == reverse("sign-in")


def test_the_api_documentation_asks_to_sign_in():
    assert Client().get(reverse("api-docs")).url.startswith(reverse("sign-in"))


@pytest.mark.parametrize("name", LISTS)
def test_pages_hold_the_strict_policy(page, name):
    AudioSampleFactory(job=GenerationJobFactory(completed=True))
    GenerationJobFactory(running=True)
    answer = page.get(reverse(name))
    assert answer.status_code == 200
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    html = answer.content.decode()
    found = read(html)
    assert found.inline == []
    for file in found.files:
        assert re.match(r"/[^/]", file), f"{file} is loaded from elsewhere"
        assert not file.startswith("/static/") or finders.find(file.removeprefix("/static/")), f"there is no {file}"


@pytest.mark.parametrize("name", LISTS)
def test_pages_have_one_heading_a_title_and_landmarks(page, name):
    html = page.get(reverse(name)).content.decode()
    assert len(re.findall(r"<h1[ >]", html)) == 1
    assert re.search(r"<title>\s*\S.* · Text2Song Studio</title>", html)
    for landmark in ('<main id="content"', 'class="skip-link"', 'aria-label="Sections"', 'id="studio-status"'):
        assert landmark in html
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert sorted(ids) == sorted(set(ids)), "an id stands twice"


def test_style_sheets_and_scripts_only_name_files_that_exist():
    for script in ("studio", "player", "compare", "deck", "keys", "dialogs", "waveform", "training", "training-charts"):
        source = Path(finders.find(f"js/{script}.js")).read_text(encoding="utf-8")
        for name in re.findall(r'(?:from|import) "([^"]+)"', source):
            path = f"js/{name[2:]}" if name.startswith("./") else name.removeprefix("../")
            assert finders.find(path), f"{script}.js imports {name}"


def test_icons_that_templates_name_exist(settings):
    sprite = Path(finders.find("img/icons.svg")).read_text(encoding="utf-8")
    known = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    used = {section.icon for section in SECTIONS}
    for template in (settings.BASE_DIR / "templates").rglob("*.html"):
        used |= set(re.findall(r'{% icon "([^"]+)"', template.read_text(encoding="utf-8")))
    assert len(used) > 20 and used <= known


def test_signing_in_and_out(user):
    client = Client()
    refused = client.post(reverse("sign-in"), {"username": "rita", "password": "wrong"})
    assert refused.status_code == 200
    assert 'role="alert"' in refused.content.decode()
    assert 'value="rita"' in refused.content.decode()
    answer = client.post(f"{reverse('sign-in')}?next=/jobs/", {"username": "rita", "password": "listen-closely"})
    assert answer.url == "/jobs/"
    assert client.get(reverse("sign-in")).status_code == 302, "somebody signed in goes straight on"
    assert client.get(reverse("sign-out")).status_code == 405
    assert client.post(reverse("sign-out")).url == reverse("sign-in")
    assert client.get("/").status_code == 302


def test_signing_in_never_leads_to_another_site(user):
    values = {"username": "rita", "password": "listen-closely", "next": "https://elsewhere.example/"}
    assert Client().post(reverse("sign-in"), values).url == reverse("overview")


def test_an_unknown_address_is_a_page_with_a_way_on(page):
    answer = page.get("/nothing-here/")
    assert answer.status_code == 404
    html = answer.content.decode()
    assert "There is no page at this address" in html
    assert f'href="{reverse("overview")}"' in html
    assert Client().get("/nothing-here/").status_code == 404


def test_an_error_says_what_to_do_and_needs_no_database(django_db_blocker):
    with django_db_blocker.block():
        answer = views.server_error(HttpRequest())
    assert answer.status_code == 500
    assert "Try again" in answer.content.decode()


@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "500"])
def test_error_pages_hold_the_policy_too(code, rf, user):
    from django.template.loader import render_to_string

    request = rf.get("/somewhere/")
    request.user = user
    assert read(render_to_string(f"{code}.html", request=request)).inline == []


def test_a_form_without_its_token_is_explained(user):
    client = Client(enforce_csrf_checks=True)
    answer = client.post(reverse("sign-in"), {"username": "rita", "password": "listen-closely"})
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()


def test_times_are_shown_in_the_browsers_zone(page):
    page.cookies["tz"] = "Asia/Tokyo"
    assert page.get("/").status_code == 200
    page.cookies["tz"] = "Not/AZone"
    assert page.get("/").status_code == 200
