"""What can be done with several clips at once: the same as with one, by the same services."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import content_disposition_header, urlencode
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from generation.listening.archives import CONTENT_TYPE, make_archive, safe_name
from generation.models import AudioSample, Deletion
from generation.pages.chosen import chosen_samples
from generation.services import add_favorites, delete_samples
from text2song.exceptions import DomainError
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import next_url, redirect_back
from text2song.refusals import refuse


@require_POST
def delete(request: StudioRequest) -> HttpResponse:
    """Delete all that are chosen, or none of them; one toast brings all back."""
    try:
        samples = chosen_samples(request)
        deletion = delete_samples(samples=samples, actor=request.user)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        told = ngettext("%(count)s sample was deleted.", "%(count)s samples were deleted.", len(samples))
        tell_undoable(request, told % {"count": len(samples)}, deletion, next_url(request, "library"))
    return redirect_back(request, "library")


@require_POST
def heart(request: StudioRequest) -> HttpResponse:
    """Set the reader's heart on all that are chosen. Taken off it is one by one: a heart may have a note."""
    try:
        samples = chosen_samples(request)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        add_favorites(user=request.user, samples=samples)
        told = ngettext(
            "%(count)s sample is among your favourites.", "%(count)s samples are among your favourites.", len(samples)
        )
        messages.success(request, told % {"count": len(samples)})
    return redirect_back(request, "library")


@require_safe
def download(request: StudioRequest) -> HttpResponseBase:
    """All that are chosen as one archive, `?file_format=flac` (default) or `wav`."""
    try:
        samples = chosen_samples(request)
    except DomainError as error:
        return no_archive(request, error)
    return archive_response(request, samples, request.GET.get("file_format") or "flac", gettext("Clips"))


def archive_response(
    request: HttpRequest, samples: Sequence[AudioSample], file_format: str, title: str
) -> HttpResponseBase:
    """The archive while it is made, or why there is none."""
    try:
        parts = make_archive(samples, file_format, title)
    except DomainError as error:
        return no_archive(request, error)
    headers = {
        "Content-Disposition": content_disposition_header(True, f"{safe_name(title, 'clips')}.zip") or "",
        "Cache-Control": "private, no-store",
    }
    return StreamingHttpResponse(parts, content_type=CONTENT_TYPE, headers=headers)


def no_archive(request: HttpRequest, error: DomainError) -> HttpResponse:
    return refuse(request, error.status, error.code, gettext("This archive cannot be made"), error.message)


def tell_undoable(request: StudioRequest, words: str, deletion: Deletion, back: str) -> None:
    """A toast with “Undo”, which leads to `back`."""
    undo = reverse("deletion-undo", args=[deletion.pk])
    messages.success(request, words, extra_tags=f"{undo}?{urlencode({'next': back})}")
