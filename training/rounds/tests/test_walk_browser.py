"""A whole round by its pages alone and by keyboard, in a real browser against real processes.

A program clicks (`bench/listener.py`): a declared synthetic rater that hears what the pages play. It signs in as the
first user, whose votes count as a person's. Rounds are small here (`small/apps.py`); `bench/teach.py` walks whole ones,
by mouse too, of which `test_pages_browser.py` has the clicks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bench.hands import Keyboard
from bench.listener import Ears, Listener, Wishes
from bench.teach import PERSON, watched_tab
from text2song.tests.live import PASSWORD, LiveStudio
from training.demo.tastes import TASTES
from training.rounds.tests.small.apps import VOTES

pytestmark = [pytest.mark.browser, pytest.mark.worker, pytest.mark.long]
SETTINGS = "training.rounds.tests.small.settings"
SHORTEN = "from generation.models import BaseModel; BaseModel.objects.update(max_duration=2, recommended_duration=2)"


@pytest.fixture
def studio(tmp_path) -> Iterator[LiveStudio]:
    with LiveStudio(tmp_path, DJANGO_SETTINGS_MODULE=SETTINGS, OMP_NUM_THREADS="1") as studio:
        studio.manage("shell", "-c", SHORTEN)
        yield studio


@pytest.mark.timeout(1500)  # every stage is real: some minutes, on a busy machine more
def test_from_an_empty_studio_to_the_decision(studio: LiveStudio, chromium: Any):
    ears = Ears(TASTES["brightness"], np.random.default_rng(5))
    with watched_tab(chromium, studio.url) as tab:
        listener = Listener(tab, Keyboard(tab), ears, patience=600)
        told = listener.walk(PERSON, PASSWORD, Wishes(drawn="4", votes=str(VOTES)))
    print(listener.seconds, told)
    (promotion,) = studio.api.get("/promotions/").json()["results"]
    assert told.votes == VOTES and told.trials >= promotion["votes"] > 0
    assert told.is_promoted == told.is_default == (promotion["outcome"] == "promoted")
    assert told.reason == promotion["reason"] and "Guards" in told.facts
    (adapter,) = studio.api.get("/adapters/").json()["results"]
    label = f"{adapter['name']} v{adapter['version']}"
    assert (label in told.begins_with) == told.is_promoted
    assert any("clips" in said for said in told.progress), "progress is shown while clips are made"
    assert "learned a taste" in told.understood
