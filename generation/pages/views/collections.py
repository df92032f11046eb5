"""Collections: the list of them, the page of one, and adding clips to one."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import mark_safe
from django.utils.translation import gettext, gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import reswap, trigger_client_event

from generation import services
from generation.listening.archives import ARCHIVE_FORMATS
from generation.models import AudioSample, Collection, CollectionItem
from generation.pages.chosen import as_uuid, chosen_samples
from generation.pages.views.selection import archive_response, tell_undoable
from generation.pages.views.shares import ShareForm
from generation.services.collections import NAME_LENGTH
from text2song.exceptions import DomainError, Forbidden
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import here, next_url, redirect_back

LIST_SIZE = 50
PAGE_SIZE = 100


class NameForm(forms.Form):
    """What a collection is called."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Give the collection a name.")},
    )


@require_http_methods(["GET", "HEAD", "POST"])
def collection_list(request: StudioRequest) -> HttpResponse:
    """The reader's own and those that others share; a new one by its name."""
    form = NameForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.make_collection(actor=request.user, name=form.cleaned_data["name"])
        except DomainError as error:
            add_refusal(form, error)
        else:
            return redirect("collection-detail", collection_id=made.pk)
    visible = Collection.objects.visible_to(request.user).with_figures().own_first(request.user)
    page = Paginator(visible, LIST_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page}
    return render(request, "generation/collections.html", context, status=400 if form.errors else 200)


@require_safe
def collection_detail(request: StudioRequest, collection_id: UUID) -> HttpResponse:
    """Its clips in their order, played one after the other, and what its owner can do with it."""
    return _page(request, _collection(request, collection_id), NameForm())


@require_POST
def change(request: StudioRequest, collection_id: UUID) -> HttpResponse:
    """Rename it (`name`), or share it with the studio or no longer (`is_shared`, 1 or 0)."""
    collection = _collection(request, collection_id)
    shared = {"1": True, "0": False}.get(request.POST.get("is_shared", ""))
    form = NameForm(request.POST)
    if "name" in request.POST and not form.is_valid():
        return _page(request, collection, form)
    try:
        name = form.cleaned_data["name"] if "name" in request.POST else None
        services.change_collection(collection=collection, actor=request.user, name=name, is_shared=shared)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        add_refusal(form, error)
        return _page(request, _collection(request, collection_id), form)
    if shared is not None:
        told = gettext("Everybody in the studio sees it now.") if shared else gettext("Only you see it now.")
        messages.success(request, told)
    return redirect("collection-detail", collection_id=collection.pk)


@require_POST
def order(request: StudioRequest, collection_id: UUID) -> HttpResponse:
    """Put clips in the order of `order`; or `move` one by its id, `by` -1 or 1 places."""
    collection = _collection(request, collection_id)
    ids = [pk for value in request.POST.getlist("order") if (pk := as_uuid(value)) is not None]
    moved = as_uuid(request.POST.get("move", ""))
    try:
        if moved is not None:
            sample = get_object_or_404(AudioSample.objects.visible(), pk=moved)
            by = -1 if request.POST.get("by") == "-1" else 1
            services.move(collection=collection, sample=sample, by=by, actor=request.user)
        else:
            services.reorder(collection=collection, order=ids, actor=request.user)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    if request.htmx:
        return HttpResponse(status=204)
    return redirect_back(request, "collections")


@require_POST
def take_out(request: StudioRequest, collection_id: UUID) -> HttpResponse:
    """Take chosen clips out of it; they stay in the library."""
    collection = _collection(request, collection_id)
    back = next_url(request, "collections")
    try:
        deletion = services.take_out(collection=collection, samples=chosen_samples(request), actor=request.user)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        messages.error(request, error.message)
    else:
        count = len(deletion.removed)
        told = ngettext(
            "%(count)s clip was taken out of “%(name)s”.", "%(count)s clips were taken out of “%(name)s”.", count
        )
        tell_undoable(request, told % {"count": count, "name": collection.name}, deletion, back)
    return redirect_back(request, "collections")


@require_POST
def delete(request: StudioRequest, collection_id: UUID) -> HttpResponse:
    """Delete it at once; the toast brings it back."""
    collection = _collection(request, collection_id)
    back = reverse("collection-detail", args=[collection.pk])
    try:
        deletion = services.delete_collection(collection=collection, actor=request.user)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    told = gettext("The collection “%(name)s” was deleted. Its clips are still in the library.")
    tell_undoable(request, told % {"name": collection.name}, deletion, back)
    return redirect("collections")


@require_safe
def download(request: StudioRequest, collection_id: UUID, file_format: str) -> HttpResponseBase:
    """All its clips as one archive, in their order."""
    collection = _collection(request, collection_id)
    samples = list(services.collection_samples(collection).with_context())
    return archive_response(request, samples, file_format, collection.name)


@require_http_methods(["GET", "HEAD", "POST"])
def collect(request: StudioRequest) -> HttpResponse:
    """Add the clips of `ids` to one of the reader's collections (`collection`), or to a new one (`name`)."""
    try:
        samples = chosen_samples(request)
    except DomainError as error:
        messages.error(request, error.message)
        return _done(request) if request.method == "POST" else redirect_back(request, "library")
    form, refusal = NameForm(request.POST if "name" in request.POST else None), ""
    if request.method == "POST":
        try:
            if collection := _target(request, form):
                _add(request, collection, samples)
                return _done(request)
        except DomainError as error:
            if form.is_bound:
                add_refusal(form, error)
            refusal = "" if form.is_bound else error.message
    return _choice(request, samples, form, refusal)


def _target(request: StudioRequest, form: NameForm) -> Collection | None:
    if form.is_bound:
        if not form.is_valid():
            return None
        return services.make_collection(actor=request.user, name=form.cleaned_data["name"])
    mine = Collection.objects.filter(owner=request.user)
    return get_object_or_404(mine, pk=as_uuid(request.POST.get("collection", "")))


def _add(request: StudioRequest, collection: Collection, samples: list[AudioSample]) -> None:
    count = services.collect(collection=collection, samples=samples, actor=request.user)
    if count:
        told = ngettext("%(count)s clip was added to %(link)s.", "%(count)s clips were added to %(link)s.", count)
    else:
        told = gettext("Nothing to add: all of it is in %(link)s already.")
    url = reverse("collection-detail", args=[collection.pk])
    link = format_html('<a href="{}">{}</a>', url, collection.name)
    messages.success(request, mark_safe(told % {"count": count, "link": link}))


def _done(request: StudioRequest) -> HttpResponse:
    """Back to where the reader came from; a dialog only closes, and the page under it stays as it is."""
    if not request.htmx:
        return redirect_back(request, "library")
    answer = render(request, "components/messages.html", {"oob": True})
    return reswap(trigger_client_event(answer, "dialog-done", after="swap"), "none")


def _choice(request: StudioRequest, samples: list[AudioSample], form: NameForm, refusal: str) -> HttpResponse:
    ids = {sample.pk for sample in samples}
    mine = list(Collection.objects.filter(owner=request.user).with_figures().order_by("-updated_at", "name"))
    items = CollectionItem.objects.filter(collection__in=mine, sample__in=ids)
    inside = Counter(items.values_list("collection_id", flat=True))
    query = [("ids", str(sample.pk)) for sample in samples]
    context = {
        "samples": samples,
        "form": form,
        "refusal": refusal,
        "mine": [{"collection": one, "holds_all": inside[one.pk] == len(ids)} for one in mine],
        "back": _back(request),
        "action": f"{reverse('collect')}?{urlencode(query)}",
    }
    refused = request.method == "POST"
    return render(request, "generation/collect.html", context, status=400 if refused else 200)


def _back(request: StudioRequest) -> str:
    """Where the reader came from: as the form says, or the page under the dialog."""
    named = "next" in request.GET or "next" in request.POST
    return here(request) if request.htmx and not named else next_url(request, "library")


def _collection(request: StudioRequest, collection_id: UUID) -> Collection:
    visible = Collection.objects.visible_to(request.user).with_figures()
    return get_object_or_404(visible, pk=collection_id)


def _page(request: StudioRequest, collection: Collection, form: NameForm) -> HttpResponse:
    shown = services.collection_samples(collection)
    samples = shown.with_context().hearted_by(request.user)
    may_change = request.user.is_staff or collection.owner_id == request.user.pk
    unshared = collection.clips - services.shareable(shown, request.user).count() if may_change else 0
    context: dict[str, Any] = {
        "collection": collection,
        "page": Paginator(samples, PAGE_SIZE).get_page(request.GET.get("page")),
        "may_change": may_change,
        "form": form,
        "share_form": ShareForm(auto_id="share_%s"),
        "unshared": unshared,
        "archive_formats": ARCHIVE_FORMATS,
    }
    return render(request, "generation/collection.html", context, status=400 if form.errors else 200)
