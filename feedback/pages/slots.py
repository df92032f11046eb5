"""What feedback shows on the pages of prompts, adapters, samples and jobs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from adapters.models import Adapter
from feedback.judgements.performance import performance
from feedback.judgements.summaries import summaries_of_jobs, summaries_of_prompts, summaries_of_samples
from feedback.models import ArmJob, Criterion, ListeningTest, Rating
from feedback.pages.comparing import Comparison, comparison_context
from feedback.pages.forms import stars_of
from feedback.pages.panel import Panel, panel_context
from feedback.pages.side_by_side import side_by_side
from generation.models import AudioSample, GenerationJob
from generation.pages.job_groups import Kind, Purpose, register
from prompts.models import Prompt
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import here
from text2song.pages.slots import RowSlot, Slot, fills

# -- pages ---------------------------------------------------------------------------------------------------------


@fills(Slot.SAMPLE_PAGE)
def on_sample(request: StudioRequest, *, sample: AudioSample) -> SafeString:
    """The panel of the sample for whoever reads the page."""
    return render_to_string("feedback/_on_sample.html", panel_context(request, Panel(sample, request.user)), request)


@fills(Slot.SAMPLES_COMPARED)
def on_compared_samples(request: StudioRequest, *, samples: Sequence[AudioSample]) -> SafeString:
    """A/B choices and, for 3 to 8 samples, ranking; nothing for fewer than two."""
    context = comparison_context(request, Comparison(list(samples), request.user))
    return render_to_string("feedback/_comparison.html", context, request)


@fills(Slot.JOB_PAGE)
def on_job(request: StudioRequest, *, job: GenerationJob, oob: bool = False) -> SafeString:
    """What was said about the job's samples, and everything to say more."""
    samples = sorted(job.visible_samples, key=lambda sample: sample.index)  # not in the order of a taste
    context = comparison_context(request, Comparison(samples, request.user)) | {
        "job": job,
        "samples": samples,
        "out_of": len(samples) + len(job.set_aside_samples),
        "oob": oob,
        "total": summaries_of_jobs(reader=request.user, ids=[job.pk])[job.pk],
        "summaries": summaries_of_samples(reader=request.user, ids=[sample.pk for sample in samples]),
    }
    return render_to_string("feedback/_job.html", context, request)


@fills(Slot.PROMPT_FACTS)
def on_prompt(request: StudioRequest, *, prompt: Prompt) -> SafeString:
    """All that was said about the prompt's samples, in a few words."""
    summary = summaries_of_prompts(reader=request.user, ids=[prompt.pk])[prompt.pk]
    samples = AudioSample.objects.visible().counts_by_prompt([prompt])[prompt.pk]
    context = {"prompt": prompt, "summary": summary, "out_of": samples}
    return render_to_string("feedback/_on_prompt.html", context, request)


@fills(Slot.ADAPTER_PAGE, order=10)
def on_adapter(request: StudioRequest, *, adapter: Adapter, **relatives: Any) -> SafeString:
    """The adapter's figures beside its base model's."""
    context = {"adapter": adapter, "performance": performance(adapter=adapter, reader=request.user)}
    return render_to_string("feedback/_adapter_performance.html", context, request)


@fills(Slot.ADAPTERS_COMPARED, order=20)
def on_compared_adapters(request: StudioRequest, *, adapters: Sequence[Adapter]) -> SafeString:
    """How two adapters were rated, and the votes between them."""
    measures = side_by_side(adapters=adapters, reader=request.user)
    return render_to_string("adapters/_measures.html", {"measures": measures}, request)


@fills(Slot.ADAPTERS_CHOSEN)
def on_chosen_adapters(request: StudioRequest) -> SafeString:
    """The way to a blind test of them."""
    return render_to_string("feedback/_compare_blind.html", request=request)


# -- rows. Their templates ask nothing of the request, so that a row costs no context of its own. --------------------


@fills(RowSlot.SAMPLE)
def in_sample_rows(request: StudioRequest, samples: Sequence[AudioSample]) -> dict[UUID, SafeString]:
    """A sample's feedback in a few words."""
    summaries = summaries_of_samples(reader=request.user, ids=[sample.pk for sample in samples])
    return {pk: render_to_string("feedback/_summary.html", {"summary": row}) for pk, row in summaries.items()}


@fills(RowSlot.CLIP_RATING)
def stars_in_rows(
    request: StudioRequest, samples: Sequence[AudioSample], *, place: str = "row"
) -> dict[UUID, SafeString]:
    """The reader's own score on the first question, whoever else said what; nothing where no question is asked."""
    criterion = Criterion.objects.filter(is_active=True).first() if samples else None
    if criterion is None:
        return {}
    mine = Rating.objects.filter(rater=request.user, criterion=criterion, sample__in=[one.pk for one in samples])
    scores = dict(mine.values_list("sample_id", "score"))
    given = {"criterion": criterion, "place": place, "next": here(request), "csrf_token": get_token(request)}
    rows = {}
    for one in samples:
        stars = stars_of(criterion, scores.get(one.pk), f"{place}-{one.pk}-{criterion.slug}-score")
        rows[one.pk] = render_to_string("feedback/_clip_stars.html", {"sample": one, "stars": stars, **given})
    return rows


@fills(RowSlot.JOB)
def in_job_rows(request: StudioRequest, jobs: Sequence[GenerationJob]) -> dict[UUID, SafeString]:
    """The feedback on a job, and how many of the samples that were asked for have any."""
    summaries = summaries_of_jobs(reader=request.user, ids=[job.pk for job in jobs])
    contexts = {job.pk: {"summary": summaries[job.pk], "out_of": job.num_samples} for job in jobs}
    return {pk: render_to_string("feedback/_group_summary.html", context) for pk, context in contexts.items()}


@fills(RowSlot.PROMPT, order=10)
def in_prompt_rows(request: StudioRequest, prompts: Sequence[Prompt]) -> dict[UUID, SafeString]:
    """The feedback on a prompt."""
    summaries = summaries_of_prompts(reader=request.user, ids=[prompt.pk for prompt in prompts])
    return {pk: render_to_string("feedback/_group_summary.html", {"summary": row}) for pk, row in summaries.items()}


# -- jobs ------------------------------------------------------------------------------------------------------------


def _tests_told(user: User, keys: Collection[UUID]) -> dict[UUID, Purpose]:
    names = ListeningTest.objects.filter(pk__in=keys).values_list("pk", "name")
    told = _("Listening test %(name)s")
    return {pk: Purpose(told % {"name": name}, reverse("test-detail", args=[pk])) for pk, name in names}


# While a test is open its jobs are shown to nobody.
register(
    Kind(
        sent=lambda user: ArmJob.objects.filter(arm__test__deleted_at=None),
        job="job",
        purpose="arm__test",
        tell=_tests_told,
    )
)
