"""The listening queue: one thing after the other, whatever most needs this rater's ears."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from feedback.pages.forms import SCORE_ERROR, SCORES
from feedback.pages.panel import Panel, panel_context
from feedback.pages.turn_memory import TurnMemory
from feedback.services.asking import Reason
from feedback.services.listening_queue import clip_to_show, next_turn
from generation.listening.comparison import samples_to_compare
from text2song.exceptions import DomainError
from text2song.pages.requests import StudioRequest

SKIP = "skip"
TOLD = "listening_queue_undone"
WINNERS = {"first": "a", "second": "b", "tie": "tie", "both_bad": "both_bad"}


class NextForm(forms.Form):
    """The clip that is left, with what was said of it as a whole, or nothing."""

    sample = forms.UUIDField()
    score = forms.TypedChoiceField(
        choices=SCORES, coerce=int, empty_value=None, required=False, error_messages={"invalid_choice": SCORE_ERROR}
    )


class PairForm(forms.Form):
    """What is said of the two clips as they were shown."""

    first = forms.UUIDField()
    second = forms.UUIDField()
    choice = forms.ChoiceField(choices=[(name, name) for name in (*WINNERS, SKIP)])
    reason = forms.TypedChoiceField(
        choices=[(reason.value, reason.value) for reason in Reason],
        coerce=Reason,
        empty_value=Reason.SPREAD,
        required=False,
    )


class ModeForm(forms.Form):
    """Single clips, or pairs where there are any."""

    singles = forms.BooleanField(required=False)


@require_safe
def queue(request: StudioRequest) -> HttpResponse:
    """The next pair, or the next sample with its panel; and the way into a test that waits."""
    return _page(request)


def _page(request: StudioRequest, problem: str = "") -> HttpResponse:
    memory = TurnMemory(request.session, request.user)
    turn = next_turn(
        rater=request.user,
        skipped=memory.skipped,
        skipped_pairs=memory.skipped_pairs,
        singles=memory.singles,
        shown=memory.shown(),
    )
    panel: dict[str, Any] = {} if turn.sample is None else panel_context(request, Panel(turn.sample, request.user))
    context = {
        "turn": turn,
        "singles": memory.singles,
        "problem": problem,
        "can_undo": memory.can_undo,
        "undone": request.session.pop(TOLD, False),
        "on_listen": True,
        **panel,
    }
    return render(request, "feedback/queue.html", context, status=400 if problem else 200)


@require_POST
def go_on(request: StudioRequest) -> HttpResponse:
    """Leave the shown clip, with the stars that were chosen or without; what was not judged comes again at the end."""
    form = NextForm(request.POST)
    memory = TurnMemory(request.session, request.user)
    if "score" in form.errors:
        return _page(request, str(form.errors["score"][0]))
    sample = clip_to_show(form.cleaned_data["sample"]) if form.is_valid() else None
    if sample is None:
        memory.go_on()
        return redirect("listen")
    score, overall = form.cleaned_data["score"], Panel(sample, request.user).overall
    try:
        if score is not None and overall is not None:
            memory.rate(sample, overall.criterion.slug, score)
        else:
            memory.pass_over(sample.pk)
    except DomainError as error:
        return _page(request, error.message)
    memory.go_on()
    return redirect("listen")


@require_POST
def answer_pair(request: StudioRequest) -> HttpResponse:
    """Keep what is said of the shown pair, or pass over it, and go on; a refusal is told above the next one."""
    form = PairForm(request.POST)
    if not form.is_valid():
        return _page(request, _("Your answer did not arrive whole. Choose again."))
    memory = TurnMemory(request.session, request.user)
    try:
        _answer(memory, **form.cleaned_data)
    except DomainError as error:
        return _page(request, error.message)
    memory.go_on()
    return redirect("listen")


def _answer(memory: TurnMemory, *, first: UUID, second: UUID, choice: str, reason: Reason) -> None:
    if choice == SKIP:
        memory.pass_over_pair(first, second, reason)
    else:
        sample_a, sample_b = samples_to_compare([first, second])
        memory.prefer(sample_a, sample_b, WINNERS[choice], reason)


@require_POST
def undo(request: StudioRequest) -> HttpResponse:
    """Take this session's last answer back and show what it was about again."""
    try:
        request.session[TOLD] = TurnMemory(request.session, request.user).undo()
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("listen")


@require_POST
def choose_mode(request: StudioRequest) -> HttpResponse:
    """From now on, in this session, single clips only, or pairs again."""
    form = ModeForm(request.POST)
    TurnMemory(request.session, request.user).choose_singles(form.is_valid() and form.cleaned_data["singles"])
    return redirect("listen")
