"""Two to five runs side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from text2song.exceptions import DomainError, Refused
from text2song.pages.requests import StudioRequest
from training.models import TrainingRun
from training.pages.measures import for_chart
from training.runs.comparison import Comparison, compare_runs
from training.runs.curves import Curve


@require_safe
def compare(request: StudioRequest) -> HttpResponse:
    """The runs `?ids=`: the curves of `?metric=` in one chart, and how every metric ended."""
    try:
        compared = compare_runs(runs=_runs(request.GET.getlist("ids")))
    except DomainError as error:
        return render(request, "training/compare.html", {"problem": error.message}, status=error.status)
    names = [row.name for row in compared.rows]
    asked = request.GET.get("metric", "")
    metric = asked if asked in names else next(iter(names), "")
    context = {"compared": compared, "names": names, "metric": metric, "chart": _chart(compared, metric)}
    return render(request, "training/compare.html", context)


def _runs(ids: list[str]) -> list[TrainingRun]:
    """The runs in the order they were named; raises `Refused` when one is none."""
    try:
        wanted = [UUID(text) for text in ids]
    except ValueError as error:
        raise Refused(
            gettext("One of these is no run. Tick runs on the page of an experiment, then choose Compare.")
        ) from error
    found = TrainingRun.objects.with_context().in_bulk(wanted)
    if len(found) != len(set(wanted)):
        raise Refused(
            gettext("One of these runs was deleted. Tick others on the page of an experiment, then choose Compare.")
        )
    return [found[pk] for pk in wanted]


def _chart(compared: Comparison, metric: str) -> dict[str, Any]:
    several = len({run.experiment_id for run in compared.runs}) > 1
    labels = [f"{run.experiment.name}: {run.name}" if several else run.name for run in compared.runs]
    drawn = [_curve(curves, metric) for curves in compared.curves]  # one each, so that every run keeps its colour
    return {"over": True, "curves": for_chart(zip(labels, drawn, strict=True))}


def _curve(curves: Iterable[Curve], metric: str) -> Curve:
    return next((curve for curve in curves if curve.name == metric), Curve(metric, [], is_thinned=False))
