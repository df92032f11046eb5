"""The feedback panel: each control is sent alone, and the list beside it follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from feedback import services
from feedback.judgements.likely_tags import likely
from feedback.models import SampleTag
from feedback.pages.forms import AddTagForm, NoteForm, RatingForm, TagSetForm
from feedback.pages.panel import Panel, panel_context
from feedback.pages.turn_memory import TurnMemory
from feedback.services import TagUse
from generation.models import AudioSample
from generation.pages.clips import place_of
from text2song.exceptions import DomainError
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import next_url, redirect_back


@require_safe
def panel(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """The panel alone: a fragment for HTMX, a page of its own without."""
    return _show(request, Panel(_sample(sample_id), request.user))


@require_POST
def rate(request: StudioRequest, sample_id: UUID, slug: str) -> HttpResponse:
    """Score the sample on one criterion."""
    sample, place = _sample(sample_id), place_of(request)
    blank = Panel(sample, request.user).rating(slug)
    if blank is None:
        raise Http404
    form = RatingForm(request.POST, sample=sample, criterion=blank.criterion, place=place)
    return _save(
        request,
        sample,
        control=f"rating-{slug}",
        template="feedback/_rating.html",
        form=form,
        store=lambda: _rate(request, sample, slug, form.cleaned_data["score"]),
        place=place,
    )


def _rate(request: StudioRequest, sample: AudioSample, slug: str, score: int) -> None:
    """Where the clip has its turn on Listen, the answer can be taken back there."""
    if _on_listen(request):
        TurnMemory(request.session, request.user).rate(sample, slug, score)
    else:
        services.rate(sample=sample, rater=request.user, scores={slug: score})


@require_POST
def set_tags(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """Make the ticked tags exactly those the rater has on the whole sample; tags on parts stay."""
    sample = _sample(sample_id)
    offered = Panel(sample, request.user).offered
    form = TagSetForm(request.POST, sample=sample, offered=offered, likely=likely(offered))

    def store() -> object:
        parts = SampleTag.objects.filter(sample=sample, rater=request.user, start__isnull=False)
        uses = [TagUse(use.tag.name, start=use.start, end=use.end) for use in parts.select_related("tag")]
        uses += [TagUse(name) for name in form.cleaned_data["tags"]]
        return services.replace_tags(sample=sample, rater=request.user, uses=uses)

    return _save(request, sample, control="tags", template="feedback/_tags.html", form=form, store=store)


@require_POST
def add_tag(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """Add a tag in the rater's own words, or on a part of the sample."""
    sample = _sample(sample_id)
    form = AddTagForm(request.POST, sample=sample)
    return _save(
        request,
        sample,
        control="tags",
        refused_as="add_tag",
        template="feedback/_tags.html",
        form=form,
        store=lambda: services.add_tags(sample=sample, rater=request.user, uses=[form.use()]),
    )


@require_POST
def write_note(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """Keep the rater's own words."""
    sample = _sample(sample_id)
    form = NoteForm(request.POST, sample=sample)
    return _save(
        request,
        sample,
        control="note",
        template="feedback/_note.html",
        form=form,
        store=lambda: services.write_note(sample=sample, rater=request.user, text=form.cleaned_data["text"]),
    )


def _save(
    request: StudioRequest,
    sample: AudioSample,
    *,
    control: str,
    template: str,
    form: forms.Form,
    store: Callable[[], object],
    refused_as: str = "",
    place: str = "",
) -> HttpResponse:
    """Check the form and store it; answer HTMX with the control and the list, a browser with the page it came from.

    `refused_as` names the form among those of its control, where it has several. With a `place` the control stands in
    the row of a clip or beside its player, and is answered as it stands there.
    """
    if form.is_valid():
        try:
            store()
        except DomainError as error:
            add_refusal(form, error)
    refused = {refused_as or control: form} if form.errors else {}
    panel = Panel(sample, request.user, refused)
    memory = TurnMemory(request.session, request.user)
    if _on_listen(request) and not refused:
        memory.keep(sample)
    if not request.htmx:
        if refused:
            return _show(request, panel, status=400)
        messages.success(request, _("Submitted."))
        return redirect_back(request, "feedback")
    context: dict[str, Any] = panel_context(request, panel) | {
        "template": template,
        "control": control,
        "form": form if refused else _fresh(panel, control),
        "saved": not refused,
        "on_listen": _on_listen(request),
        "can_undo": memory.can_undo,
    }
    if place:
        context |= {"form": form, "place": place, "next": next_url(request, "library")}
    answer = "feedback/_clip_rated.html" if place else "feedback/_saved.html"
    return render(request, answer, context, status=400 if refused else 200)


def _on_listen(request: StudioRequest) -> bool:
    """Whether the control stands on Listen, where nobody's answers are shown beside it."""
    return "on_listen" in request.POST


def _fresh(panel: Panel, control: str) -> forms.Form | None:
    """The control as it stands now."""
    if control.startswith("rating-"):
        return panel.rating(control.removeprefix("rating-"))
    return getattr(panel, control)


def _show(request: StudioRequest, panel: Panel, *, status: int = 200) -> HttpResponse:
    template = "feedback/_panel.html" if request.htmx else "feedback/sample_feedback.html"
    context = panel_context(request, panel) | {"on_listen": _on_listen(request)}
    return render(request, template, context, status=status)


def _sample(sample_id: UUID) -> AudioSample:
    return get_object_or_404(AudioSample.objects.visible().with_context(), pk=sample_id)
