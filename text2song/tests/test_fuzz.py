"""Whatever is thrown at the API, it answers in shape and without a server error: the short form of `bench.fuzz`."""

from __future__ import annotations

import pytest

from text2song.tests.fuzzing import KINDS, Thrower, rows_to_throw_at
from text2song.tests.live_web import LiveWeb

pytestmark = [pytest.mark.worker, pytest.mark.slow]

REQUESTS = 240
NO_LIMITS = {"API_RATE": "1000000/s", "API_GENERATE_RATE": "1000000/s", "MAX_ACTIVE_JOBS_PER_USER": "1000000"}


def test_whatever_is_thrown_at_the_api_it_answers_in_shape(tmp_path):
    with LiveWeb(tmp_path, LOG_LEVEL="CRITICAL", **NO_LIMITS) as studio:
        rows = f"from {rows_to_throw_at.__module__} import rows_to_throw_at as make; make()"
        studio.manage("shell", "--no-imports", "-c", rows)
        tally = Thrower(studio.url, studio.key, number=7).throw(REQUESTS)
    assert tally.faults == []
    assert tally.requests >= REQUESTS and all(tally.statuses[kind].total() > 20 for kind in KINDS)
