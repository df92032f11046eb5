"""Progress on a terminal, and work on several files at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from tqdm import tqdm

Given = TypeVar("Given")
Made = TypeVar("Made")

THREADS = 8
BATCH = 64
"""Files whose copying is noted together; an interruption costs no more than these."""


def bar(what: str, total: int, unit: str) -> tqdm:
    """A progress bar; nothing where stderr is no terminal."""
    return tqdm(desc=what, total=total, unit=f" {unit}", disable=None, file=sys.stderr)


def threads() -> ThreadPoolExecutor:
    """For use with `in_parallel`; one for a whole command, because every thread connects to the store anew."""
    return ThreadPoolExecutor(THREADS)


def in_parallel(pool: ThreadPoolExecutor, function: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[Made]:
    """The function's results in order; a few are computed at a time and none is kept, however many there are."""
    source = iter(given)
    while batch := list(islice(source, BATCH)):
        yield from pool.map(function, batch)
