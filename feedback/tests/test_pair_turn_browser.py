"""A pair of the listening queue by keyboard alone and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from django.urls import reverse

from conftest import signed_in, watched_tab
from feedback.models import Preference
from feedback.models.judgements import set_key
from feedback.services import asking
from feedback.services.asking import Proposal, Reason
from feedback.tests.test_feedback_browser import SMALL, WIDER
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def samples(monkeypatch: Any) -> list[AudioSample]:
    job = GenerationJobFactory(completed=True)
    made = [AudioSampleFactory(job=job, index=index, duration=4.0) for index in range(4)]

    def propose(rater: Any, skipped: Any) -> Proposal | None:
        done = set(Preference.objects.filter(rater=rater).values_list("pair_key", flat=True)) | set(skipped)
        pairs = combinations([sample.pk for sample in made], 2)
        return next((Proposal(pair, Reason.TEACHES) for pair in pairs if set_key(pair) not in done), None)

    monkeypatch.setattr(asking, "_proposers", [propose])
    return made


@pytest.fixture
def tab(samples: list[AudioSample], user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    """A signed-in tab that fails the test on any script error or policy violation."""
    context = signed_in(chromium, live_server.url, user, viewport={"width": 375, "height": 800})
    context.set_default_timeout(120_000)
    with watched_tab(context) as page:
        yield page


def shown(tab: Any) -> tuple[str, str]:
    tab.locator("[data-compare][data-ready]").wait_for()
    return tuple(tab.locator(f"[data-answer] [name={side}]").get_attribute("value") for side in ("first", "second"))


def press_and_go_on(tab: Any, key: str) -> tuple[str, str]:
    """What is shown after the answer."""
    before = shown(tab)
    tab.keyboard.press(key)
    tab.wait_for_function(
        "before => document.querySelector('[data-answer] [name=first]')?.value + "
        "document.querySelector('[data-answer] [name=second]')?.value !== before",
        arg="".join(before),
    )
    return shown(tab)


def test_a_pair_by_keyboard_alone_and_on_a_phone(tab: Any, user: Any):
    tab.goto(reverse("listen"))
    first = shown(tab)
    assert tab.evaluate(WIDER) <= 0 and tab.evaluate(SMALL) == []
    tab.keyboard.press("2")
    tab.locator("[data-compare][data-playing]").wait_for()
    assert tab.locator("[data-switch]").nth(1).get_attribute("aria-pressed") == "true"
    tab.wait_for_function("() => !document.querySelector('[data-time]').textContent.startsWith('0:00.0')")
    tab.keyboard.press("1")
    assert tab.locator("[data-switch]").first.get_attribute("aria-pressed") == "true"
    assert tab.locator("[data-compare][data-playing]").count() == 1, "switching goes on playing"

    second = press_and_go_on(tab, "ArrowLeft")
    third = press_and_go_on(tab, "ArrowRight")
    fourth = press_and_go_on(tab, "ArrowDown")
    fifth = press_and_go_on(tab, "b")
    press_and_go_on(tab, "n")
    kept = Preference.objects.filter(rater=user).order_by("created_at")
    told = [((str(row.sample_a_id), str(row.sample_b_id)), row.winner) for row in kept]
    assert told == [(first, "a"), (second, "b"), (third, "tie"), (fourth, "both_bad")]
    assert fifth not in [pair for pair, _ in told], "a pair that was passed over has no answer"
    tab.get_by_text("Rate single clips instead").click()
    tab.get_by_text("Compare pairs instead").wait_for()


def test_a_key_pressed_twice_answers_once(tab: Any, user: Any):
    tab.goto(reverse("listen"))
    before = shown(tab)
    tab.evaluate("""() => ["ArrowLeft", "ArrowRight"].forEach(key =>
      document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })))""")
    tab.wait_for_function(
        "before => document.querySelector('[data-answer] [name=first]')?.value + "
        "document.querySelector('[data-answer] [name=second]')?.value !== before",
        arg="".join(before),
    )
    shown(tab)
    assert Preference.objects.get(rater=user).winner == "a"
