"""draft -> generating -> active -> completed, and back to active when a curator reopens a test."""

from __future__ import annotations

import contextlib

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from feedback.listening_tests.access import require_curator
from feedback.listening_tests.exceptions import WrongState
from feedback.models import Arm, ArmJob, ListeningTest
from generation.exceptions import JobIsFinished
from generation.models import GenerationJob
from generation.models.jobs import MAX_SEED
from generation.services import cancel_job, make_music, requeue_job
from prompts.models import Prompt
from text2song.exceptions import Refused

State = ListeningTest.State


def start_test(*, actor: User | None, test: ListeningTest) -> ListeningTest:
    """Queue one job for every arm and prompt, all or none; for one prompt all arms have the same seed.

    The jobs belong to nobody, so they take nothing from anybody's quota. Raises `WrongState` unless it is a draft, and
    what `make_music` raises (an adapter deleted since, a model whose files are not here).
    """
    require_curator(actor, gettext("start a listening test"))
    with transaction.atomic():
        _move(test, (State.DRAFT,), gettext("started"), state=State.GENERATING, started_at=timezone.now())
        prompts = [item.prompt for item in test.suite.items.select_related("prompt")]
        for arm in test.arms.select_related("base_model", "adapter"):
            for position, prompt in enumerate(prompts):
                ArmJob.objects.create(arm=arm, prompt=prompt, job=_submit(test, arm, prompt, position))
    return test


def _submit(test: ListeningTest, arm: Arm, prompt: Prompt, position: int) -> GenerationJob:
    return make_music(
        actor=None,
        prompt=prompt,
        base_model=arm.base_model,
        adapter=arm.adapter,
        adapter_strength=arm.adapter_strength,
        # Sample i of a job uses seed + i: prompts lie far enough apart never to share one.
        seed=(test.seed + position * test.samples_per_prompt) % (MAX_SEED + 1),
        num_samples=test.samples_per_prompt,
        duration=test.duration,
        withheld=True,
        **test.sampling,
    )


def close_test(*, actor: User | None, test: ListeningTest) -> ListeningTest:
    """End it with the votes it has; jobs that still wait or run are cancelled."""
    require_curator(actor, gettext("close a listening test"))
    with transaction.atomic():
        _move(
            test, (State.GENERATING, State.ACTIVE), gettext("closed"), state=State.COMPLETED, finished_at=timezone.now()
        )
        test.withhold_clips(False)
        _cancel_jobs(test, actor)
    return test


def reopen_test(*, actor: User, test: ListeningTest, votes_wanted: int | None = None) -> ListeningTest:
    """Take more votes. Raises `Refused` when it already has as many as are wanted, `WrongState` unless completed."""
    require_curator(actor, gettext("reopen a listening test"))
    if test.sealed:
        raise WrongState(
            gettext("What this test was made for is decided by the votes it had. Begin another one instead.")
        )
    votes = test.trials.counted().count()
    wanted = test.votes_wanted if votes_wanted is None else votes_wanted
    if wanted <= votes:
        message = gettext("It has %(votes)s votes. Ask for more than that to open it again.") % {"votes": votes}
        raise Refused(message, fields={"votes_wanted": [message]})
    test.votes_wanted = wanted
    test.clean_fields(exclude=[field.name for field in test._meta.fields if field.name != "votes_wanted"])
    if not test.pairs.filter(kind="regular").exists():
        raise WrongState(gettext("It has no pair of clips to judge. Make a new test."))
    with transaction.atomic():
        _move(test, (State.COMPLETED,), gettext("reopened"), state=State.ACTIVE, finished_at=None, votes_wanted=wanted)
        test.withhold_clips(True)
    return test


def delete_test(*, actor: User, test: ListeningTest) -> None:
    """Hide a test and end it; votes that were cast stay stored."""
    require_curator(actor, gettext("delete a listening test"))
    with transaction.atomic():
        if test.state in (State.GENERATING, State.ACTIVE):
            close_test(actor=actor, test=test)
        test.deleted_at = timezone.now()
        test.save(update_fields=["deleted_at"])


def retry_failed(*, actor: User | None, test: ListeningTest) -> int:
    """Put failed and cancelled jobs of an open test back in the queue; returns how many."""
    require_curator(actor, gettext("retry a test's jobs"))
    if not test.is_open:
        raise WrongState(gettext("The test is not open, so its jobs are not needed."))
    jobs = failed_jobs(test)
    with transaction.atomic():
        for job in jobs:
            requeue_job(job=job, actor=actor)
        if jobs:
            ListeningTest.objects.filter(pk=test.pk, state=State.ACTIVE).update(state=State.GENERATING)
    test.refresh_from_db()
    return len(jobs)


def failed_jobs(test: ListeningTest) -> list[GenerationJob]:
    """Jobs that will give no clip unless they are retried, with prompt and adapter."""
    ended = (GenerationJob.State.FAILED, GenerationJob.State.CANCELLED)
    jobs = GenerationJob.objects.undeleted().filter(arm_job__arm__test=test, state__in=ended)
    return list(jobs.select_related("prompt", "base_model", "adapter").order_by("created_at", "id"))


def _cancel_jobs(test: ListeningTest, actor: User | None) -> None:
    for job in GenerationJob.objects.unfinished().filter(arm_job__arm__test=test):
        with contextlib.suppress(JobIsFinished):
            cancel_job(job=job, actor=actor)


def _move(test: ListeningTest, states: tuple[str, ...], verb: str, **changes: object) -> ListeningTest:
    """Apply `changes` if the test is in one of `states`; raises `WrongState` otherwise."""
    if not ListeningTest.objects.visible().filter(pk=test.pk, state__in=states).update(**changes):
        test.refresh_from_db()
        raise WrongState(
            gettext("A test that is %(state)s cannot be %(verb)s.")
            % {"state": test.get_state_display().lower(), "verb": verb}
        )
    test.refresh_from_db()
    return test
