"""What happened to an adapter, from the run that made it to the default it became or did not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext

from adapters.models import Adapter, DefaultChange
from training.models import Promotion, TrainingRun


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: what, to or with what (`subject` with its address), and more in words.

    `state` is a run's or a test's, as badges show it.
    """

    at: datetime
    what: str
    subject: str = ""
    url: str = ""
    detail: str = ""
    state: str = ""
    state_label: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """What a reader may know of an adapter: the run that made it, its tests for promotion (the newest first), and all
    that happened (the oldest first). Whether it is being tested is told to everybody.
    """

    run: TrainingRun | None
    promotions: list[Promotion]
    is_being_tested: bool
    events: list[Event]


def story_of(adapter: Adapter, reader: User, relatives: Iterable[Adapter]) -> Story:
    """In three queries. `adapter` must come `with_context()`; `relatives` are its children and its other versions."""
    runs = list(
        TrainingRun.objects.filter(Q(adapter=adapter) | Q(parent=adapter)).select_related("dataset", "experiment")
    )
    tests = list(adapter.promotions.with_context())
    promotions = [test for test in tests if test.is_visible_to(reader)]
    events = [
        *_runs(adapter, runs),
        *_registrations(adapter, {other.pk: other for other in relatives}.values()),
        *_tests(promotions),
        *_defaults(adapter),
    ]
    return Story(
        run=next((run for run in runs if run.adapter_id == adapter.pk), None),
        promotions=promotions,
        is_being_tested=any(test.is_open for test in tests),
        events=sorted(events, key=lambda event: event.at),
    )


def _runs(adapter: Adapter, runs: Iterable[TrainingRun]) -> Iterator[Event]:
    """The run that made it, and those that went on from it."""
    for run in runs:
        made_it = run.adapter_id == adapter.pk
        result = "" if run.result is None else f", {run.result_name.lower()} {run.result:.4g}"
        yield Event(
            at=(run.finished_at if made_it else run.started_at) or run.queued_at,
            what=gettext("Trained by") if made_it else gettext("Trained further by"),
            subject=gettext("%(run)s of %(experiment)s") % {"run": run.name, "experiment": run.experiment.name},
            url=reverse("run-detail", args=[run.pk]),
            detail=gettext("%(method)s on “%(dataset)s”") % {"method": run.method, "dataset": run.dataset.name}
            + result,
            state=run.state,
            state_label=run.get_state_display(),
        )


def _registrations(adapter: Adapter, relatives: Iterable[Adapter]) -> Iterator[Event]:
    """Its own, that of its parent, and those of its children and other versions."""
    words = {"source": adapter.get_source_display().lower(), "name": adapter.created_by}
    said = gettext("Registered: %(source)s, by %(name)s") if adapter.created_by else gettext("Registered: %(source)s")
    yield Event(adapter.created_at, said % words)
    if adapter.parent and not adapter.parent.is_deleted:
        yield Event(adapter.parent.created_at, gettext("Its parent was registered:"), *_link(adapter.parent))
    for other in relatives:
        if other.pk not in (adapter.pk, adapter.parent_id):
            what = (
                gettext("Continued in") if other.parent_id == adapter.pk else gettext("Another version was registered:")
            )
            yield Event(other.created_at, what, *_link(other))


def _tests(promotions: Iterable[Promotion]) -> Iterator[Event]:
    for promotion in promotions:
        link = reverse("test-detail", args=[promotion.test_id]) if not promotion.test.is_deleted else ""
        against = gettext("against %(opponent_name)s on “%(suite)s”") % {
            "opponent_name": promotion.opponent_name,
            "suite": promotion.test.suite,
        }
        yield Event(promotion.created_at, gettext("Blind test opened"), against, link)
        if not promotion.is_open and promotion.decided_at is not None:
            state = "completed" if promotion.outcome == Promotion.Outcome.PROMOTED else "cancelled"
            told = promotion.get_outcome_display()
            yield Event(
                promotion.decided_at, gettext("Blind test decided"), against, link, promotion.reason, state, told
            )


def _defaults(adapter: Adapter) -> Iterator[Event]:
    changes = DefaultChange.objects.filter(Q(before=adapter) | Q(after=adapter))
    for change in changes.select_related("before", "after", "base_model", "actor"):
        became = change.after_id == adapter.pk
        other = change.before if became else change.after
        name = (
            other.label if other else gettext("%(base_model)s alone") % {"base_model": change.base_model.display_name}
        )
        by = gettext(" by %(name)s") % {"name": change.actor} if change.actor else ""
        yield Event(
            at=change.created_at,
            what=gettext("Became the default in place of")
            if became
            else gettext("No longer the default; preselected now is"),
            subject=name,
            url=_link(other)[1] if other and not other.is_deleted else "",
            detail=f"{change.get_reason_display()}{by}",
        )


def _link(adapter: Adapter) -> tuple[str, str]:
    return adapter.label, reverse("adapter-detail", args=[adapter.pk])
