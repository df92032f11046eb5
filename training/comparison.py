"""Two to five runs side by side: their curves together, and a table of how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.curves import Curve, metric_curves, metric_names
from training.exceptions import NotComparable
from training.models import TrainingRun

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


@dataclass(frozen=True, slots=True)
class Cell:
    """A run's final value of a metric; `percent` is how far it is from the row's best. None where there is none."""

    value: float | None
    is_best: bool
    percent: float | None


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


def compare_runs(*, runs: Sequence[TrainingRun]) -> Comparison:
    """Compare 2 to 5 different runs; raises `NotComparable`."""
    if len({run.pk for run in runs}) != len(runs):
        raise NotComparable("Name each run once.")
    if not FEWEST <= len(runs) <= MOST:
        raise NotComparable(f"Choose {FEWEST} to {MOST} runs to compare, not {len(runs)}.")
    curves = [metric_curves(run=run, most=MOST_POINTS) for run in runs]
    names = list(dict.fromkeys(name for run in runs for name in metric_names(run)))
    rows = [_row(name, [_final(made, name) for made in curves]) for name in names]
    keys = list(dict.fromkeys(key for run in runs for key in run.config))
    values = {key: [run.config.get(key) for run in runs] for key in keys}
    differing = {key: row for key, row in values.items() if any(value != row[0] for value in row)}
    return Comparison(list(runs), curves, rows, differing)


def _final(curves: Sequence[Curve], name: str) -> float | None:
    return next((curve.last for curve in curves if curve.name == name), None)


def _row(name: str, values: Sequence[float | None]) -> Row:
    better = BETTER.get(name.removeprefix("eval_"))
    there = [value for value in values if value is not None]
    best = better(there) if better and there else None
    return Row(name, [Cell(v, v is not None and v == best, _percent(v, best)) for v in values])


def _percent(value: float | None, best: float | None) -> float | None:
    """Difference from the best in per cent of the best; None where there is no such share."""
    if value is None or not best:
        return None
    return 100 * (value - best) / abs(best)
