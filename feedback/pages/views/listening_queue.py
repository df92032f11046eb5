"""The listening queue: one thing after the other, whatever most needs this rater's ears."""

from __future__ import annotations

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from feedback.pages.panel import Panel, panel_context
from feedback.services.listening_queue import next_turn
from text2song.pages.requests import StudioRequest

SKIPPED = "listening_queue_skipped"
MOST_SKIPPED = 200


class SkipForm(forms.Form):
    """The sample that is passed over."""

    sample = forms.UUIDField()


@require_safe
def queue(request: StudioRequest) -> HttpResponse:
    """The next sample with its panel, and the way into a test that waits."""
    turn = next_turn(rater=request.user, skipped=request.session.get(SKIPPED, []))
    shown = {} if turn.sample is None else panel_context(request, Panel(turn.sample, request.user))
    return render(request, "feedback/queue.html", {"turn": turn, **shown})


@require_POST
def skip(request: StudioRequest) -> HttpResponse:
    """Pass over the shown sample, judged or not, and go on; what was not judged comes again at the end."""
    form = SkipForm(request.POST)
    if form.is_valid():
        skipped = [*request.session.get(SKIPPED, []), str(form.cleaned_data["sample"])]
        request.session[SKIPPED] = skipped[-MOST_SKIPPED:]
    return redirect("listen")
