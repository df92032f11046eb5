"""Metrics as charts need them: few enough points to draw, however long a run was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from training.models import TrainingRun

MOST_POINTS = 2000


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a step, and when it was reported."""

    step: int
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric of one run. `is_thinned` when points between the first and the last were left out."""

    name: str
    points: list[Point]
    is_thinned: bool

    @property
    def last(self) -> float | None:
        return self.points[-1].value if self.points else None


def metric_names(run: TrainingRun) -> list[str]:
    """The metrics the run has reported, the loss first."""
    names = run.metric_points.order_by("name").values_list("name", flat=True).distinct()
    return sorted(names, key=lambda name: (name != "loss", name.startswith("eval_"), name))


def metric_curves(
    *,
    run: TrainingRun,
    names: Sequence[str] | None = None,
    first_step: int | None = None,
    last_step: int | None = None,
    most: int = MOST_POINTS,
) -> list[Curve]:
    """Curves of the metrics `names` (None is all) between two steps, both included; those without points are left out.

    Each has at most `most` points, evenly spread, the first and the last among them.
    """
    wanted = metric_names(run) if names is None else names
    curves = [_curve(run, name, first_step, last_step, most) for name in wanted]
    return [curve for curve in curves if curve.points]


def _curve(run: TrainingRun, name: str, first: int | None, last: int | None, most: int) -> Curve:
    points = run.metric_points.filter(name=name).between(first, last)
    rows = points.thinned(most).values_list("step", "value", "recorded_at")
    made = [Point(*row) for row in rows]
    return Curve(name, made, is_thinned=len(made) < points.count())
