"""Words, marks, excerpts and recent searches."""

from __future__ import annotations

import pytest

from prompts.models import Prompt
from prompts.tests.factories import PromptFactory
from prompts.wording.search import MAX_RECENT, excerpt, highlight, remember
from text2song.words import parse_words


def test_words() -> None:
    assert parse_words('Calm piano, calm "lo  fi" (dusk)!') == ["Calm", "piano", "lo fi", "dusk"]
    assert parse_words("   ") == []
    assert parse_words("!!") == ["!!"]
    assert len(parse_words(" ".join(f"w{n}" for n in range(50)))) == 12
    assert parse_words("a\x00b") == ["ab"]


def test_highlight_marks_every_match_whatever_its_case() -> None:
    assert highlight("Piano and piano", ["piano"]) == "<mark>Piano</mark> and <mark>piano</mark>"


@pytest.mark.parametrize("words", [["script"], ["<"], ["&"], ["lt"], ["alert(1)"], []])
def test_highlight_escapes(words: list[str]) -> None:  # P-22
    marked = highlight("<script>alert(1)</script> & more", words)
    assert "<script" not in marked.replace("<mark>", "").replace("</mark>", "")
    assert "&amp;" in marked
    if words == ["lt"]:
        assert "<mark>" not in marked


def test_highlight_of_special_characters() -> None:
    assert highlight("a.c abc", ["a.c"]) == "<mark>a.c</mark> abc"
    assert highlight('say "x"', ["x"]) == "say &quot;<mark>x</mark>&quot;"


def test_excerpt_shows_the_match() -> None:
    text = "start " + "filler " * 100 + "theremin " + "filler " * 100
    short = excerpt(text, ["theremin"])
    assert "theremin" in short and short.startswith("…") and short.endswith("…") and len(short) < 260
    assert excerpt("short", ["x"]) == "short"
    assert excerpt("x" * 500, ["x"]).startswith("x")


def test_recent_searches_are_kept_once_and_few() -> None:
    recent: list[str] = []
    for n in range(12):
        recent = remember(recent, f"search {n}")
    assert len(recent) == MAX_RECENT and recent[0] == "search 11"
    assert remember(recent, " SEARCH  9 ")[:2] == ["SEARCH 9", "search 11"]
    assert remember(recent, "  ") == recent


@pytest.mark.django_db
def test_any_word_matches_the_best_first() -> None:  # P-22
    one = PromptFactory(text="rain on the roof")
    two = PromptFactory(text="piano in the rain")
    attribute = PromptFactory(text="a walk", primary_instruments=["acoustic-piano"])
    PromptFactory(text="something else")
    assert list(Prompt.objects.matching(["Rain", "PIANO"])) == [two, attribute, one]
    assert list(Prompt.objects.matching(["100%"])) == []


@pytest.mark.django_db
def test_wildcards_are_plain_characters() -> None:
    PromptFactory(text="plain words")
    kept = PromptFactory(text="100% wet_mix")
    assert list(Prompt.objects.matching(["0%"])) == [kept]
    assert list(Prompt.objects.matching(["t_m"])) == [kept]
