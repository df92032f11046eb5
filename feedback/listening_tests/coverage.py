"""Which seconds of a clip were heard: lists of `[from, to]`, merged and in order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from feedback.listening_tests.exceptions import CoverageImpossible, CoverageMissing
from text2song.exceptions import Refused

Intervals = list[list[float]]

MOST_SECONDS = 10.0
SHARE = 0.8
MOST_INTERVALS = 500
ROUNDING = 0.25
"""Seconds by which a report may pass the clock: browsers round times."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a page reports of both clips of a trial."""

    first: Intervals
    second: Intervals


def required_seconds(length: float) -> float:
    """Unique seconds of a clip of `length` seconds that must be heard before a vote."""
    return round(min(MOST_SECONDS, SHARE * length), 2)


def merged(intervals: Iterable[Sequence[float]]) -> Intervals:
    """In order, those that touch made one."""
    found: Intervals = []
    for start, end in sorted((start, end) for start, end in intervals):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return found


def seconds(intervals: Intervals) -> float:
    """The length of merged intervals."""
    return sum(end - start for start, end in intervals)


def parse(value: object, length: float, name: str) -> Intervals:
    """Reported intervals, merged and cut to a clip of `length` seconds; raises `Refused` for anything else."""
    wrong = Refused(
        gettext("%(name)s must be a list of [from, to] in seconds.") % {"name": name},
        fields={name: [gettext("Not a list of [from, to].")]},
    )
    if not isinstance(value, list) or len(value) > MOST_INTERVALS:
        raise wrong
    cut = []
    for item in value:
        if not isinstance(item, list) or len(item) != 2 or not all(_is_time(number) for number in item):
            raise wrong
        start, end = (min(float(number), length) for number in item)
        if start < end:
            cut.append((round(start, 3), round(end, 3)))
    return merged(cut)


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < 1e9 and math.isfinite(value)


def check_possible(heard: Heard, sent: tuple[datetime | None, datetime | None], now: datetime) -> None:
    """Raise `CoverageImpossible` for what cannot have been heard.

    One clip plays at a time and at its own speed, so unique seconds never outrun the clock: neither those of a clip
    since it was sent, nor those of both together since the first of them was.
    """
    times = [seconds(heard.first), seconds(heard.second)]
    for reported, since in zip(times, sent, strict=True):
        if reported and since is None:
            raise CoverageImpossible(gettext("Seconds were reported of a sample whose sound was never fetched."))
        if since is not None:
            _within(reported, (now - since).total_seconds())
    known = [since for since in sent if since is not None]
    if known:
        _within(sum(times), (now - min(known)).total_seconds())


def _within(reported: float, elapsed: float) -> None:
    if reported > elapsed + ROUNDING:
        raise CoverageImpossible(
            gettext(
                "%(reported)s s of listening were reported, but only %(possible)s s have passed since the sound was "
                "sent."
            )
            % {"reported": f"{reported:.1f}", "possible": f"{max(0.0, elapsed):.1f}"}
        )


def check_enough(heard: Heard, required: float) -> None:
    """Raise `CoverageMissing`, naming the seconds missing of each clip, unless both were heard enough."""
    missing = [max(0.0, required - seconds(part)) for part in (heard.first, heard.second)]
    if max(missing) > 0.05:
        raise CoverageMissing(*missing)


def check_time_passed(sent: tuple[datetime | None, datetime | None], required: float, now: datetime) -> None:
    """The same for a page without script, which cannot report what it plays.

    Then the server vouches for what it knows: it sent the sound of both clips, and since then enough time has passed
    to hear the required seconds of one after the other. Raises `CoverageMissing`.
    """
    elapsed = [(now - since).total_seconds() if since else 0.0 for since in sent]
    missing = [max(0.0, required - passed) for passed in elapsed]
    short = 2 * required - max(elapsed)
    if not any(missing) and short > 0:
        missing[elapsed.index(min(elapsed))] = short
    if max(missing) > 0.05:
        raise CoverageMissing(*missing)
