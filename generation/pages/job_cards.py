"""Jobs as cards and rows show them, in a fixed number of queries whatever their number."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.utils.text import Truncator
from django_htmx.http import trigger_client_event

from generation.models import GenerationJob
from generation.querysets import GenerationJobQuerySet


def cards_for(user: User, jobs: GenerationJobQuerySet) -> list[GenerationJob]:
    """The jobs with everything a card shows: their samples with the user's hearts, `place`, `may_manage`."""
    return rows_for(user, jobs.with_samples_for(user))


def rows_for(user: User, jobs: Iterable[GenerationJob]) -> list[GenerationJob]:
    """The jobs with `place` (1 for the next in the queue, else None) and `may_manage` (whether it is the user's)."""
    shown = list(jobs)
    places: dict[object, int] = {}
    if any(job.state == GenerationJob.State.QUEUED for job in shown):
        waiting = GenerationJob.objects.waiting().values_list("pk", flat=True)
        places = {pk: place for place, pk in enumerate(waiting, 1)}
    for job in shown:
        job.place = places.get(job.pk)  # type: ignore[attr-defined]  # for the template
        job.may_manage = may_manage(user, job)  # type: ignore[attr-defined]  # for the template
    return shown


def announced(response: HttpResponse, job: GenerationJob) -> HttpResponse:
    """The response, telling the page that `job` was sent: its rail of prompts and its status listen."""
    created = {"id": str(job.pk), "prompt": str(job.prompt_id), "text": Truncator(job.prompt.text).chars(80)}
    return trigger_client_event(response, "job-created", created)


def may_manage(user: User, job: GenerationJob) -> bool:
    """Whether `user` may cancel and delete the job: who sent it, and curators."""
    return bool(user.is_staff or (job.requested_by_id is not None and job.requested_by_id == user.pk))
