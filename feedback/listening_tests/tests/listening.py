"""Listening tests in any state, with real little clips, and raters who have heard them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone

from feedback.listening_tests import pairs
from feedback.listening_tests.services import creation, lifecycle, votes
from feedback.listening_tests.services.creation import ArmSpec
from feedback.models import Arm, ArmJob, ClipPair, ListeningTest, Trial
from feedback.tests.factories import TrialFactory
from generation.models import GenerationJob
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, tone_flac
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from text2song.tests.factories import UserFactory

HEARD = [[0.0, 0.9]]
"""Enough of a clip of one second."""


def draft(*, prompts: int = 3, arms: int = 2, **values: Any) -> ListeningTest:
    """A draft of `arms` base models on a frozen suite."""
    suite = PromptSuiteFactory(prompts=[PromptFactory() for _ in range(prompts)], frozen=True)
    specs = [ArmSpec(BaseModelFactory()) for _ in range(arms)]
    values = {"name": "Which is better", "duration": 1, "gold_share": 0.0, "repeat_share": 0.0, **values}
    return creation.create_test(actor=UserFactory(is_staff=True), suite=suite, arms=specs, **values)


def finish_jobs(test: ListeningTest, **sample: Any) -> None:
    """Every waiting job is completed, as a worker would."""
    for made in ArmJob.objects.filter(arm__test=test, job__state="queued").select_related("job", "arm"):
        GenerationJob.objects.filter(pk=made.job_id).update(state="completed", finished_at=timezone.now())
        made.job.refresh_from_db()
        for index in range(made.job.num_samples):
            clip = AudioSampleFactory(job=made.job, index=index, **sample)
            if clip.audio_file:  # every arm has a sound of its own
                tone = tone_flac(clip.duration, hertz=300.0 + 170 * made.arm.position + 40 * index)
                clip.audio_file.save(f"{clip.pk}.flac", ContentFile(tone))


def running(*, sample: dict[str, Any] | None = None, **values: Any) -> ListeningTest:
    """A test whose clips are made, open to raters."""
    test = draft(**values)
    lifecycle.start_test(actor=test.created_by, test=test)
    finish_jobs(test, **(sample or {}))
    pairs.collect_pairs(test)
    test.refresh_from_db()
    assert test.state == ListeningTest.State.ACTIVE
    return test


def let_pass(trial: Trial, seconds: float = 60.0) -> None:
    """The sound of both clips was sent so long ago."""
    then = timezone.now() - timedelta(seconds=seconds)
    Trial.objects.filter(pk=trial.pk).update(first_sent_at=then, second_sent_at=then)


def answer(trial: Trial, choice: str = "first") -> Trial:
    """The rater hears both clips and votes."""
    let_pass(trial)
    return votes.vote(rater=trial.rater, token=trial.token, choice=choice, heard=(HEARD, HEARD))


def voted(pair: ClipPair, *, winner: str, rater: Any = None, x_is_first: bool = True, **values: Any) -> Trial:
    """A stored vote, past all services: `winner` is "x", "y", "tie" or "both_bad"."""
    choice = {"x": "first" if x_is_first else "second", "y": "second" if x_is_first else "first"}.get(winner, winner)
    rater = rater or UserFactory()
    number = Trial.objects.filter(test=pair.test, rater=rater).count() + 1
    values = {"voted_at": timezone.now(), "number": number, **values}
    return TrialFactory(pair=pair, rater=rater, choice=choice, x_is_first=x_is_first, **values)


def names_of(test: ListeningTest) -> set[str]:
    """Everything that would tell a rater what they hear: ids, keys, names, hashes, seeds of arms, jobs and samples."""
    told = {str(test.suite_id), test.suite.name, test.name}
    for arm in Arm.objects.filter(test=test).select_related("base_model", "adapter"):
        told |= {str(arm.pk), str(arm.base_model_id), arm.base_model.key, arm.base_model.display_name}
        told |= {arm.base_model.revision, arm.base_model.location}
    for made in ArmJob.objects.filter(arm__test=test).select_related("job"):
        told |= {str(made.job_id), made.job.short_id, str(made.prompt_id)}
        told |= {str(made.job.seed)} if made.job.seed > 1000 else set()
        for sample in made.job.samples.all():
            told |= {str(sample.pk), sample.short_id, sample.sha256, sample.audio_file.name}
    for pair in ClipPair.objects.filter(test=test):
        told |= {str(pair.pk), pair.gold_file.name}
    for trial in Trial.objects.filter(test=test):
        told.add(str(trial.pk))
    return {name for name in told if name}
