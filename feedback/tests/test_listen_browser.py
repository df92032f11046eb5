"""Listen on a phone: a clip on one screen, judged by touch or by keyboard, taken back, tagged by a search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from conftest import signed_in, watched_tab
from feedback.judgements.starting_words import BAD_TAGS, CRITERIA, GOOD_TAGS
from feedback.models import Criterion, Preference, Rating, SampleTag, Tag
from feedback.services import asking
from feedback.services.asking import Proposal, Reason
from feedback.tests.test_feedback_browser import SMALL, WIDER
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from prompts.tests.factories import PromptFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 375, "height": 667}
CLIPS = 10
LONG = "Calm piano over soft rain, slow and warm, with a low bowed bass and a little vinyl noise behind it all"
HEIGHT = "() => document.documentElement.scrollHeight"
CONTENT = """() => Math.max(...[...document.querySelectorAll('.turn > *, .turn-ways > *')]
  .map(element => element.getBoundingClientRect().bottom)) + scrollY"""
SHOWN = "() => document.querySelector('[data-own-player]')?.dataset.ownPlayer"
WORDS = ("name", "question", "low_label", "high_label")
READY = "[data-own-player][data-ready]"


@pytest.fixture
def samples(monkeypatch: Any) -> list[AudioSample]:
    monkeypatch.setattr(asking, "_proposers", [])
    Criterion.objects.all().delete()
    Tag.objects.all().delete()
    for position, (slug, *words) in enumerate(CRITERIA):
        Criterion.objects.create(slug=slug, position=position, **dict(zip(WORDS, words, strict=True)))
    for sign, names in (("good", GOOD_TAGS), ("bad", BAD_TAGS)):
        Tag.objects.bulk_create(Tag(name=name, sign=sign, is_curated=True) for name in names)
    job = GenerationJobFactory(completed=True, prompt=PromptFactory(text=LONG))
    return [AudioSampleFactory(job=job, index=index, duration=4.0) for index in range(CLIPS)]


@pytest.fixture
def tab(samples: list[AudioSample], user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    """A phone that fails the test on any script error or policy violation."""
    context = signed_in(chromium, live_server.url, user, viewport=PHONE, has_touch=True)
    context.set_default_timeout(60_000)
    with watched_tab(context) as page:
        yield page


def shown(tab: Any) -> str:
    tab.locator(READY).wait_for()
    return tab.evaluate(SHOWN)


def other_than(tab: Any, before: str) -> None:
    tab.wait_for_function(
        "before => (document.querySelector('[data-own-player]')?.dataset.ownPlayer ?? '') !== before", arg=before
    )


def test_ten_clips_by_touch_with_three_touches_each_and_no_scrolling(tab: Any, user: Any):
    tab.goto(reverse("listen"))
    touches = 0
    for number in range(CLIPS):
        clip = shown(tab)
        assert tab.evaluate(HEIGHT) <= PHONE["height"] and tab.evaluate(CONTENT) <= PHONE["height"] - 56
        assert tab.evaluate(WIDER) <= 0 and tab.evaluate(SMALL) == []
        assert not tab.locator("[data-own-player] audio").is_visible()
        tab.locator("[data-play]").tap()
        tab.locator("[data-own-player][data-playing]").wait_for()
        tab.locator("[data-stars] label").nth(number % 5).tap()
        tab.get_by_role("button", name="Next clip").tap()
        touches += 3
        other_than(tab, clip)
        assert tab.evaluate("() => scrollY") == 0
    tab.get_by_text("Nothing is left to judge").wait_for()
    scores = list(Rating.objects.filter(rater=user).order_by("created_at").values_list("score", flat=True))
    assert scores == [1, 2, 3, 4, 5] * 2 and touches == 3 * CLIPS


def test_by_keyboard_alone_and_the_last_answer_taken_back(tab: Any, samples: list[AudioSample], user: Any):
    tab.goto(reverse("listen"))
    first = shown(tab)
    tab.locator("[data-play]:focus").wait_for()
    tab.keyboard.press("Space")
    tab.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")
    tab.keyboard.press("Space")
    tab.wait_for_function("() => document.querySelector('audio').paused")
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function("() => document.querySelector('audio').currentTime > 2")
    tab.keyboard.press("4")
    assert "4 of 5" in tab.locator("[data-turn-announce]").inner_text()
    tab.locator("#turn-undo button").wait_for()
    assert tab.evaluate(HEIGHT) <= PHONE["height"], "room for the way back too"
    tab.keyboard.press("n")
    other_than(tab, first)
    second = shown(tab)
    tab.keyboard.press("2")
    tab.keyboard.press("n")  # at once: the rating is on its way, and must not be lost
    other_than(tab, second)
    assert shown(tab) not in (first, second)
    tab.keyboard.press("u")
    tab.get_by_text("Your last answer was taken back.").wait_for()
    assert shown(tab) == second and Rating.objects.get().score == 4
    tab.keyboard.press("5")
    tab.keyboard.press("n")
    other_than(tab, second)
    scores = Rating.objects.filter(rater=user).values_list("sample", "score")
    assert {str(pk): score for pk, score in scores} == {first: 4, second: 5}


def test_a_tag_is_found_by_typing_or_made_and_put_on_a_part_of_the_waveform(tab: Any):
    tab.goto(reverse("listen"))
    clip = shown(tab)
    search = tab.get_by_role("combobox")
    search.tap()
    search.press_sequentially("muf")
    assert tab.get_by_role("option").all_inner_texts() == ["“muf” is good", "“muf” is bad", "“muf” is neutral"]
    search.fill("mud")
    assert tab.get_by_role("option").first.inner_text() == "muddy"
    search.press("ArrowDown")
    assert search.get_attribute("aria-activedescendant") == tab.get_by_role("option").first.get_attribute("id")
    search.press("Enter")
    tab.locator(".tag-chip[data-sign=bad] input[value=muddy]:checked").wait_for(state="attached")
    assert tab.evaluate(HEIGHT) <= PHONE["height"] and shown(tab) == clip

    with tab.expect_response("**/feedback/tags/"):
        tab.locator(".tag-chip", has_text="catchy").tap()
    assert set(SampleTag.objects.values_list("tag__name", "start")) == {("muddy", None), ("catchy", None)}

    tab.locator("[data-part] summary").tap()
    tab.get_by_text("Drag on the waveform").wait_for()
    box = tab.locator("[data-drawing]").bounding_box()
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + box["width"] * 0.25, middle)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.5, middle)
    tab.mouse.up()
    tab.get_by_text("Now pick a tag.").wait_for()
    tab.locator(".tag-chip", has_text="noisy").tap()
    tab.locator(".player-span", has_text="noisy").wait_for()
    part = SampleTag.objects.get(start__isnull=False)
    assert (
        part.tag.name == "noisy" and part.start == pytest.approx(1.0, abs=0.1) and part.end == pytest.approx(2, abs=0.1)
    )
    assert not tab.locator("input[value=noisy]").is_checked(), "it is on the part, not on the whole clip"


def test_a_pair_fits_one_screen_and_is_taken_back(tab: Any, samples: list[AudioSample], monkeypatch: Any, user: Any):
    proposal = Proposal((samples[0].pk, samples[1].pk), Reason.TEACHES)
    monkeypatch.setattr(asking, "_proposers", [lambda rater, skipped: proposal])
    tab.goto(reverse("listen"))
    tab.locator("[data-compare][data-ready]").wait_for()
    assert tab.evaluate(HEIGHT) <= PHONE["height"] and tab.evaluate(CONTENT) <= PHONE["height"] - 56
    assert tab.evaluate(WIDER) <= 0 and tab.evaluate(SMALL) == []
    tab.get_by_role("button", name="Equal").tap()
    tab.locator(READY).wait_for()
    assert Preference.objects.get(rater=user).winner == "tie"
    tab.get_by_role("button", name="Undo my last answer").tap()
    tab.locator("[data-compare][data-ready]").wait_for()
    assert not Preference.objects.exists()


def test_without_script_a_clip_is_heard_rated_and_taken_back(chromium: Any, samples: Any, user: Any, live_server: Any):
    context = signed_in(chromium, live_server.url, user, java_script_enabled=False)
    tab = context.new_page()
    tab.goto(reverse("listen"))
    assert tab.locator("audio[controls]").is_visible() and not tab.locator("[data-play]").is_visible()
    before = tab.locator("[data-own-player]").get_attribute("data-own-player")
    tab.locator("[data-stars] label").nth(3).click()
    tab.get_by_role("button", name="Next clip").click()
    assert tab.locator("[data-own-player]").get_attribute("data-own-player") != before
    assert Rating.objects.get(rater=user).score == 4
    tab.get_by_role("button", name="Undo my last answer").click()
    assert tab.locator("[data-own-player]").get_attribute("data-own-player") == before and not Rating.objects.exists()
    context.close()
