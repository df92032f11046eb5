"""Planning of overlapping windows."""

from __future__ import annotations

from itertools import pairwise

import pytest

from generation.jobs.long_form import Window, windows


def test_a_clip_that_fits_takes_one_window():
    assert windows(30, 30, 10) == [Window(0, 0, 30)]
    assert windows(8, 30, 10, known=5) == [Window(0, 5, 8)]


def test_windows_overlap_and_the_last_is_as_long_as_needed():
    assert windows(65, 30, 10) == [Window(0, 0, 30), Window(20, 30, 50), Window(40, 50, 65)]


def test_what_exists_already_is_the_context():
    assert windows(50, 30, 10, known=25) == [Window(0, 25, 30), Window(20, 30, 50)]
    assert windows(50, 30, 10, known=40) == [Window(30, 40, 50)]


@pytest.mark.parametrize("duration", [1, 29, 30, 31, 50, 120])
@pytest.mark.parametrize("overlap", [0, 5, 29])
@pytest.mark.parametrize("known", [0, 0.5])
def test_any_plan_is_gapless_and_within_the_window(duration, overlap, known):
    plan = windows(duration, 30, overlap, known)
    assert plan[0].known == known
    assert plan[-1].end == duration
    assert all(window.end - window.start <= 30 and window.known < window.end for window in plan)
    assert all(after.known == before.end for before, after in pairwise(plan))
    assert all(after.known - after.start == overlap for after in plan[1:])


@pytest.mark.parametrize(
    "arguments", [(10, 30, 30), (10, 30, -1), (10, 0, 0), (0, 30, 10), (10, 30, 5, 10), (10, 30, 5, -1)]
)
def test_impossible_plans_are_refused(arguments):
    with pytest.raises(ValueError, match=r"overlap|continue"):
        windows(*arguments)
