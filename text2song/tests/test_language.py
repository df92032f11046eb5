"""Pages speak the language that was chosen, or that the browser asks for; scripts and logs go on in English."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from generation.tests.factories import GenerationJobFactory
from text2song.tests.clients import caller_with_key

pytestmark = pytest.mark.django_db


def in_chinese(client: Client) -> Client:
    client.cookies["django_language"] = "zh-hant"
    return client


def test_a_browser_is_answered_in_the_language_it_asks_for():
    assert 'lang="en"' in Client().get(reverse("sign-in")).content.decode()
    answer = Client().get(reverse("sign-in"), headers={"Accept-Language": "zh-TW,zh;q=0.9,en;q=0.5"})
    assert '<html lang="zh-hant">' in answer.content.decode()
    assert "Accept-Language" in answer["Vary"]


def test_the_switch_is_kept_and_leads_back(page):
    answer = page.post(reverse("set-language"), {"language": "zh-hant"}, headers={"Referer": "http://testserver/jobs/"})
    assert (answer.status_code, answer.url) == (302, "http://testserver/jobs/")
    assert page.cookies["django_language"]["max-age"] > 86400 * 300
    html = page.get("/").content.decode()
    assert '<html lang="zh-hant">' in html
    assert 'value="zh-hant" lang="zh-Hant" aria-current="true"' in html
    page.post(reverse("set-language"), {"language": "en"})
    assert '<html lang="en">' in page.get("/").content.decode()


def test_somebody_who_is_not_signed_in_can_switch_too():
    client = Client()
    assert reverse("set-language") in client.get(reverse("sign-in")).content.decode()
    assert client.post(reverse("set-language"), {"language": "zh-hant"}).status_code == 302
    assert '<html lang="zh-hant">' in client.get(reverse("sign-in")).content.decode()


def test_an_unknown_language_changes_nothing_and_a_link_cannot_switch(page):
    page.post(reverse("set-language"), {"language": "xx"})
    assert '<html lang="en">' in page.get("/").content.decode()
    assert page.get(reverse("set-language")).status_code == 405


def test_switching_never_leads_to_another_site(page):
    answer = page.post(reverse("set-language"), {"language": "en", "next": "https://elsewhere.example/"})
    assert answer.url == "/"


def test_switching_needs_the_token_of_the_form():
    client = Client(enforce_csrf_checks=True)
    assert client.post(reverse("set-language"), {"language": "zh-hant"}).status_code == 403


def test_the_language_ends_with_the_request(page):
    in_chinese(page).get("/")
    assert translation.get_language() == "en"


def test_the_api_speaks_english_unless_asked_and_its_codes_are_the_same(user):
    client = caller_with_key(user, "read")
    plain = client.get("/api/v1/nothing-here/")
    asked = client.get("/api/v1/nothing-here/", headers={"Accept-Language": "zh-TW"})
    assert plain.json()["code"] == asked.json()["code"] == "not_found"
    assert plain["Content-Language"] == "en"


def test_scripts_get_their_texts_from_an_address_that_browsers_keep(page):
    html = page.get("/").content.decode()
    assert f'src="{reverse("words", args=["en"])}?v=' in html
    html = in_chinese(page).get("/").content.decode()
    assert f'src="{reverse("words", args=["zh-hant"])}?v=' in html
    answer = Client().get(reverse("words", args=["zh-hant"]))
    assert "immutable" in answer["Cache-Control"]
    assert answer["Content-Type"].startswith("text/javascript")
    assert "gettext" in answer.content.decode()
    assert Client().get(reverse("words", args=["xx"])).status_code == 404


def test_dates_are_written_as_each_language_does(page, user):
    job = GenerationJobFactory(completed=True, requested_by=user)
    address = reverse("job-detail", args=[job.pk])
    assert f"{job.created_at:%b %Y}" in page.get(address).content.decode()
    assert f"{job.created_at:%Y}年{job.created_at.month}月" in in_chinese(page).get(address).content.decode()


def test_health_is_told_in_english():
    answer = Client().get("/healthz", headers={"Accept-Language": "zh-TW"})
    assert answer.content.decode().isascii()
