"""The page of one sample: hear it, know it, make it again, go on from it."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from generation.listening.downloads import DOWNLOAD_FORMATS
from generation.listening.lineage import family_of, siblings_of
from generation.listening.replay import replay_body, replay_command, replay_warnings
from generation.models import AudioSample, Deletion, GenerationJob
from generation.pages.job_cards import cards_for
from generation.pages.listening_forms import ExtendForm, VaryForm
from generation.pages.sample_facts import codes_shape
from generation.pages.views.shares import ShareForm
from generation.services import delete_sample, extend_sample, keep_sample, rename_sample, undo_deletion, vary_sample
from text2song.exceptions import DomainError, Forbidden
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import redirect_back

_SHOWN = ("job__prompt", "job__base_model", "job__adapter", "job__requested_by", "job__source_sample__job")


@require_safe
def sample_detail(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """Player, spectrogram, everything known about the sample, its relatives, and what can be done with it."""
    return _page(request, _sample(request, sample_id))


@require_safe
def in_player(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """What the player bar shows of the reader's own about the clip it plays."""
    return render(request, "generation/_in_player.html", {"sample": _sample(request, sample_id)})


@require_safe
def menu(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """What can be done with a clip, for the menu of its row; `ids` are those that it is compared with there."""
    sample = _sample(request, sample_id)
    compared = urlencode([("ids", one) for one in request.GET.getlist("ids") or [str(sample.pk)]])
    shown = {"sample": sample, "place": "row", "compared": compared}
    return render(request, "generation/_clip_menu_items.html", shown)


@require_POST
def extend(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """Continue the sample as a new job."""
    sample = _sample(request, sample_id)
    form = _asked(request, ExtendForm, sample)
    if form.is_valid():
        try:
            job = extend_sample(sample=sample, actor=request.user, **form.cleaned_data)
        except (DomainError, ValidationError) as error:
            add_refusal(form, error)
        else:
            told = gettext("“%(name)s” is made longer by %(seconds)s s.")
            return _gone_on(request, job, told % {"name": sample.name, "seconds": form.cleaned_data["seconds"]})
    return _refused(request, form) if request.htmx else _page(request, sample, extend_form=form)


@require_POST
def vary(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """Make relatives of the sample as a new job."""
    sample = _sample(request, sample_id)
    form = _asked(request, VaryForm, sample)
    if form.is_valid():
        try:
            job = vary_sample(sample=sample, actor=request.user, **form.cleaned_data)
        except (DomainError, ValidationError) as error:
            add_refusal(form, error)
        else:
            told = ngettext(
                "%(number)s variation of “%(name)s” is being made.",
                "%(number)s variations of “%(name)s” are being made.",
                job.num_samples,
            )
            return _gone_on(request, job, told % {"name": sample.name, "number": job.num_samples})
    return _refused(request, form) if request.htmx else _page(request, sample, vary_form=form)


Form = TypeVar("Form", ExtendForm, VaryForm)


def _asked(request: StudioRequest, kind: type[Form], sample: AudioSample) -> Form:
    """What was sent; the values the form begins with where a row asks `as_usual`, by one click."""
    if "as_usual" not in request.POST:
        return kind(request.POST, sample=sample)
    return kind({name: field.initial for name, field in kind(sample=sample).fields.items()}, sample=sample)


def _gone_on(request: StudioRequest, job: GenerationJob, told: str) -> HttpResponse:
    """To the new job; by HTMX the page stays: the job's card on Create, elsewhere a message that leads to it."""
    if not request.htmx:
        return redirect("job-detail", job_id=job.pk)
    if request.GET.get("view") == "create":
        card = cards_for(request.user, GenerationJob.objects.filter(pk=job.pk))[0]
        return render(request, "generation/_job_card.html", {"job": card, "view": "create"})
    link = '{} <a href="{}">{}</a>'
    messages.success(request, format_html(link, told, reverse("job-detail", args=[job.pk]), gettext("See the job")))
    return render(request, "components/messages.html", {"oob": True})


def _refused(request: StudioRequest, form: forms.Form) -> HttpResponse:
    messages.error(request, " ".join(error for errors in form.errors.values() for error in errors))
    return render(request, "components/messages.html", {"oob": True})


@require_POST
def keep(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """Keep a sample after all that a taste has set aside."""
    sample = _sample(request, sample_id)
    try:
        keep_sample(sample=sample, actor=request.user)
        messages.success(request, gettext("Sample %(sample_label)s is kept.") % {"sample_label": sample.label})
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except DomainError as error:
        messages.error(request, error.message)
    return redirect_back(request, "library")


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """Ask, then hide the sample for everybody."""
    sample = _sample(request, sample_id)
    if not _may_delete(request, sample):
        raise PermissionDenied
    if request.method == "POST":
        try:
            deletion = delete_sample(sample=sample, actor=request.user)
        except Forbidden as error:
            raise PermissionDenied from error
        names = {"sample_label": sample.label, "prompt": sample.job.prompt}
        words = gettext("Sample %(sample_label)s of “%(prompt)s” was deleted.") % names
        messages.success(request, words, extra_tags=reverse("deletion-undo", args=[deletion.pk]))
        return redirect("library")
    return confirm_page(
        request,
        title=gettext("Delete sample %(sample_label)s?") % {"sample_label": sample.label},
        text=gettext("Made from “%(prompt)s”.") % {"prompt": sample.job.prompt},
        # How many hearts there are would tell an owner who has yet to judge it what others think.
        losses=[
            gettext("%(duration)s s of audio") % {"duration": f"{sample.duration:.1f}"},
            gettext("all feedback on it"),
            gettext("everybody's hearts and notes on it"),
        ],
        confirm_label=gettext("Delete sample"),
        cancel_url=reverse("sample-detail", args=[sample.pk]),
    )


@require_POST
def rename(request: StudioRequest, sample_id: UUID) -> HttpResponse:
    """Call the sample by the `title` of the form; by its prompt again where that is empty."""
    sample = _sample(request, sample_id)
    try:
        rename_sample(sample=sample, actor=request.user, title=request.POST.get("title", ""))
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("sample-detail", sample_id=sample.pk)


@require_POST
def undo(request: StudioRequest, deletion_id: UUID) -> HttpResponse:
    """Bring back what the reader deleted a moment ago."""
    deletion = get_object_or_404(Deletion, pk=deletion_id, actor=request.user)
    try:
        undo_deletion(deletion=deletion, actor=request.user)
        messages.success(request, gettext("It is back, with everything that was on it."))
    except DomainError as error:
        messages.error(request, error.message)
    return redirect_back(request, "library")


def _sample(request: StudioRequest, sample_id: UUID) -> AudioSample:
    samples = AudioSample.objects.visible().hearted_by(request.user)
    return get_object_or_404(samples.select_related(*_SHOWN), pk=sample_id)


def _may_delete(request: StudioRequest, sample: AudioSample) -> bool:
    return request.user.is_staff or sample.job.requested_by_id == request.user.pk


def _page(
    request: StudioRequest,
    sample: AudioSample,
    *,
    extend_form: forms.Form | None = None,
    vary_form: forms.Form | None = None,
) -> HttpResponse:
    refused = extend_form or vary_form
    context: dict[str, Any] = {
        "sample": sample,
        "job": sample.job,
        "prompt": sample.job.prompt,
        "siblings": siblings_of(sample),
        "family": family_of(sample),
        "download_formats": DOWNLOAD_FORMATS,
        "codes_shape": codes_shape(sample),
        "replay_command": replay_command(sample),
        "replay_body": replay_body(sample),
        "replay_warnings": replay_warnings(sample),
        "extend_form": extend_form or ExtendForm(sample=sample),
        "vary_form": vary_form or VaryForm(sample=sample),
        "may_delete": _may_delete(request, sample),
        "share_form": ShareForm(auto_id="share_%s"),
    }
    return render(request, "generation/sample_detail.html", context, status=400 if refused else 200)
