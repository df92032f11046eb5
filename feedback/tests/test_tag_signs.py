"""A tag that nobody used before says whether it is praise or blame, at every door where it can be made."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from feedback.models import SampleTag, Tag
from generation.tests.factories import AudioSampleFactory
from text2song.tests.clients import caller

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
ASKED = "“warm_bass” is a new tag: say whether it is good, bad or neutral."


@pytest.fixture
def sample():
    return AudioSampleFactory()


@pytest.fixture(params=["panel", "panel without script", "api", "api as an object", "api as a set", "words", "admin"])
def make(request, sample, user, curator_page, page):
    """How “warm bass” is made at a door, with a sign or without: what the door answers."""

    def feedback(tag, **values):
        body = {"kind": "tags", "sample": str(sample.pk), "tags": [tag], **values}
        return caller(user).post("/api/v1/feedback/", body, "json")

    def named(sign):
        return {"name": "warm bass"} | ({"sign": sign} if sign else {})

    def panel(sign, **headers):
        return page.post(reverse("sample-tag-add", args=[sample.pk]), named(sign), **headers)

    return {
        "panel": lambda sign: panel(sign, headers=HTMX),
        "panel without script": panel,
        "api": lambda sign: feedback(named(sign) if sign else "warm bass"),
        "api as an object": lambda sign: feedback(named(sign)),
        "api as a set": lambda sign: feedback(named(sign), replace=True),
        "words": lambda sign: caller(user).post("/api/v1/tags/", named(sign), "json"),
        "admin": lambda sign: curator_page.post(reverse("admin:feedback_tag_add"), named(sign)),
    }[request.param]


def test_a_new_word_without_a_sign_is_asked_about_and_stores_nothing(make):
    answer = make("")
    body = answer.content.decode()
    assert "warm bass" in body or "warm_bass" in body or answer.json()["fields"]["sign"], "what was typed is kept"
    assert answer.status_code == 400 or "errorlist" in body
    assert not Tag.objects.filter(name="warm_bass").exists() and not SampleTag.objects.exists()


@pytest.mark.parametrize("sign", Tag.Sign.values)
def test_with_one_it_is_made(make, sign):
    assert make(sign).status_code in (200, 201, 302)
    assert Tag.objects.get(name="warm_bass").sign == sign


def test_the_panel_says_what_is_missing_beside_the_field(page, sample):
    url = reverse("sample-tag-add", args=[sample.pk])
    html = page.post(url, {"name": "Warm bass", "start": "0.2", "end": "0.9"}, headers=HTMX).content.decode()
    assert ASKED in html
    for kept in ('value="Warm bass"', 'value="0.2"', 'value="0.9"'):
        assert kept in html


def test_a_known_word_needs_none(page, user, sample):
    body = {"kind": "tags", "sample": str(sample.pk), "tags": ["Catchy"]}
    assert caller(user).post("/api/v1/feedback/", body, "json").status_code == 201
    assert page.post(reverse("sample-tag-add", args=[sample.pk]), {"name": "noisy"}, headers=HTMX).status_code == 200
    assert set(SampleTag.objects.values_list("tag__sign", flat=True)) == {"good", "bad"}


def test_the_database_keeps_no_tag_without_a_sign():
    with pytest.raises(IntegrityError), transaction.atomic():
        Tag.objects.create(name="warm_bass")
