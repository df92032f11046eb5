"""Raters: invitations, how far each is trusted, and what a rater sees of that."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from feedback.listening_tests.access import profile_of
from feedback.listening_tests.pages.forms import InvitationForm
from feedback.listening_tests.pages.tests import curators_only
from feedback.listening_tests.services.invitations import (
    accept_invitation,
    find_invitation,
    make_invitation,
    revoke_invitation,
)
from feedback.listening_tests.services.trials import minutes_of, trials_of_newcomer
from feedback.models import Invitation, ListeningTest, RaterProfile
from text2song.exceptions import DomainError
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest

PAGE = 20
BACKEND = "django.contrib.auth.backends.ModelBackend"


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """A page with one button; pressing it makes a rater. Looking at a link uses nothing up."""
    if request.user.is_authenticated:
        return render(request, "feedback/tests/invitation.html", {"already": request.user})
    try:
        found = find_invitation(token)
        if request.method == "POST":
            guest = accept_invitation(token=token)
            login(request, guest, backend=BACKEND)
            return redirect("test-listen", found.test_id) if found.test_id else redirect("tests")
    except DomainError as error:
        context = {"problem": error.message}
        return render(request, "feedback/tests/invitation.html", context, status=error.status)
    return render(request, "feedback/tests/invitation.html", {"invitation": found, "length": _length(found)})


def _length(invitation: Invitation) -> dict[str, int] | None:
    """About how many trials and minutes wait behind the link; None where that cannot be told."""
    trials = trials_of_newcomer(invitation.test) if invitation.test else 0
    return {"trials": trials, "minutes": minutes_of(invitation.test, trials)} if invitation.test and trials else None


@require_http_methods(["GET", "HEAD", "POST"])
@curators_only
def invitations(request: StudioRequest) -> HttpResponse:
    """All links, newest first, and a form for another one."""
    form = InvitationForm(request.POST or None, initial={"test": request.GET.get("test")})
    if form.is_valid():
        try:
            made = make_invitation(actor=request.user, **form.cleaned_data)
        except DomainError as error:
            add_refusal(form, error)
        else:
            messages.success(request, gettext("The link is made. Copy it from the list and send it."))
            return redirect("test-detail", made.test_id) if made.test_id else redirect("invitations")
    page = Paginator(Invitation.objects.select_related("test"), PAGE).get_page(request.GET.get("page"))
    for item in page:
        item.url = request.build_absolute_uri(reverse("invitation", args=[item.token]))  # type: ignore[attr-defined]  # for the template
    return render(request, "feedback/tests/invitations.html", {"page": page, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@curators_only
def revoke(request: StudioRequest, invitation_id: UUID) -> HttpResponse:
    """Ask, then close the link; raters who came by it stay."""
    found = get_object_or_404(Invitation.objects.select_related("test"), pk=invitation_id)
    back = reverse("test-detail", args=[found.test_id]) if found.test_id else reverse("invitations")
    if request.method == "POST":
        revoke_invitation(actor=request.user, invitation=found)
        messages.success(request, gettext("Nobody can come by that link any more."))
        return redirect(back)
    return confirm_page(
        request,
        title=gettext("Withdraw this invitation?"),
        text=gettext("%(uses)s of %(max_uses)s have come by it; they can go on. Nobody else can.")
        % {"uses": found.uses, "max_uses": found.max_uses},
        confirm_label=gettext("Withdraw"),
        cancel_url=back,
    )


@require_safe
@curators_only
def raters(request: StudioRequest) -> HttpResponse:
    """Everybody who has voted, least trusted first."""
    votes = Count("user__trials", filter=Q(user__trials__voted_at__isnull=False))
    found = RaterProfile.objects.select_related("user", "invitation").annotate(votes=votes)
    page = Paginator(found.order_by("weight", "user_id"), PAGE).get_page(request.GET.get("page"))
    return render(request, "feedback/tests/raters.html", {"page": page})


@require_safe
@never_cache
def own_reliability(request: StudioRequest) -> HttpResponse:
    """How far the caller is trusted. While one of their tests goes on, nothing that would give a control away."""
    profile = profile_of(request.user)
    trials = request.user.trials
    going_on = ListeningTest.objects.open().filter(trials__rater=request.user).exists()
    context = {"profile": profile, "judged": trials.voted().count(), "going_on": going_on}
    return render(request, "feedback/tests/reliability.html", context)
