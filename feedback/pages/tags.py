"""Feedback on the pages of samples, jobs and prompts. Every tag costs a fixed number of queries, however many rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import template
from django.contrib.auth.models import User
from django.template.context import RequestContext
from django.urls import reverse

from adapters.models import Adapter
from adapters.pages.listing import Measure
from feedback.judgements import performance
from feedback.judgements.history import KIND_OF
from feedback.judgements.summaries import (
    GroupSummary,
    SampleSummary,
    summaries_of_jobs,
    summaries_of_prompts,
    summaries_of_samples,
)
from feedback.models import Preference, Ranking
from feedback.pages.comparing import Comparison
from feedback.pages.panel import Panel
from feedback.pages.side_by_side import side_by_side
from feedback.services.deletion import Feedback, may_delete
from feedback.services.preferences import STRENGTHS
from generation.models import AudioSample, GenerationJob
from prompts.models import Prompt
from text2song.pages.requests import StudioRequest

register = template.Library()


# -- summaries of rows: {% sample_summaries page as summaries %} once, {{ summaries|of:sample.pk }} in each row -----


@register.simple_tag(takes_context=True)
def sample_summaries(context: RequestContext, samples: Iterable[AudioSample]) -> dict[UUID, SampleSummary]:
    return summaries_of_samples(reader=context["user"], ids=[sample.pk for sample in samples])


@register.simple_tag(takes_context=True)
def job_summaries(context: RequestContext, jobs: Iterable[GenerationJob]) -> dict[UUID, GroupSummary]:
    return summaries_of_jobs(reader=context["user"], ids=[job.pk for job in jobs])


@register.simple_tag(takes_context=True)
def prompt_summaries(context: RequestContext, prompts: Iterable[Prompt]) -> dict[UUID, GroupSummary]:
    return summaries_of_prompts(reader=context["user"], ids=[prompt.pk for prompt in prompts])


@register.simple_tag(takes_context=True)
def prompt_feedback(context: RequestContext, prompt: Prompt, jobs: Iterable[GenerationJob]) -> dict[str, Any]:
    """`total` of a prompt, and `samples` of its jobs (with `visible_samples`) one by one."""
    ids = [sample.pk for job in jobs for sample in job.visible_samples]
    return {
        "total": summaries_of_prompts(reader=context["user"], ids=[prompt.pk])[prompt.pk],
        "samples": summaries_of_samples(reader=context["user"], ids=ids),
    }


# -- adapters ------------------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def adapter_performance(context: RequestContext, adapter: Adapter) -> performance.Performance:
    """An adapter's figures beside its base model's."""
    return performance.performance(adapter=adapter, reader=context["user"])


@register.simple_tag(takes_context=True)
def compared_feedback(context: RequestContext, adapters: Sequence[Adapter]) -> list[Measure]:
    """How two adapters were rated, and the votes between them."""
    return side_by_side(adapters=adapters, reader=context["user"])


@register.filter
def of(rows: dict[Any, Any] | None, key: Any) -> Any:
    """The entry of a mapping, None without."""
    return (rows or {}).get(key)


# -- panels -----------------------------------------------------------------------------------------------------


@register.inclusion_tag("feedback/_panel.html", takes_context=True)
def feedback_panel(context: RequestContext, sample: AudioSample) -> dict[str, Any]:
    """The panel of one sample for whoever reads the page."""
    return panel_context(context["request"], Panel(sample, context["user"]))


@register.inclusion_tag("feedback/_comparison.html", takes_context=True)
def comparison_panel(context: RequestContext, samples: Iterable[AudioSample]) -> dict[str, Any]:
    """A/B choices and, for 3 to 8 samples, ranking; nothing for fewer than two."""
    return comparison_context(context["request"], Comparison(list(samples), context["user"]))


@register.inclusion_tag("feedback/_job.html", takes_context=True)
def job_feedback(context: RequestContext, job: GenerationJob, oob: bool = False) -> dict[str, Any]:
    """What was said about a job's samples, and everything to say more. `job` has `visible_samples`."""
    samples = list(job.visible_samples)
    shared = comparison_context(context["request"], Comparison(samples, context["user"]))
    return shared | {
        "job": job,
        "samples": samples,
        "oob": oob,
        "total": summaries_of_jobs(reader=context["user"], ids=[job.pk])[job.pk],
        "summaries": summaries_of_samples(reader=context["user"], ids=[sample.pk for sample in samples]),
    }


def panel_context(request: StudioRequest, panel: Panel) -> dict[str, Any]:
    """What the panel's templates need."""
    sample_page = reverse("sample-detail", args=[panel.sample.pk])
    return {
        "request": request,
        "user": request.user,
        "panel": panel,
        "sample": panel.sample,
        "next": f"{_here(request) or sample_page}#feedback",
    }


def comparison_context(request: StudioRequest, comparison: Comparison) -> dict[str, Any]:
    """What the comparison's templates need."""
    among = urlencode([("ids", sample.pk) for sample in comparison.samples])
    return {
        "request": request,
        "user": request.user,
        "comparison": comparison,
        "next": _here(request) or f"{reverse('compare')}?{among}",
    }


def _here(request: StudioRequest) -> str:
    """The page the reader is on; empty where a form was sent to an address of its own."""
    if request.htmx:
        return request.htmx.current_url_abs_path or ""
    return request.get_full_path() if request.method in ("GET", "HEAD") else ""


# -- one item ---------------------------------------------------------------------------------------------------


@register.filter
def kind(item: Feedback) -> str:
    """ "rating", "preference", "ranking", "tags" or "note"."""
    return KIND_OF[type(item)]


@register.filter
def deletable_by(item: Feedback, user: User) -> bool:
    return may_delete(item, user)


@register.filter
def stars(score: int) -> str:
    """ "★★★☆☆" """
    return "★" * score + "☆" * (5 - score)


@register.simple_tag
def name_of(sample: AudioSample, item: Preference | Ranking, names: dict[UUID, str] | None) -> str:
    """What a comparison or a ranking calls a sample: as in `names` where given, else by itself; in votes of a listening
    test with the adapter that made it.
    """
    if names and sample.pk in names:
        return names[sample.pk]
    name = item.names[sample.pk]
    return f"{name}, {sample.job.adapter_label}" if getattr(item, "trial_id", None) else name


@register.filter
def strength(preference: Preference) -> str:
    """How much better, in words; empty when it was not said."""
    return STRENGTHS.get(preference.strength or 0, "")
