"""Planning of clips longer than the model's window: overlapping windows, pure arithmetic."""

from __future__ import annotations

OVERLAP_SHARE = 1 / 3
"""How much of a window is context from the one before, unless the caller says otherwise."""


def windows(duration: float, window: float, overlap: float | None = None) -> list[tuple[float, float]]:
    """Return the (start, end) of each window, in seconds, that together make `duration`.

    Every window after the first begins `overlap` seconds before the previous one ends; that stretch is given to the
    model as context and not made again. A duration within one window needs exactly one.

    >>> windows(10, 10)
    [(0.0, 10.0)]
    >>> windows(25, 10, 4)
    [(0.0, 10.0), (6.0, 16.0), (12.0, 22.0), (18.0, 25.0)]
    """
    overlap = window * OVERLAP_SHARE if overlap is None else overlap
    if duration <= 0 or window <= 0 or not 0 <= overlap < window:
        raise ValueError(f"cannot plan {duration} s in windows of {window} s overlapping by {overlap} s")
    planned = [(0.0, float(min(duration, window)))]
    while planned[-1][1] < duration:
        start = planned[-1][1] - overlap
        planned.append((start, float(min(duration, start + window))))
    return planned
