"""One setting opens the studio to the home network; Settings and the start say how to get there."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest
from django.conf import settings as studio
from django.test import Client
from django.urls import reverse

from text2song import home_network
from text2song.home_network import is_local, own_addresses, reach


def interface(*addresses):
    return [SimpleNamespace(family=2, address=address) for address in addresses]


@pytest.fixture
def home(monkeypatch):
    """A machine in a home, in the internet, and with containers."""
    found = {
        "lo": interface("127.0.0.1"),
        "docker0": interface("172.17.0.1"),
        "eth1": interface("93.184.216.34", "169.254.3.4"),
        "wlan0": interface("192.168.1.20"),
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: found)
    monkeypatch.setattr(home_network.Path, "exists", lambda path: False)


def test_addresses_of_the_home_come_first_and_no_container_is_named(home):
    assert own_addresses() == ["192.168.1.20", "93.184.216.34"]


def test_in_a_container_no_address_is_named(home, monkeypatch):
    monkeypatch.setattr(home_network.Path, "exists", lambda path: str(path) == "/.dockerenv")
    assert own_addresses() == []


@pytest.mark.parametrize("host", ["", "127.0.0.1", "localhost"])
def test_who_listens_to_this_machine_only_is_reached_by_no_other(home, host):
    assert reach(host, 8000).addresses == ()


def test_one_network_is_named_by_its_own_address(home):
    assert reach("192.168.1.20", 8001).addresses == ("http://192.168.1.20:8001/",)


def test_every_network_is_named(home):
    assert reach("0.0.0.0", 8000).addresses == ("http://192.168.1.20:8000/", "http://93.184.216.34:8000/")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost:8000", True),
        ("127.0.0.1", True),
        ("[::1]:8000", True),
        ("[::1]", True),
        ("192.168.1.20:8000", False),
    ],
)
def test_names_of_this_machine(host, local):
    assert is_local(host) is local


@pytest.mark.django_db
def test_settings_say_how_to_open_the_studio(page):
    html = page.get(reverse("settings"), headers={"host": "localhost"}).text
    assert "make run HOST=0.0.0.0" in html
    assert "qr-code" not in html


@pytest.mark.django_db
def test_settings_show_address_and_code(page, home, settings):
    settings.HOST, settings.PORT = "0.0.0.0", 8000
    html = page.get(reverse("settings"), headers={"host": "localhost"}).text
    assert 'href="http://192.168.1.20:8000/"' in html
    drawn = next(part for part in html.split("<svg") if "qr-code" in part)
    assert "<title>http://192.168.1.20:8000/</title>" in drawn
    assert "style=" not in drawn.split("</svg>")[0]


@pytest.mark.django_db
def test_the_address_in_use_is_the_one_shown(page, home, settings):
    settings.HOST, settings.ALLOWED_HOSTS = "0.0.0.0", ["*"]
    html = page.get(reverse("settings"), headers={"host": "studio.home:8000"}).text
    assert 'href="http://studio.home:8000/"' in html
    assert "192.168.1.20" not in html


@pytest.mark.django_db
def test_a_phone_signs_in_and_writes_over_plain_http(user, settings):
    settings.ALLOWED_HOSTS = ["*"]
    phone = Client(
        enforce_csrf_checks=True, headers={"host": "192.168.1.20:8000", "origin": "http://192.168.1.20:8000"}
    )
    phone.get(reverse("sign-in"))
    token = phone.cookies["csrftoken"].value
    assert not phone.cookies["csrftoken"]["secure"]
    answer = phone.post(
        reverse("sign-in"), {"username": "rita", "password": "listen-closely", "csrfmiddlewaretoken": token}
    )
    assert answer.status_code == 302
    assert not phone.cookies["sessionid"]["secure"]
    token = phone.cookies["csrftoken"].value
    assert phone.post(reverse("sign-out"), {"csrfmiddlewaretoken": token}).status_code == 302
    foreign = phone.post(reverse("sign-in"), {"csrfmiddlewaretoken": token}, headers={"origin": "http://evil.example"})
    assert foreign.status_code == 403


def test_the_one_setting_lets_every_name_of_the_machine_in(tmp_path):
    said = "from django.conf import settings; print(settings.ALLOWED_HOSTS, settings.HOST)"
    for host, allowed in (("0.0.0.0", True), ("", False)):
        environment = {**os.environ, "STUDIO_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "text2song.settings"}
        environment |= {"STUDIO_ENV_FILE": os.devnull} | ({"HOST": host} if host else {})
        done = subprocess.run(
            [sys.executable, "-c", said],
            cwd=studio.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ("'*'" in done.stdout) is allowed
