"""The pages of a round in a real browser: pairs by keyboard on a phone, and steps that come without a new page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from conftest import signed_in, watched_tab
from feedback.listening_tests.pairs import collect_pairs
from feedback.listening_tests.services.lifecycle import close_test
from feedback.listening_tests.tests.listening import finish_jobs
from feedback.models import Preference
from feedback.tests.test_feedback_browser import SMALL, WIDER
from generation.models import AudioSample
from training.rounds.progress import advance
from training.rounds.tests.factories import at, begun, built, clips, end, fitted, judge, make_clips, score, trained

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
POLLED = 12_000
"""Milliseconds in which a page that asks every five seconds has seen what is new."""


@pytest.fixture
def tab(user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    """A signed-in tab on a phone that fails the test on any script error or policy violation."""
    context = signed_in(chromium, live_server.url, user, viewport={"width": 375, "height": 800})
    context.set_default_timeout(60_000)
    with watched_tab(context) as page:
        yield page


def test_pairs_are_judged_by_keyboard_alone_and_on_a_phone(tab: Any, user: Any):
    round_ = make_clips(begun(user))
    tab.goto(reverse("round-judge", args=[round_.pk]))
    told = []
    for number, key in enumerate(("ArrowLeft", "ArrowRight", "ArrowDown", "b")):
        tab.locator("[data-compare][data-ready]").wait_for()
        assert tab.evaluate(WIDER) <= 0 and tab.evaluate(SMALL) == []
        assert tab.title().startswith(f"Which do you prefer? {min(number, 3)} of 4 votes")
        tab.keyboard.press("2")
        tab.locator("[data-compare][data-playing] [data-switch][aria-pressed=true]", has_text="2").wait_for()
        told.append([tab.locator(f"[name=sample_{side}]").get_attribute("value") for side in "ab"])
        with tab.expect_navigation():
            tab.keyboard.press(key)
    kept = Preference.objects.filter(rater=user).order_by("created_at")
    assert [[str(row.sample_a_id), str(row.sample_b_id)] for row in kept] == told
    assert [row.winner for row in kept] == ["a", "b", "tie", "both_bad"]


def test_the_next_step_comes_to_the_page_and_the_focus_stays(tab: Any, user: Any):
    round_ = begun(user)
    tab.goto(reverse("round-detail", args=[round_.pk]))
    tab.locator("#round-pause").focus()
    tab.evaluate("window.loadedOnce = true")
    make_clips(round_)
    tab.get_by_role("link", name="Judge pairs").wait_for(timeout=POLLED)
    assert tab.evaluate("window.loadedOnce"), "the page was not loaded anew"
    assert tab.title().startswith("Judge pairs: Round 1")
    assert "Judge pairs: Waits for you" in " ".join(tab.locator("#round-said").inner_text().split())
    assert tab.evaluate("document.activeElement.id") == "round-pause"


def test_the_focus_stays_on_the_way_to_the_pairs_while_clips_are_made(tab: Any, user: Any):
    round_ = begun(user, votes_wanted=2)
    make_clips(round_)
    type(round_).objects.filter(pk=round_.pk).update(step="making", state="active", batches=2)
    tab.goto(reverse("round-detail", args=[round_.pk]))
    link = tab.get_by_role("link", name="Judge what is there already")
    link.focus()
    with tab.expect_response(lambda answer: "/status/" in answer.url, timeout=POLLED):
        pass
    tab.wait_for_timeout(300)
    assert link.evaluate("element => document.activeElement === element")


def test_what_is_played_goes_on_when_the_next_step_comes(tab: Any, user: Any):
    round_ = fitted(judge(make_clips(begun(user))))
    score(round_)
    AudioSample.objects.filter(pk__in=[clip.pk for clip in clips(round_)]).update(duration=5.0)
    tab.goto(reverse("round-detail", args=[round_.pk]))
    player = tab.locator("#round-taught [data-player][data-ready]").first
    player.locator("[data-play]").click()
    tab.wait_for_function("() => [...document.querySelectorAll('audio')].some(audio => !audio.paused)")
    tab.evaluate("window.played = [...document.querySelectorAll('audio')].find(audio => !audio.paused)")
    tab.locator("#player-bar > audio").evaluate(
        "audio => { audio.loop = true; }"
    )  # nothing else is asked for meanwhile
    tab.locator("#player-bar .heart").wait_for()
    source = tab.evaluate("window.played.src")
    trained(built(round_))
    tab.locator("#now-title", has_text="Judge blind").wait_for(timeout=POLLED)
    assert tab.evaluate("window.played.isConnected && window.played.src") == source
    assert tab.title().startswith("Judge blind")


def test_the_decision_can_be_read_on_a_phone(tab: Any, user: Any):
    round_ = at(trained(built(fitted(judge(make_clips(begun(user)))))), "testing")
    test, promotion = round_.promotion.test, round_.promotion
    finish_jobs(test)
    collect_pairs(test)
    for pair in test.pairs.filter(kind="regular")[:4]:
        Preference.objects.create(rater=user, sample_a=pair.sample_x, sample_b=pair.sample_y, winner="a")
    close_test(actor=None, test=test)
    end(promotion, state="decided", outcome="declined", reason="Too few votes.", decided_at=timezone.now())
    advance(round_.pk)
    tab.goto(reverse("round-detail", args=[round_.pk]))
    facts = tab.locator("section[aria-labelledby=decision-title] .facts")
    assert "of 4 votes (95 % interval" in " ".join(facts.inner_text().split())
    widths = "list => [...list.querySelectorAll('dd')].map(each => each.offsetWidth / list.offsetWidth)"
    assert min(facts.evaluate(widths)) > 0.5, "words are not squeezed beside the names"
    assert tab.evaluate(WIDER) <= 0
