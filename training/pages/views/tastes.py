"""Tastes: the list, learning one, what it has learned, its files, learning again, deleting."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from adapters.models import Taste
from adapters.models.tastes import DATASET
from adapters.querysets import with_hearing
from datasets_app.models import Dataset
from generation.listening.favorite_lists import mark_hearts
from text2song.exceptions import DomainError, Forbidden
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from training.models import TasteFit
from training.pages.taste_forms import EVERYBODY, TasteForm
from training.services.tastes import delete_taste, fit_again, fit_taste, may_change
from training.tastes import telling
from training.tastes.files import described, file_response, slug_of
from training.tastes.scores import extremes

PAGE_SIZE = 20
TOLD_FITS = 10


@require_safe
def taste_list(request: StudioRequest) -> HttpResponse:
    """The newest version of each taste that the user may use, and what is being learned or could not be."""
    tastes = Taste.objects.visible_to(request.user).newest().with_context().order_by("name")
    page = Paginator(tastes, PAGE_SIZE).get_page(request.GET.get("page"))
    page.object_list = with_hearing(page.object_list)
    fits = TasteFit.objects.visible_to(request.user).to_be_told().with_context()[:TOLD_FITS]
    return render(request, "training/tastes.html", {"page": page, "fits": fits})


@require_safe
def fit_status(request: StudioRequest, fit_id: UUID) -> HttpResponse:
    """How a fit is going; the answer to its polling, and without script a page of its own."""
    fits = TasteFit.objects.visible_to(request.user).with_context()
    template = "training/_taste_fit.html" if request.htmx else "training/taste_fit.html"
    return render(request, template, {"fit": get_object_or_404(fits, pk=fit_id)})


# -- learning ------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: StudioRequest) -> HttpResponse:
    """Learn a taste. `?votes=everybody` chooses everybody's beforehand."""
    if request.method == "POST":
        form = TasteForm(request.POST, user=request.user)
        if form.is_valid() and (fit := _sent(request, form)):
            messages.success(
                request, gettext("“%(fit_name)s” is being learned. You can leave this page.") % {"fit_name": fit.name}
            )
            return redirect("tastes")
    else:
        initial = {"votes": EVERYBODY} if request.GET.get("votes") == EVERYBODY else {}
        form = TasteForm(initial=initial, user=request.user)
    return render(request, "training/taste_new.html", {"form": form}, status=400 if form.is_bound else 200)


def _sent(request: StudioRequest, form: TasteForm) -> TasteFit | None:
    """The fit that waits, or None with the reason on the form."""
    try:
        return fit_taste(actor=request.user, **form.values())
    except (DomainError, ValidationError) as error:
        add_refusal(form, error)
        return None


@require_POST
def again(request: StudioRequest, taste_id: UUID) -> HttpResponse:
    """Fit it anew on the votes there are by now."""
    taste = _taste(request, taste_id)
    try:
        fit_again(actor=request.user, taste=taste)
        messages.success(
            request,
            gettext("“%(taste_name)s” is being learned anew. You can leave this page.") % {"taste_name": taste.name},
        )
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("taste-detail", taste_id=taste.pk)


# -- what it has learned -------------------------------------------------------------------------------------------


@require_safe
def taste_detail(request: StudioRequest, taste_id: UUID) -> HttpResponse:
    """Whose it is, how good it is, what it likes, and its versions."""
    taste = _taste(request, taste_id)
    versions = list(Taste.objects.visible_to(request.user).filter(name=taste.name).order_by("-version"))
    most, least = extremes(request.user, taste)
    clips = [score.sample for score in (*most, *least)]
    mark_hearts(request.user, clips)
    fits = TasteFit.objects.visible_to(request.user).to_be_told().filter(name=taste.name)
    context = {
        "taste": taste,
        "versions": versions,
        "newest": versions[0],
        "fit": fits.with_context().first(),
        "most": most,
        "least": least,
        "clips": clips,
        "dataset": Dataset.objects.visible().filter(pk=taste.filters[DATASET]).first() if taste.is_of_dataset else None,
        "may_change": may_change(request.user, taste),
        **_told(request, taste),
    }
    return render(request, "training/taste.html", context)


def _told(request: StudioRequest, taste: Taste) -> dict[str, Any]:
    """The report in words."""
    report = telling.report_for(request.user, taste)
    return {
        "report": report,
        "verdict": telling.verdict(taste),
        "consistency": telling.consistency_in_words(taste),
        "differences": telling.differences(report),
        "agreements": telling.agreement_in_words(request.user, taste),
        "own_share": report["by_rater"].get(request.user.get_username()),
        "is_mine": taste.is_of(request.user),
        "by_rater": sorted(report["by_rater"].items()) if request.user.is_staff else [],
    }


@require_safe
def download(request: StudioRequest, taste_id: UUID) -> HttpResponseBase:
    """Its weights, a safetensors file."""
    taste = _taste(request, taste_id)
    try:
        return file_response(taste)
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("taste-detail", taste_id=taste.pk)


@require_safe
def report(request: StudioRequest, taste_id: UUID) -> HttpResponse:
    """What stands beside the weights, with the report, as JSON."""
    taste = _taste(request, taste_id)
    answer = JsonResponse(described(taste, request.user), json_dumps_params={"indent": 2, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="{slug_of(taste)}.json"'
    return answer


# -- deleting ------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: StudioRequest, taste_id: UUID) -> HttpResponse:
    """Delete all its versions, once that is confirmed."""
    taste = _taste(request, taste_id)
    if not may_change(request.user, taste):
        raise PermissionDenied(gettext("Only the person who made a taste, or a curator, can delete it."))
    if request.method == "POST":
        try:
            delete_taste(actor=request.user, taste=taste)
            messages.success(request, gettext("“%(taste_name)s” is deleted.") % {"taste_name": taste.name})
        except DomainError as error:
            messages.error(request, error.message)
        return redirect("tastes")
    return confirm_page(
        request,
        title=gettext("Delete the taste “%(taste_name)s”?") % {"taste_name": taste.name},
        text=gettext("The votes it learned from stay, and so does what it labelled. The name stays its own."),
        losses=_losses(taste),
        confirm_label=gettext("Delete taste"),
        cancel_url=reverse("taste-detail", args=[taste.pk]),
    )


def _losses(taste: Taste) -> list[str]:
    versions = Taste.objects.visible().filter(name=taste.name).count()
    found = [
        ngettext(
            "%(versions)s version, learned from up to %(votes)s votes",
            "%(versions)s versions, learned from up to %(votes)s votes",
            versions,
        )
        % {"versions": versions, "votes": taste.votes}
    ]
    if taste.refit_every:
        found.append(
            gettext("Learning again after every %(refit_every)s new votes") % {"refit_every": taste.refit_every}
        )
    return found


def _taste(request: StudioRequest, taste_id: UUID) -> Taste:
    return get_object_or_404(Taste.objects.visible_to(request.user).with_context(), pk=taste_id)
