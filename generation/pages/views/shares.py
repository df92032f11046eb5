"""Links for people without an account: the page they open, its sound, and the page of one's own links.

What a link shows tells the sound, its length and a title somebody gave; nothing of prompt, model, adapter or people.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, BinaryIO, TypeVar, cast
from uuid import UUID

import structlog
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from generation.listening.playback import CONTENT_TYPE, INLINE
from generation.models import AudioSample, Collection, ShareLink
from generation.services import note_opening, revoke_link, revoke_links, share, shared_samples
from text2song.api.throttles import AddressThrottle
from text2song.byte_ranges import file_response
from text2song.exceptions import DomainError
from text2song.pages.confirm import confirm_page
from text2song.pages.requests import StudioRequest
from text2song.refusals import refuse

PAGE_SIZE = 50
log = structlog.get_logger(__name__)
Answer = TypeVar("Answer", bound=HttpResponseBase)
PRIVATE = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Nothing of it is kept anywhere, so that revoking a link ends it at once."""


class ShareForm(forms.Form):
    """For how long a link is good."""

    days = forms.TypedChoiceField(
        label=gettext_lazy("Good for"),
        choices=[
            ("1", gettext_lazy("1 day")),
            ("7", gettext_lazy("7 days")),
            ("30", gettext_lazy("30 days")),
            ("never", gettext_lazy("Until it is revoked")),
        ],
        coerce=lambda value: None if value == "never" else int(value),
        initial="30",
    )


View = Callable[..., HttpResponseBase]


def counted(view: View) -> View:
    """Answer 429 to an address that asks for more than the rate "shared" (decorator)."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        throttle = AddressThrottle()
        if throttle.allow_request(request, None):
            return view(request, *args, **kwargs)
        seconds = math.ceil(throttle.wait())
        told = ngettext(
            "Too many requests from this address. Try again in %(seconds)s second.",
            "Too many requests from this address. Try again in %(seconds)s seconds.",
            seconds,
        )
        response = refuse(request, 429, "throttled", _("Too many requests"), told % {"seconds": seconds})
        response.headers["Retry-After"] = str(seconds)
        return _private(response)

    return wrapped


@login_not_required
@require_safe
@counted
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """What a link plays. Revoked, expired, unknown: one and the same answer."""
    link = _open_link(token)
    samples = shared_samples(link) if link else []
    if link is None or not samples:
        return _closed(request)
    if request.method == "GET":
        note_opening(link=link)
    clips = [{"number": n, "sample": sample} for n, sample in enumerate(samples, 1)]
    title = link.collection.name if link.collection else ""
    context = {"token": token, "clips": clips, "title": title}
    return _private(render(request, "generation/shared.html", context))


@login_not_required
@require_safe
@counted
def shared_audio(request: HttpRequest, token: str, number: int) -> HttpResponseBase:
    """One clip's sound, or a range of it. From an object store it comes through here too, so no address outlives
    the link.
    """
    link = _open_link(token)
    samples = shared_samples(link) if link else []
    if not 1 <= number <= len(samples):
        return _closed(request)
    stored = samples[number - 1].audio_file
    try:
        size, file = stored.size, stored.open("rb")
    except FileNotFoundError:
        return _closed(request)
    except Exception:  # of whichever store. The link is good: it is not called dead for that
        log.exception("shared_audio_unreadable", link_id=str(link.pk) if link else "")
        sentence = _("The sound cannot be read just now. Try again in a while.")
        return _private(HttpResponse(sentence, status=503, content_type="text/plain; charset=utf-8"))
    response = file_response(request, cast(BinaryIO, file), size=size, content_type=CONTENT_TYPE)
    response.headers["Content-Disposition"] = INLINE
    return _private(response)


@require_POST
def share_sample(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """Make a link to a clip."""
    sample = get_object_or_404(AudioSample.objects.visible().with_context(), pk=sample_id)
    form = ShareForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose how long the link is good."))
        return redirect("sample-detail", sample_id=sample.pk)
    try:
        share(target=sample, actor=request.user, days=form.cleaned_data["days"])
    except DomainError as error:
        raise PermissionDenied(error.message) from error
    messages.success(request, _("The link is ready. Whoever has it hears this clip without an account."))
    return redirect("shared-links")


@require_POST
def share_collection(request: StudioRequest, collection_id: UUID) -> HttpResponse:
    """Make a link to a collection."""
    collection = get_object_or_404(Collection.objects.visible_to(request.user), pk=collection_id)
    form = ShareForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose how long the link is good."))
        return redirect("collection-detail", collection_id=collection.pk)
    try:
        share(target=collection, actor=request.user, days=form.cleaned_data["days"])
    except DomainError as error:
        raise PermissionDenied(error.message) from error
    messages.success(request, _("The link is ready. Whoever has it hears this collection without an account."))
    return redirect("shared-links")


@require_safe
def links(request: StudioRequest) -> HttpResponse:
    """The reader's own links, those that work first."""
    mine = ShareLink.objects.filter(created_by=request.user).select_related("sample__job__prompt", "collection")
    page = Paginator(mine, PAGE_SIZE).get_page(request.GET.get("page"))
    opened = set(ShareLink.objects.open().filter(pk__in=[link.pk for link in page]).values_list("pk", flat=True))
    rows = [
        {"link": link, "works": link.pk in opened, "url": request.build_absolute_uri(f"/s/{link.token}/")}
        for link in page
    ]
    return render(request, "generation/share_links.html", {"page": page, "rows": rows})


@require_POST
def revoke(request: StudioRequest, link_id: UUID) -> HttpResponse:
    """End one of the reader's own links."""
    link = get_object_or_404(ShareLink, pk=link_id, created_by=request.user)
    revoke_link(link=link, actor=request.user)
    messages.success(request, _("The link is revoked. Nobody hears anything through it any more."))
    return redirect("shared-links")


@require_http_methods(["GET", "HEAD", "POST"])
def revoke_all(request: StudioRequest) -> HttpResponse:
    """Ask, then end all of the reader's links."""
    if request.method == "POST":
        revoke_links(actor=request.user)
        messages.success(request, _("All your links are revoked."))
        return redirect("shared-links")
    count = ShareLink.objects.open().filter(created_by=request.user).count()
    return confirm_page(
        request,
        title=_("Revoke all links?"),
        losses=[ngettext("%(n)s link that works now", "%(n)s links that work now", count) % {"n": count}],
        confirm_label=_("Revoke all"),
        cancel_url=reverse("shared-links"),
    )


def _open_link(token: str) -> ShareLink | None:
    return ShareLink.objects.open().select_related("collection", "created_by").filter(token=token).first()


def _closed(request: HttpRequest) -> HttpResponse:
    return _private(render(request, "generation/shared_closed.html", status=404))


def _private(response: Answer) -> Answer:
    for name, value in PRIVATE.items():
        response.headers[name] = value
    return response
