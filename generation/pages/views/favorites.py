"""Hearts: the page of favourites, the switch, and the notes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from generation.listening.favorite_lists import favorite_counts, favorites_of
from generation.models import AudioSample
from generation.pages.listening_forms import HeartForm, NoteForm
from generation.services import annotate_favorite, toggle_favorite
from prompts.models import Prompt
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import next_url, redirect_back
from text2song.refusals import refuse_choice

PAGE_SIZE = 20
TABS = {"all": gettext_lazy("All"), "prompts": gettext_lazy("Prompts"), "audio": gettext_lazy("Audio")}


@require_safe
def favorite_list(request: StudioRequest) -> HttpResponse:
    """The user's favourites, newest first: all, prompts only or audio only."""
    if refused := refuse_choice(request, "tab", TABS):
        return refused
    tab = request.GET.get("tab") or "all"
    counts = favorite_counts(request.user)
    page = Paginator(favorites_of(request.user, tab), PAGE_SIZE).get_page(request.GET.get("page"))
    tabs = [
        {"label": label, "url": f"?tab={key}", "count": counts[key], "current": key == tab}
        for key, label in TABS.items()
    ]
    return render(request, "generation/favorites.html", {"page": page, "tabs": tabs, "tab": tab})


@require_POST
def toggle(request: StudioRequest) -> HttpResponse:
    """Set or clear the user's heart on the `prompt` or `sample` named in the form or the query string."""
    form = HeartForm({**request.GET.dict(), **request.POST.dict()})
    if not form.is_valid():
        return HttpResponseBadRequest(gettext("Name one prompt or one sample by its id."), content_type="text/plain")
    target = _target(form.cleaned_data)
    pressed = toggle_favorite(user=request.user, target=target)
    if not request.htmx:
        return redirect_back(request, "favorites")
    kind, label = (
        ("prompt", gettext("this prompt"))
        if isinstance(target, Prompt)
        else ("sample", gettext("sample %(name)s") % {"name": target.label})
    )
    context = {
        "action": f"{reverse('favorite-toggle')}?{kind}={target.pk}",
        "pressed": pressed,
        "label": label,
        "next": next_url(request, "favorites"),
    }
    return render(request, "generation/_heart.html", context)


def _target(values: dict[str, Any]) -> Prompt | AudioSample:
    if values["prompt"] is not None:
        return get_object_or_404(Prompt.objects.visible(), pk=values["prompt"])
    return get_object_or_404(AudioSample.objects.visible(), pk=values["sample"])


@require_http_methods(["GET", "HEAD", "POST"])
def note(request: StudioRequest, favorite_id: UUID) -> HttpResponse:
    """Edit the note of one's own favourite: in its place by HTMX, on a page of its own without."""
    favorite = get_object_or_404(favorites_of(request.user), pk=favorite_id)
    if request.htmx and "cancel" in request.GET:
        return render(request, "generation/_favorite_note.html", {"favorite": favorite})
    form = NoteForm(
        request.POST if request.method == "POST" else None,
        initial={"note": favorite.note},
        auto_id=f"note_{favorite.pk}_%s",
    )
    if request.method == "POST" and form.is_valid():
        annotate_favorite(favorite=favorite, note=form.cleaned_data["note"])
        if request.htmx:
            return render(request, "generation/_favorite_note.html", {"favorite": favorite})
        return redirect("favorites")
    template = "generation/_favorite_note_form.html" if request.htmx else "generation/favorite_note.html"
    refused = request.method == "POST" and not request.htmx
    return render(request, template, {"favorite": favorite, "form": form}, status=400 if refused else 200)
