"""What a run reports, as pages and their polling show it: log, chart, and the same values as a table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.utils import timezone

from text2song.pages.requests import StudioRequest
from training.models import TrainingRun
from training.pages.measures import Measure, choose, for_chart, measures
from training.runs.curves import metric_curves, metric_names
from training.runs.journal import MOST_LINES, log_lines

ROWS = 50
LAST_WORDS = timedelta(seconds=10)
"""For so long after its end a run may still get lines: those written just after the state changed."""
MOST_STEP = 2**31 - 1


def whole_number(text: str | None, default: int = 0) -> int:
    """The number in a query, kept to what a database can compare; `default` for anything else."""
    return min(int(text), MOST_STEP) if text and text.isascii() and text.isdecimal() and len(text) < 19 else default


def log_context(request: StudioRequest, run: TrainingRun) -> dict[str, Any]:
    """The lines after number `?after=`; `is_live` while more may come, `has_more` when more are there already."""
    after = whole_number(request.GET.get("after"))
    lines = log_lines(run=run, after=after)
    has_more = len(lines) == MOST_LINES
    ended_just_now = run.finished_at is not None and timezone.now() - run.finished_at < LAST_WORDS
    return {
        "lines": lines,
        "last_line": lines[-1].number if lines else after,
        "has_more": has_more,
        "is_live": has_more or run.is_unfinished or ended_just_now,
    }


def metrics_context(request: StudioRequest, run: TrainingRun) -> dict[str, Any]:
    """The chart of the measure `?measure=`, or the first."""
    found = measures(metric_names(run))
    measure = choose(found, request.GET.get("measure", ""))
    return {
        "measures": found,
        "measure": measure,
        "chart": chart(run, measure) if measure else None,
    }


def chart(run: TrainingRun, measure: Measure, first_step: int | None = None) -> dict[str, Any]:
    """What the charts' script draws. `over` tells it to stop asking."""
    curves = metric_curves(run=run, names=measure.names, first_step=first_step)
    return {"over": not run.is_unfinished, "curves": for_chart((curve.name, curve) for curve in curves)}


def values_table(request: StudioRequest, run: TrainingRun, measure: Measure) -> Page:
    """Every value of a measure, newest first: rows of step, time and a value for each of its names."""
    points = run.metric_points.filter(name__in=measure.names)
    steps = points.order_by("-step").values_list("step", flat=True).distinct()
    page: Page = Paginator(steps, ROWS).get_page(request.GET.get("page"))
    wanted = list(page.object_list)
    rows: dict[int, dict[str, Any]] = {step: {"step": step, "at": None, "values": {}} for step in wanted}
    for point in points.filter(step__in=wanted):
        rows[point.step]["at"] = point.recorded_at
        rows[point.step]["values"][point.name] = point.value
    page.object_list = [row | {"cells": [row["values"].get(name) for name in measure.names]} for row in rows.values()]
    return page
