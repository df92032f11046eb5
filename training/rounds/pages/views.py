"""“Teach the studio”: rounds, one of them step by step, and the pairs it asks its owner about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from feedback.pages.forms import PreferenceForm
from generation.listening.favorite_lists import mark_hearts
from text2song.exceptions import DomainError, Forbidden
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from training.models import Round
from training.rounds.budget import spent
from training.rounds.pages.forms import GoOnForm, MoreVotesForm, RoundForm, VoteForm
from training.rounds.pairs import next_pair, open_count
from training.rounds.services import (
    begins_with,
    cancel_round,
    give_more_votes,
    go_on,
    may_change,
    pause_round,
    start_round,
    vote,
)
from training.rounds.stopping import left_by
from training.rounds.story import JUDGED_BY_EAR, agreement, how_far, stages, told, understood, votes

PER_PAGE = 20


@require_safe
def rounds(request: StudioRequest) -> HttpResponse:
    """The one under way, what came of the others, and the way to a new one."""
    listed = Round.objects.visible_to(request.user).with_context().order_by("-created_at", "-id")
    page = Paginator(listed, PER_PAGE).get_page(request.GET.get("page"))
    mine = Round.objects.unfinished().filter(owner=request.user).with_context().first()
    rows = [told(round_, request.user) for round_ in page]
    return render(request, "training/rounds/list.html", {"page": page, "rows": rows, "mine": mine})


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StudioRequest) -> HttpResponse:
    """Choose what for, how much listening, and a budget; then it begins."""
    form = RoundForm(request.POST if request.method == "POST" else None, owner=request.user)
    if form.is_valid():
        try:
            round_ = start_round(actor=request.user, **form.chosen())
        except (DomainError, ValidationError) as error:
            add_refusal(form, error)
        else:
            messages.success(request, gettext("Your clips are on their way. You can leave this page and come back."))
            return redirect("round-detail", round_id=round_.pk)
    context = {"form": form, "begins_with": begins_with()}
    return render(request, "training/rounds/new.html", context, status=400 if form.errors else 200)


@require_safe
def detail(request: StudioRequest, round_id: UUID) -> HttpResponse:
    """Where it stands, what each step made, and what can be done."""
    round_ = _round(request, round_id)
    return render(request, "training/rounds/detail.html", _page(request, round_))


@require_safe
def status(request: StudioRequest, round_id: UUID) -> HttpResponse:
    """Where it stands alone, for polling; with the rest that changed once it is at another step."""
    round_ = _round(request, round_id)
    seen = request.GET.get("seen", _seen(round_))
    if seen == _seen(round_) or not request.htmx:
        return render(request, "training/rounds/_status.html", _context(request, round_))
    untaught = (*JUDGED_BY_EAR, Round.Step.FITTING)
    keeps = round_.state != Round.State.COMPLETED and not {round_.step, seen.partition("-")[0]} & set(untaught)
    return render(request, "training/rounds/_update.html", _page(request, round_) | {"keeps_taught": keeps})


def _page(request: StudioRequest, round_: Round) -> dict[str, Any]:
    """Everything its page shows."""
    found, agreed = understood(round_), agreement(round_)
    clips = [*found.liked, *found.disliked] if found else []
    clips += [clip for pair in (agreed.surprises if agreed else ()) for clip in (pair.preferred, pair.scored_higher)]
    mark_hearts(request.user, clips)
    return _context(request, round_) | {
        "understood": found,
        "agreement": agreed,
        "clips": clips,
        "story": told(round_, request.user),
    }


def _context(request: StudioRequest, round_: Round) -> dict[str, Any]:
    is_mine = round_.owner_id == request.user.pk
    return {
        "round": round_,
        "seen": _seen(round_),
        "stages": stages(round_),
        "how_far": how_far(round_),
        "spent": spent(round_),
        "may_change": may_change(request.user, round_),
        "is_mine": is_mine,
        "can_judge": is_mine and _can_judge(round_),
        "can_listen": _can_listen(round_),
    }


def _can_judge(round_: Round) -> bool:
    """Whether a pair waits and votes are wanted; pairs do before all clips are made."""
    wants_votes = round_.step in JUDGED_BY_EAR and round_.is_under_way
    return wants_votes and votes(round_).is_short and open_count(round_) > 0


def _can_listen(round_: Round) -> bool:
    """Whether trials of its blind test wait for its owner; the first do before all clips are made."""
    test = round_.promotion.test if round_.promotion and round_.step == Round.Step.TESTING else None
    if test is None or not test.is_open or test.opened_at is None:
        return False
    far = how_far(round_)
    return not round_.asks_its_owner or (far is not None and far.is_short)


def _seen(round_: Round) -> str:
    return f"{round_.step}-{round_.state}"


def _round(request: StudioRequest, round_id: UUID) -> Round:
    """One that the reader may know of: their own, and any for curators."""
    return get_object_or_404(Round.objects.visible_to(request.user).with_context(), pk=round_id)


# -- judging ---------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def judge(request: StudioRequest, round_id: UUID) -> HttpResponse:
    """One pair at a time, until the votes are given. Nothing is told of what a taste makes of the two."""
    round_ = _round(request, round_id)
    if round_.owner_id != request.user.pk:
        raise PermissionDenied(gettext("A round learns the taste of its owner: only they judge its pairs."))
    form = None
    if request.method == "POST":
        form, done = _voted(request, round_)
        if done:
            return done
    given = votes(round_)
    asks = round_.is_unfinished and round_.step in JUDGED_BY_EAR and given.is_short
    pair = next_pair(round_) if asks else None
    if pair is None:
        if round_.step == Round.Step.MAKING and round_.is_under_way:
            messages.info(request, gettext("There is nothing to judge until more clips are made."))
        return redirect("round-detail", round_id=round_.pk)
    choices = [
        (str(clip.pk), gettext("Clip %(number)s") % {"number": number}) for number, clip in enumerate(pair.samples, 1)
    ]
    context = _context(request, round_) | {
        "samples": pair.samples,
        "reason": pair.reason,
        "form": form or PreferenceForm(choices=choices),
        "votes": given,
        "open": open_count(round_),
    }
    return render(request, "training/rounds/judge.html", context, status=400 if form else 200)


def _voted(request: StudioRequest, round_: Round) -> tuple[PreferenceForm | None, HttpResponse | None]:
    """The form with its errors, or the way to the next pair."""
    named = VoteForm(request.POST)
    if not named.is_valid():
        messages.error(request, gettext("This form names no pair. Judge the one that is shown."))
        return None, redirect("round-judge", round_id=round_.pk)
    form = PreferenceForm(request.POST, choices=[(str(pk), gettext("Clip")) for pk in named.pair])
    if not form.is_valid():
        return form, None
    values = form.cleaned_data
    try:
        after = vote(
            actor=request.user,
            round_=round_,
            first=values["sample_a"],
            second=values["sample_b"],
            winner=values["winner"],
            strength=values["strength"],
        )
    except DomainError as error:
        add_refusal(form, error)
        return form, None
    over = after.step not in JUDGED_BY_EAR
    if over:
        messages.success(request, gettext("Thank you: these are all the votes it needs now."))
    return None, redirect("round-detail" if over else "round-judge", round_id=round_.pk)


# -- what its owner decides ------------------------------------------------------------------------------------------


@require_POST
def proceed(request: StudioRequest, round_id: UUID) -> HttpResponse:
    """Begin what is next, try again, or end a pause."""
    return _do(request, round_id, GoOnForm(request.POST), go_on, gettext("It goes on."))


@require_POST
def more(request: StudioRequest, round_id: UUID) -> HttpResponse:
    """Give more votes before it is trained."""
    return _do(request, round_id, MoreVotesForm(request.POST), give_more_votes, gettext("Listen to more pairs."))


@require_POST
def pause(request: StudioRequest, round_id: UUID) -> HttpResponse:
    """Begin nothing more."""
    return _do(request, round_id, forms.Form(request.POST), pause_round, "Paused.")


@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: StudioRequest, round_id: UUID) -> HttpResponse:
    """Ask, naming what stays, and end it."""
    round_ = _round(request, round_id)
    if not may_change(request.user, round_):
        raise PermissionDenied(gettext("Only the person whose round it is, or a curator, can cancel it."))
    if request.method == "POST":
        return _do(request, round_id, forms.Form(request.POST), cancel_round, gettext("The round was cancelled."))
    kept = left_by(round_)
    return confirm_page(
        request,
        title=gettext("Cancel round %(number)s?") % {"number": round_.number},
        text=gettext("What works for it now is stopped. What was made stays: %(kept)s") % {"kept": ", ".join(kept)}
        if kept
        else gettext("What works for it now is stopped. What was made stays."),
        confirm_label=gettext("Cancel the round"),
        cancel_url=reverse("round-detail", args=[round_.pk]),
    )


def _do(
    request: StudioRequest, round_id: UUID, form: forms.Form, service: Callable[..., Round], done: str
) -> HttpResponse:
    """Call a service for the user: its refusal becomes a message, a missing right a 403."""
    round_ = _round(request, round_id)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("round-detail", round_id=round_.pk)
    try:
        after = service(actor=request.user, round_=round_, **form.cleaned_data)
        if after.state in (Round.State.FAILED, Round.State.PAUSED) and service is not pause_round:
            messages.error(request, after.told)
        else:
            messages.success(request, done)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except (DomainError, ValidationError) as error:
        messages.error(request, error.message if isinstance(error, DomainError) else " ".join(error.messages))
    return redirect("round-detail", round_id=round_.pk)
