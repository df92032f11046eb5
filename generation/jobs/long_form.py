"""Planning of clips longer than a model's window: overlapping windows, each continuing the end of the one before."""

from __future__ import annotations

from dataclasses import dataclass

LONG_FORM_MAX_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Window:
    """One run of the decoder over `[start, end)`; what lies before `known` is given, the rest is made new.

    In the unit of the caller: seconds, or whole frames.
    """

    start: float
    known: float
    end: float


def windows(duration: float, window: float, overlap: float, known: float = 0) -> list[Window]:
    """Windows that make a clip of `duration`, of which the first `known` exists already.

    All four are in the same unit. As long as the clip fits one window there is exactly one, with everything known as
    its context; afterwards each further window sees the last `overlap` of the clip. Raises ValueError when
    `duration <= known` or the overlap does not leave room for anything new.
    """
    if window <= 0 or not 0 <= overlap < window:
        raise ValueError(f"The overlap must be at least 0 and less than the window of {window:g}; it is {overlap:g}.")
    if not 0 <= known < duration:
        raise ValueError(f"A clip of {duration:g} cannot continue {known:g} that exist already.")
    planned = []
    while known < duration:
        start = 0 if known < window else known - overlap
        end = min(start + window, duration)
        planned.append(Window(start, known, end))
        known = end
    return planned
