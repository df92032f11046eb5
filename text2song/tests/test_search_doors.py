"""Searching in every list: any script's capitals, commas between words, and every match marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from adapters.tests.factories import AdapterFactory
from feedback.tests.factories import RatingFactory
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, FavoriteFactory
from prompts.models import Prompt
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from prompts.wording.search import excerpt, highlight
from text2song.sqlite import like
from text2song.words import parse_words
from training.tests.factories import DatasetFactory, ExperimentFactory

pytestmark = pytest.mark.django_db

NAME = "Жираф Ωmega Straße"
"""What everything here is called: two scripts without ASCII, and a letter whose capital is two."""


def _prompt() -> Any:
    return PromptFactory(text=NAME)


def _sample() -> Any:
    return AudioSampleFactory(job__prompt=PromptFactory(text=NAME))


def _page(name: str) -> Callable[[Client, str], str]:
    return lambda client, words: client.get(reverse(name), {"q": words}).text


def _api(path: str) -> Callable[[Client, str], str]:
    return lambda client, words: client.get(f"/api/v1/{path}/", {"q": words}).content.decode()


def _admin(name: str) -> Callable[[Client, str], str]:
    return lambda client, words: client.get(reverse(f"admin:{name}_changelist"), {"q": words}).text


def _suite(client: Client, words: str) -> str:
    suite = PromptSuiteFactory()
    return client.get(reverse("suite-detail", args=[suite.pk]), {"q": words}).text


# door: what it lists, and how it is asked. Rows are told from none by their ids, which no heading repeats.
DOORS: dict[str, tuple[Callable[[], Any], Callable[[Client, str], str]]] = {
    "prompts": (_prompt, _page("prompts")),
    "prompts for a suite": (_prompt, _suite),
    "prompts of the API": (_prompt, _api("prompts")),
    "prompts of the admin": (_prompt, _admin("prompts_prompt")),
    "library": (_sample, _page("library")),
    "audio of the API": (_sample, _api("audio")),
    "samples of the admin": (_sample, _admin("generation_audiosample")),
    "jobs of the admin": (lambda: _sample().job, _admin("generation_generationjob")),
    "favourites of the admin": (lambda: FavoriteFactory(sample=_sample(), prompt=None), _admin("generation_favorite")),
    "ratings of the admin": (lambda: RatingFactory(sample=_sample()), _admin("feedback_rating")),
    "adapters": (lambda: AdapterFactory(name=NAME), _page("adapters")),
    "adapters of the API": (lambda: AdapterFactory(name=NAME), _api("adapters")),
    "adapters of the admin": (lambda: AdapterFactory(name=NAME), _admin("adapters_adapter")),
    "datasets": (lambda: DatasetFactory(name=NAME), _page("datasets")),
    "datasets of the API": (lambda: DatasetFactory(name=NAME), _api("datasets")),
    "datasets of the admin": (lambda: DatasetFactory(name=NAME), _admin("datasets_app_dataset")),
    "experiments": (lambda: ExperimentFactory(name=NAME), _page("training")),
    "experiments of the API": (lambda: ExperimentFactory(name=NAME), _api("experiments")),
    "experiments of the admin": (lambda: ExperimentFactory(name=NAME), _admin("training_experiment")),
    "suites of the admin": (lambda: PromptSuiteFactory(name=NAME), _admin("prompts_promptsuite")),
}
FOUND = [
    "Жираф",
    "жираф",
    "ЖИРАФ",
    "ωMEGA",
    "ωmega,жираф",
    "Жираф , ωmega",
    "ωmega;жираф",
    "ωmega、жираф",
    '"жираф ωmega"',
]


@pytest.mark.parametrize("door", DOORS)
def test_words_are_found_whatever_their_case_and_whatever_stands_between_them(door: str, curator_page: Client) -> None:
    make, ask = DOORS[door]
    row = make()
    for words in FOUND:
        assert str(row.pk) in ask(curator_page, words), words
    for words in ("слон", "жирафа", '"ωmega жираф"'):
        assert str(row.pk) not in ask(curator_page, words), words


def test_a_letter_with_its_accent_is_found_however_it_is_typed(page: Client) -> None:
    prompt = PromptFactory(text="café noir")
    assert list(page.get(reverse("prompts"), {"q": "CAFE\u0301"}).context["page"]) == [prompt]


@pytest.mark.parametrize("words", ["featuring", "BPM", "subtle", "90 BPM", '"featuring cello"', "cello"])
@pytest.mark.parametrize("door", ["prompts", "library", "prompts for a suite"])
def test_every_hit_is_marked_even_on_words_that_only_the_attributes_brought(
    door: str, words: str, curator_page: Client
) -> None:
    prompt = PromptFactory(text="a walk", tempo=90, primary_instruments=["cello"], secondary_instruments=["rain"])
    AudioSampleFactory(job__prompt=prompt)
    html = DOORS[door][1](curator_page, words)
    for word in parse_words(words):
        assert f"<mark>{word}</mark>" in html, word


def test_marks_follow_what_was_found() -> None:
    assert highlight("Жираф и жирафы", ["ЖИРАФ"]) == "<mark>Жираф</mark> и <mark>жираф</mark>ы"
    assert highlight("Straße & STRASSE", ["strasse"]) == "<mark>Straße</mark> &amp; <mark>STRASSE</mark>"
    assert highlight("808-drums", ["drum", "drums"]) == "808-<mark>drums</mark>"


def test_an_excerpt_holds_the_first_match_of_every_word() -> None:
    text = "theremin " + "filler " * 60 + "ocarina " + "filler " * 60 + "90 BPM"
    short = excerpt(text, ["bpm", "ocarina"])
    assert short.startswith("…") and "ocarina" in short and short.endswith("90 BPM") and len(short) < 400
    assert (
        excerpt(text, ["theremin", "bpm"]).startswith("theremin filler")
        and excerpt(text, []) == text[:240].strip() + "…"
    )


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("%b%", "aBc", True),
        ("b%", "abc", False),
        ("a_c", "abc", True),
        ("a_c", "ac", False),
        (r"100\%", "100%", True),
        (r"100\%", "1000", False),
        (r"%\_%", "a_b", True),
        (r"%\\%", "a\\b", True),
        ("%", "a\nb", True),
        ("%(.*%", "a(.*b", True),
        ("%7%", 1789, True),
        ("%", None, None),
    ],
)
def test_like_is_sqls(pattern: str, value: Any, expected: bool | None) -> None:
    assert like(pattern, value, "\\") is expected


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own LIKE is what is replaced")
def test_every_connection_to_sqlite_searches_so() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'Жираф' LIKE '%ЖИРАФ%', 'x' LIKE 'X', NULL LIKE '%', 'a%' LIKE 'A!%' ESCAPE '!'")
        assert cursor.fetchone() == (1, 1, None, 1)
    connection.close()
    assert not Prompt.objects.filter(text__icontains="ж").exists() and not AudioSample.objects.exists()
