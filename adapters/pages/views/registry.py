"""Finding adapters, looking at one, comparing two, taking one away as a file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from adapters.api.downloads import zip_response
from adapters.api.filters import AdapterFilter, grouped
from adapters.exceptions import AdapterFilesUnavailable
from adapters.models import Adapter
from adapters.pages.configuration import configuration
from adapters.pages.forms import CompareForm
from adapters.pages.listing import comparison, recent_registrations, versions_of
from adapters.services import earlier_default, may_change
from text2song.pages.requests import StudioRequest

PAGE_SIZE = 20


@require_safe
def adapter_list(request: StudioRequest) -> HttpResponse:
    """All adapters by the filters in the address, the newest first or under their names."""
    adapters = Adapter.objects.visible().with_context().with_usage()
    filters = AdapterFilter(request.GET, queryset=adapters)
    found = filters.qs if filters.form.is_valid() else adapters.none()
    by_name = request.GET.get("group_by_name") == "true"
    order = ("name", "-is_default", "-is_active", "-created_at", "id") if by_name else ("-created_at", "-id")
    page = Paginator(found.order_by(*order), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filter_form": filters.form,
        "page": page,
        "groups": grouped(page.object_list) if by_name else None,
        "by_name": by_name,
        "is_filtered": any(request.GET.get(name) for name in filters.filters),
        "registrations": recent_registrations(request.user),
    }
    return render(request, "adapters/list.html", context, status=200 if filters.form.is_valid() else 400)


@require_safe
def adapter_detail(request: StudioRequest, adapter_id: UUID) -> HttpResponse:
    """One adapter: where it comes from, how it is made, what it was used for, and its versions."""
    adapter = get_object_or_404(Adapter.objects.visible().with_context().with_usage(), pk=adapter_id)
    return render(request, "adapters/detail.html", detail_context(request, adapter))


def detail_context(request: StudioRequest, adapter: Adapter) -> dict[str, Any]:
    """What the page of one adapter shows."""
    return {
        "adapter": adapter,
        "groups": configuration(adapter),
        "children": adapter.children.visible(),
        "versions": versions_of(adapter),
        "rivals": Adapter.objects.visible().filter(base_model=adapter.base_model_id).exclude(pk=adapter.pk),
        "earlier": earlier_default(adapter) if adapter.is_default else None,
        "may_change": may_change(request.user, adapter),
        "fits": adapter.fits(adapter.base_model),
    }


@require_safe
def compare(request: StudioRequest) -> HttpResponse:
    """Two adapters side by side, what differs marked."""
    form = CompareForm(request.GET)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        usage = Adapter.objects.with_context().with_usage().in_bulk([a.pk for a in form.cleaned_data["ids"]])
        adapters = [usage[adapter.pk] for adapter in form.cleaned_data["ids"]]
        context |= {"adapters": adapters, "rows": comparison(adapters)}
    return render(request, "adapters/compare.html", context, status=200 if form.is_valid() else 400)


@require_safe
def download(request: StudioRequest, adapter_id: UUID) -> HttpResponseBase:
    """The adapter as a zip archive that peft loads once unpacked."""
    adapter = get_object_or_404(Adapter.objects.visible(), pk=adapter_id)
    try:
        return zip_response(adapter)
    except AdapterFilesUnavailable as error:
        return render(request, "adapters/unavailable.html", {"adapter": adapter, "error": error}, status=error.status)
