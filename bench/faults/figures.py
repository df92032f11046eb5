"""What a fault is told by: one line for each figure, with what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

HEADER = f"{'fault':<10}{'figure':<62}{'found':>12}{'wanted':>12}  ok"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of a fault; `wanted` empty where the figure is only told."""

    fault: str
    figure: str
    found: float | int | str
    wanted: str = ""
    ok: bool = True

    def __str__(self) -> str:
        found = f"{self.found:.1f}" if isinstance(self.found, float) else str(self.found)
        verdict = ("yes" if self.ok else "NO") if self.wanted else ""
        return f"{self.fault:<10}{self.figure:<62}{found:>12}{self.wanted:>12}  {verdict}"


Fault = Callable[[bool], Iterator[Line]]
"""Breaks something and yields its lines; True asks for the short form."""


def exactly(fault: str, figure: str, found: float | int | str, wanted: float | int | str) -> Line:
    return Line(fault, figure, found, str(wanted), found == wanted)


def at_most(fault: str, figure: str, found: float, wanted: float) -> Line:
    return Line(fault, figure, found, f"<= {wanted:g}", found <= wanted)
