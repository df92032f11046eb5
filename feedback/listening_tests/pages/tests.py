"""Listening tests as curators run them, and as raters find them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, pgettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from feedback.listening_tests import pairs
from feedback.listening_tests.access import find_test, may_see_results
from feedback.listening_tests.pages.forms import (
    ArmFormSet,
    EditForm,
    InvitationForm,
    ListeningTestForm,
    ReopenForm,
    refused_arms,
    sides_of,
)
from feedback.listening_tests.services import creation, lifecycle
from feedback.listening_tests.services.results import results
from feedback.listening_tests.services.trials import rater_progress
from feedback.models import ListeningTest
from feedback.querysets import OPEN_STATES
from text2song.exceptions import DomainError, NotFound
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from text2song.refusals import refuse_choice

PAGE = 20
View = Callable[..., HttpResponse]


def curators_only(view: View) -> View:
    """403 for anyone but curators."""

    @wraps(view)
    def checked(request: StudioRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_staff:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return checked


def test_or_404(request: StudioRequest, test_id: UUID) -> ListeningTest:
    """The test if the caller may know of it."""
    try:
        return find_test(request.user, test_id)
    except NotFound as error:
        raise Http404 from error


@require_safe
def test_list(request: StudioRequest) -> HttpResponse:
    """Open tests, those that are over, and for curators drafts."""
    tests = ListeningTest.objects.visible_to(request.user)
    states = {"open": OPEN_STATES, "closed": ("completed",), "drafts": ("draft",)}
    labels = {"open": pgettext("tests", "Open"), "closed": gettext("Over")} | (
        {"drafts": gettext("Drafts")} if request.user.is_staff else {}
    )
    if refused := refuse_choice(request, "show", labels):
        return refused
    shown = request.GET.get("show") or "open"
    found = tests.filter(state__in=states[shown]).with_progress().order_by("-created_at", "id")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    words = gettext("%(pairs)s/%(wanted)s pairs generated")
    for test in page:
        wanted = math.comb(test.arm_count, 2) * test.prompt_count * test.samples_per_prompt
        test.pairs_in_words = words % {"pairs": test.pair_count, "wanted": wanted}  # type: ignore[attr-defined]  # for the template
    counts = {name: tests.filter(state__in=some).count() for name, some in states.items()}
    tabs = [
        {"label": label, "url": f"?show={name}", "count": counts[name], "current": name == shown}
        for name, label in labels.items()
    ]
    return render(request, "feedback/tests/list.html", {"page": page, "tabs": tabs, "shown": shown})


@require_http_methods(["GET", "HEAD", "POST"])
@curators_only
def create(request: StudioRequest) -> HttpResponse:
    """A new test. `?adapters=<id>,<id>`, or `ids` as the list of adapters sends them, fills in the arms."""
    if request.method == "POST":
        form, arms = ListeningTestForm(request.POST), ArmFormSet(request.POST, prefix="arms")
        if (test := _created(request, form, arms)) is not None:
            messages.success(
                request, gettext("“%(name)s” is made. Start it to generate its clips.") % {"name": test.name}
            )
            return redirect("test-detail", test_id=test.pk)
    else:
        chosen = sides_of([*filter(None, request.GET.get("adapters", "").split(",")), *request.GET.getlist("ids")])
        for remark in chosen.remarks:
            messages.warning(request, remark)
        form = ListeningTestForm(initial={"suite": request.GET.get("suite")})
        arms = ArmFormSet(initial=chosen.sides, prefix="arms")
    return render(request, "feedback/tests/new.html", {"form": form, "arms": arms})


def _created(request: StudioRequest, form: ListeningTestForm, arms: Any) -> ListeningTest | None:
    """The stored test; None, with the reasons on the form, if it is refused."""
    rows_fit = arms.is_valid()
    if not form.is_valid() or not rows_fit:
        if not rows_fit and (wrong := refused_arms(arms)):
            form.add_error(None, wrong)
        return None
    try:
        return creation.create_test(actor=request.user, arms=arms.specs, **form.values)
    except (DomainError, ValidationError) as error:
        add_refusal(form, error)
        return None


@require_safe
def detail(request: StudioRequest, test_id: UUID) -> HttpResponse:
    """Curators see everything; raters what they may judge, and the results when it is over."""
    test = test_or_404(request, test_id)
    context: dict[str, Any] = {"test": test, "mine": rater_progress(rater=request.user, test=test)}
    if may_see_results(request.user, test):
        arms = test.arms.select_related("base_model", "adapter")
        context |= {"results": results(actor=request.user, test=test), "arms": arms}
    if not request.user.is_staff:
        return render(request, "feedback/tests/detail.html", context)
    return render(request, "feedback/tests/manage.html", context | _management(request, test))


def _management(request: StudioRequest, test: ListeningTest) -> dict[str, Any]:
    votes = test.trials.counted().count()
    invited = test.invitations.all()[:20]
    for invitation in invited:
        invitation.url = request.build_absolute_uri(reverse("invitation", args=[invitation.token]))  # type: ignore[attr-defined]  # for the template
    return _progress_context(test) | {
        "votes": votes,
        "invitations": invited,
        "invitation_form": InvitationForm(initial={"test": test.pk}),
        "reopen_form": ReopenForm(initial={"votes_wanted": max(test.votes_wanted, votes + 10)}),
    }


def _progress_context(test: ListeningTest) -> dict[str, Any]:
    if test.state == ListeningTest.State.GENERATING:
        pairs.collect_pairs(test)
    return {"test": test, "progress": pairs.progress(test), "failed": lifecycle.failed_jobs(test)}


@require_safe
@curators_only
def progress(request: StudioRequest, test_id: UUID) -> HttpResponse:
    """How far the clips are, for polling; moves the page on when they are all there."""
    test = test_or_404(request, test_id)
    return render(request, "feedback/tests/_progress.html", _progress_context(test))


@require_http_methods(["GET", "HEAD", "POST"])
@curators_only
def edit(request: StudioRequest, test_id: UUID) -> HttpResponse:
    test = test_or_404(request, test_id)
    form = EditForm(request.POST or None, instance=test)
    if form.is_valid():
        try:
            creation.update_test(actor=request.user, test=test, **form.cleaned_data)
            return redirect("test-detail", test_id=test.pk)
        except (DomainError, ValidationError) as error:
            add_refusal(form, error)
    return render(request, "feedback/tests/edit.html", {"form": form, "test_id": test_id})


@require_POST
@curators_only
def start(request: StudioRequest, test_id: UUID) -> HttpResponse:
    test = test_or_404(request, test_id)
    _try(
        request, lambda: lifecycle.start_test(actor=request.user, test=test), gettext("Its clips are being generated.")
    )
    return redirect("test-detail", test_id=test_id)


@require_POST
@curators_only
def retry(request: StudioRequest, test_id: UUID) -> HttpResponse:
    """Put failed jobs back in the queue."""
    test = test_or_404(request, test_id)
    _try(
        request,
        lambda: lifecycle.retry_failed(actor=request.user, test=test),
        gettext("The jobs are back in the queue."),
    )
    return redirect("test-detail", test_id=test_id)


@require_POST
@curators_only
def reopen(request: StudioRequest, test_id: UUID) -> HttpResponse:
    test = test_or_404(request, test_id)
    form = ReopenForm(request.POST)
    if not form.is_valid():
        messages.error(
            request, " ".join(map(str, form.errors.get("votes_wanted", [gettext("Say how many votes are wanted.")])))
        )
    else:
        wanted = form.cleaned_data["votes_wanted"]
        change = lambda: lifecycle.reopen_test(actor=request.user, test=test, votes_wanted=wanted)  # noqa: E731
        _try(request, change, gettext("It takes votes again."))
    return redirect("test-detail", test_id=test_id)


@require_http_methods(["GET", "HEAD", "POST"])
@curators_only
def close(request: StudioRequest, test_id: UUID) -> HttpResponse:
    """Ask, then end the test with the votes it has."""
    test = test_or_404(request, test_id)
    if request.method == "POST":
        _try(request, lambda: lifecycle.close_test(actor=request.user, test=test), gettext("It is over."))
        return redirect("test-detail", test_id=test_id)
    return confirm_page(
        request,
        title=gettext("Close “%(name)s”?") % {"name": test.name},
        text=gettext("It has %(count)s of %(votes_wanted)s votes. Raters see the results then. You can open it again.")
        % {"count": test.trials.counted().count(), "votes_wanted": test.votes_wanted},
        confirm_label=gettext("Close test"),
        cancel_url=reverse("test-detail", args=[test.pk]),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@curators_only
def delete(request: StudioRequest, test_id: UUID) -> HttpResponse:
    """Ask, then hide the test; votes stay stored."""
    test = test_or_404(request, test_id)
    if request.method == "POST":
        if not _try(
            request,
            lambda: lifecycle.delete_test(actor=request.user, test=test),
            gettext("“%(name)s” is deleted.") % {"name": test.name},
        ):
            return redirect("test-detail", test_id=test_id)
        return redirect("tests")
    votes = test.trials.counted().count()
    losses = [gettext("The test, its results and its place on the leaderboard")]
    if test.is_open:
        losses.append(gettext("Clips that are still to be generated"))
    return confirm_page(
        request,
        title=gettext("Delete “%(name)s”?") % {"name": test.name},
        text=gettext("Its %(votes)s votes stay stored as preferences.") % {"votes": votes}
        if votes
        else gettext("Nobody has voted in it."),
        losses=losses,
        confirm_label=gettext("Delete test"),
        cancel_url=reverse("test-detail", args=[test.pk]),
    )


def _try(request: StudioRequest, change: Callable[[], object], done: str) -> bool:
    """Do it and say so, or tell why not."""
    try:
        change()
    except DomainError as error:
        messages.error(request, error.message)
        return False
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return False
    messages.success(request, done)
    return True
