"""The history: all feedback the reader may see, found again and taken back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from feedback import services
from feedback.api.filters import KIND_LABELS, HistoryFilter
from feedback.exceptions import FeedbackNotFound, PartOfAnother
from feedback.judgements.history import KIND_OF, FeedbackList
from feedback.models import Ranking, Rating
from feedback.services.deletion import Feedback
from text2song.exceptions import Forbidden
from text2song.pages.confirm import confirm_page
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import next_url, redirect_back

PAGE_SIZE = 20


@require_safe
def history(request: StudioRequest) -> HttpResponse:
    """Feedback, newest first, that fits the filters in the query string. A wrong filter is named and finds nothing."""
    filters = HistoryFilter(request.GET, queryset=Rating.objects.none(), request=request)
    valid = filters.form.is_valid()
    found: Any = filters.qs if valid else FeedbackList({})
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": filters.form, "page": page, "chips": _chips(request.GET, filters)}
    return render(request, "feedback/history.html", context, status=200 if valid else 400)


def _chips(query: QueryDict, filters: HistoryFilter) -> list[dict[str, str]]:
    """A chip for each filter that is set: what it says, and the query string without it."""
    chips = []
    for name, value in filters.form.cleaned_data.items():
        if value and query.get(name):
            rest = query.copy()
            for key in (name, "page"):
                rest.pop(key, None)
            chips.append({"label": filters.in_words(name, value), "url": f"?{rest.urlencode()}"})
    return chips


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: StudioRequest, item_id: UUID) -> HttpResponse:
    """Ask, then take feedback back for good."""
    try:
        item = services.find_feedback(pk=item_id, reader=request.user)
    except FeedbackNotFound as error:
        raise Http404 from error
    if not (request.user.is_staff or item.rater_id == request.user.pk):
        raise PermissionDenied(gettext("Raters delete their own feedback; curators any."))
    if request.method == "POST":
        return _delete(request, item)
    return confirm_page(
        request,
        title=gettext("Delete this feedback?"),
        text=gettext("%(kind)s: %(item)s. It is gone for good.")
        % {"kind": KIND_LABELS[KIND_OF[type(item)]], "item": _in_words(item)},
        losses=_losses(item),
        confirm_label=gettext("Delete feedback"),
        cancel_url=next_url(request, "feedback"),
    )


def _delete(request: StudioRequest, item: Feedback) -> HttpResponse:
    try:
        services.delete_feedback(item=item, actor=request.user)
        messages.success(request, gettext("The feedback was deleted."))
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except PartOfAnother as error:
        messages.error(request, error.message)
    return redirect_back(request, "feedback")


def _in_words(item: Feedback) -> str:
    words = {"item": item, "rater": item.rater, "day": date_format(item.created_at, "DATE_FORMAT")}
    said = gettext("%(item)s by %(rater)s, %(day)s") if item.rater else gettext("%(item)s, %(day)s")
    return said % words


def _losses(item: Feedback) -> list[str]:
    if not isinstance(item, Ranking):
        return []
    pairs = item.standing
    return [
        gettext("the order"),
        ngettext("%(n)s comparison that follows from it", "%(n)s comparisons that follow from it", pairs)
        % {"n": pairs},
    ]
