"""Two to five runs side by side: their curves together, and a table of how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext

from training.exceptions import NotComparable
from training.models import TrainingRun
from training.runs.curves import Curve, metric_curves, metric_names
from training.runs.yardstick import differences, of_run

FEWEST, MOST = 2, 5
MOST_POINTS = 500
BETTER = {
    "loss": min,
    "rewards/rejected": min,
    "rewards/chosen": max,
    "rewards/margins": max,
    "rewards/accuracies": max,
    "logps/chosen": max,
}
"""Of which metrics one end is better; held-out ones alike. Of the others none is."""
SMALLEST_BASE = 1e-6
"""A metric below it is zero but for rounding."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A run's final value of a metric, and how far it is from the row's best.

    `percent` is None where a share would say nothing: of a best near zero. `difference` is in the metric's own unit.
    Both are None where there is no best.
    """

    value: float | None
    is_best: bool
    percent: float | None
    difference: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A metric over all runs, in their order."""

    name: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`curves` holds the curves of each run, in the order of `runs`."""

    runs: list[TrainingRun]
    curves: list[list[Curve]]
    rows: list[Row]
    settings: dict[str, list[object]]
    """Settings in which the runs differ, each with a value per run."""
    note: str
    """Why no run is marked as better; empty when their losses can be compared."""


def compare_runs(*, runs: Sequence[TrainingRun]) -> Comparison:
    """Compare 2 to 5 different runs; raises `NotComparable`.

    The best is told only among runs of one loss, its settings (`beta` among them) and data.
    """
    if len({run.pk for run in runs}) != len(runs):
        raise NotComparable(gettext("One run is named twice. Name each run once."))
    if not FEWEST <= len(runs) <= MOST:
        raise NotComparable(
            gettext("Choose %(fewest)s to %(most)s runs to compare, not %(runs)s.")
            % {"fewest": FEWEST, "most": MOST, "runs": len(runs)}
        )
    curves = [metric_curves(run=run, most=MOST_POINTS) for run in runs]
    names = list(dict.fromkeys(name for run in runs for name in metric_names(run)))
    note = _note(differences([of_run(run) for run in runs]))
    rows = [_row(name, [_final(made, name) for made in curves], marked=not note) for name in names]
    keys = list(dict.fromkeys(key for run in runs for key in run.config))
    values = {key: [run.config.get(key) for run in runs] for key in keys}
    differing = {key: row for key, row in values.items() if any(value != row[0] for value in row)}
    return Comparison(list(runs), curves, rows, differing, note)


def _final(curves: Sequence[Curve], name: str) -> float | None:
    return next((curve.last for curve in curves if curve.name == name), None)


def _note(differing: Sequence[str]) -> str:
    if not differing:
        return ""
    return gettext(
        "None is marked as better: the runs differ in %(join)s, so their losses and rewards "
        "measure different things. Compare runs that share these."
    ) % {"join": ", ".join(differing)}


def _row(name: str, values: Sequence[float | None], *, marked: bool) -> Row:
    better = BETTER.get(name.removeprefix("eval_")) if marked else None
    there = [value for value in values if value is not None]
    best = better(there) if better and there else None
    return Row(name, [_cell(value, best) for value in values])


def _cell(value: float | None, best: float | None) -> Cell:
    if value is None or best is None:
        return Cell(value, is_best=False, percent=None, difference=None)
    return Cell(value, is_best=value == best, percent=_percent(value, best), difference=value - best)


def _percent(value: float, best: float) -> float | None:
    """Difference from the best in per cent of the best; None where the best is too near zero to be a measure."""
    if abs(best) < SMALLEST_BASE or abs(value - best) > abs(best):
        return None
    return 100 * (value - best) / abs(best)
