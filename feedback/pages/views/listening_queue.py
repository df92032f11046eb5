"""The listening queue: one thing after the other, whatever most needs this rater's ears."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from feedback import services
from feedback.models.judgements import set_key
from feedback.pages.panel import Panel, panel_context
from feedback.services.listening_queue import next_turn
from generation.listening.comparison import samples_to_compare
from text2song.exceptions import DomainError
from text2song.pages.requests import StudioRequest

SKIPPED = "listening_queue_skipped"
SKIPPED_PAIRS = "listening_queue_skipped_pairs"
SINGLES = "listening_queue_singles"
MOST_SKIPPED = 200
SKIP = "skip"
WINNERS = {"first": "a", "second": "b", "tie": "tie", "both_bad": "both_bad"}


class SkipForm(forms.Form):
    """The sample that is passed over."""

    sample = forms.UUIDField()


class PairForm(forms.Form):
    """What is said of the two clips as they were shown."""

    first = forms.UUIDField()
    second = forms.UUIDField()
    choice = forms.ChoiceField(choices=[(name, name) for name in (*WINNERS, SKIP)])


class ModeForm(forms.Form):
    """Single clips, or pairs where there are any."""

    singles = forms.BooleanField(required=False)


@require_safe
def queue(request: StudioRequest) -> HttpResponse:
    """The next pair, or the next sample with its panel; and the way into a test that waits."""
    return _page(request)


def _page(request: StudioRequest, problem: str = "") -> HttpResponse:
    singles = bool(request.session.get(SINGLES))
    turn = next_turn(
        rater=request.user,
        skipped=request.session.get(SKIPPED, []),
        skipped_pairs=request.session.get(SKIPPED_PAIRS, []),
        singles=singles,
    )
    shown: dict[str, Any] = {} if turn.sample is None else panel_context(request, Panel(turn.sample, request.user))
    context = {"turn": turn, "singles": singles, "problem": problem, **shown}
    return render(request, "feedback/queue.html", context, status=400 if problem else 200)


@require_POST
def skip(request: StudioRequest) -> HttpResponse:
    """Pass over the shown sample, judged or not, and go on; what was not judged comes again at the end."""
    form = SkipForm(request.POST)
    if form.is_valid():
        _remember(request, SKIPPED, str(form.cleaned_data["sample"]))
    return redirect("listen")


@require_POST
def answer_pair(request: StudioRequest) -> HttpResponse:
    """Keep what is said of the shown pair, or pass over it, and go on; a refusal is told above the next one."""
    form = PairForm(request.POST)
    if not form.is_valid():
        return _page(request, "Your answer did not arrive whole. Choose again.")
    first, second, choice = (form.cleaned_data[name] for name in ("first", "second", "choice"))
    if choice == SKIP:
        _remember(request, SKIPPED_PAIRS, set_key((first, second)))
        return redirect("listen")
    try:
        _prefer(request, first, second, WINNERS[choice])
    except DomainError as error:
        return _page(request, error.message)
    return redirect("listen")


def _prefer(request: StudioRequest, first: UUID, second: UUID, winner: str) -> None:
    sample_a, sample_b = samples_to_compare([first, second])
    services.prefer(sample_a=sample_a, sample_b=sample_b, winner=winner, rater=request.user)


@require_POST
def choose_mode(request: StudioRequest) -> HttpResponse:
    """From now on, in this session, single clips only, or pairs again."""
    form = ModeForm(request.POST)
    request.session[SINGLES] = form.is_valid() and form.cleaned_data["singles"]
    return redirect("listen")


def _remember(request: StudioRequest, name: str, skipped: str) -> None:
    request.session[name] = [*request.session.get(name, []), skipped][-MOST_SKIPPED:]
