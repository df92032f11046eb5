"""When two prompts ask for the same."""

from __future__ import annotations

import doctest
import importlib

import pytest
from django.apps import apps

from prompts.models import Prompt
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from prompts.wording import sameness
from prompts.wording.sameness import text_key


def test_the_examples_hold() -> None:
    assert doctest.testmod(sameness).failed == 0


@pytest.mark.parametrize(
    "other",
    [
        "Calm PIANO at dusk",
        "calm  piano\n at dusk",
        " calm piano at dusk. ",
        "calm piano at dusk?!",
        "ｃａｌｍ piano at dusk",
    ],
)
def test_what_nobody_means_makes_no_difference(other: str) -> None:
    assert text_key(other) == text_key("calm piano at dusk")


def test_an_accent_may_be_written_in_two_ways() -> None:
    assert text_key("caf\u00e9 waltz") == text_key("CAFE\u0301 waltz")


@pytest.mark.parametrize(
    "other", ["calm piano at dawn", "calm piano, at dusk", "calm piano at dusk 2", "piano at dusk", "…"]
)
def test_other_words_are_another_text(other: str) -> None:
    assert text_key(other) != text_key("calm piano at dusk")


@pytest.mark.django_db
def test_attributes_are_part_of_what_is_asked() -> None:
    plain, again = PromptFactory(text="a waltz"), PromptFactory(text="A waltz.")
    slow, written = PromptFactory(text="a waltz", tempo=80), PromptFactory(text="a waltz, 80 bpm")
    assert plain.text_key == again.text_key != slow.text_key == written.text_key


@pytest.mark.django_db
def test_a_text_of_a_frozen_suite_is_outside_under_no_id() -> None:
    inside = PromptFactory(text="a waltz")
    copy, other = PromptFactory(text=" A WALTZ "), PromptFactory(text="a polka")
    suite = PromptSuiteFactory(prompts=[inside])
    assert set(Prompt.objects.outside_suites()) == {inside, copy, other}
    suite.frozen_at = suite.created_at
    suite.save()
    assert list(Prompt.objects.outside_suites()) == [other]


@pytest.mark.django_db
def test_prompts_of_earlier_releases_and_bulk_made_ones_get_their_key() -> None:
    stored = PromptFactory(text="a waltz")
    (bulk,) = Prompt.objects.bulk_create([Prompt(text="A waltz", rendered_text="A waltz")])
    assert bulk.text_key == stored.text_key
    Prompt.objects.update(text_key="")
    importlib.import_module("prompts.migrations.0003_text_key").fill(apps, None)
    assert set(Prompt.objects.values_list("text_key", flat=True)) == {text_key("a waltz")}
