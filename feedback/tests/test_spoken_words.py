"""Criteria and tags that come with the studio are read in the reader's language, and stored in one."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from feedback.judgements.starting_words import BAD_TAGS, CRITERIA, GOOD_TAGS, spoken, stored_name
from feedback.models import Criterion, SampleTag, Tag
from feedback.tests.factories import TagFactory
from generation.tests.factories import AudioSampleFactory

pytestmark = pytest.mark.django_db


def test_every_word_is_translated_and_no_two_tags_are_read_alike():
    with translation.override("zh-hant"):
        tags = [spoken(name) for name in (*GOOD_TAGS, *BAD_TAGS)]
        said = [gettext(word) for _, *words in CRITERIA for word in words]
    assert not [word for word in (*tags, *said) if word.isascii()]
    assert len({tag.casefold() for tag in tags}) == len(tags)


def test_a_tag_is_found_by_what_it_is_read_as_in_either_language():
    with translation.override("zh-hant"):
        assert stored_name(" 旋律好 ") == "good_melody"
        assert stored_name("雨聲") == "雨聲"
    assert stored_name("Good melody") == "good_melody"


def test_a_tag_picked_in_chinese_is_the_studios_own(page: Client):
    sample = AudioSampleFactory()
    page.cookies["django_language"] = "zh-hant"
    answer = page.post(reverse("sample-tag-add", args=[sample.pk]), {"name": "旋律好", "next": "/"})
    assert answer.status_code == 302
    assert SampleTag.objects.get().tag == Tag.objects.get(name="good_melody")
    assert not Tag.objects.filter(name="旋律好").exists()
    found = page.get(reverse("feedback"), {"tag": "旋律好"})
    assert "旋律好" in found.text and found.status_code == 200


def test_words_that_people_brought_stay_as_they_wrote_them():
    with translation.override("zh-hant"):
        assert TagFactory(name="wobbly_bass").spoken == "wobbly bass"
        assert str(Criterion(name="Wobble")) == "Wobble"
        assert str(Criterion.objects.get(slug="overall")) == "整體"
