"""Everything a person does with a clip, by touch alone on a phone and by keyboard alone: `bench.ease` in short."""

from __future__ import annotations

from typing import Any

import pytest

from bench.ease import prepare, walk
from text2song.tests.live import LiveStudio

pytestmark = [pytest.mark.browser, pytest.mark.worker, pytest.mark.slow]

JUDGED = 3


@pytest.mark.parametrize("hand", ["touch", "keyboard"])
def test_one_hand_does_it_all(live_studio: LiveStudio, chromium: Any, hand: str):
    prepare(live_studio)
    figures = walk(chromium, live_studio.url, hand, JUDGED)
    presses = {task: told["presses"] for task, told in figures.items()}
    few = {"touch": 1, "keyboard": 6}[hand]
    assert presses["rate"] <= few and presses["heart"] <= few
    assert presses["judge"] <= 3 * JUDGED + (1 if hand == "touch" else 40), (
        "a play, a star, the next; and the way there"
    )
