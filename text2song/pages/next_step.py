"""The one most useful thing that this person can do now: the first of `ORDER` that has something to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Max

from adapters.models import Adapter, Taste
from datasets_app.models import Dataset
from feedback.listening_tests.services.trials import rater_progress
from feedback.models import ListeningTest, Preference, Rating
from feedback.querysets import samples_judged_by
from generation.models import AudioSample, GenerationJob
from generation.querysets import GenerationJobQuerySet
from text2song.pages.navigation import url_or_empty
from text2song.workforce import Workforce
from training.models import Round, TrainingRun

STANDS = {"default": "The queue", "generation": "Generation", "training": "Training"}
"""What stands still when nobody does the work of a cluster."""
ENOUGH_ANSWERS = 100
"""Of one person, since something was learned from answers last: they are enough (`docs/taste.md`)."""
OPEN_TESTS = 3
"""Of the open blind tests, how many are looked into for something that is left to judge."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """The most useful thing to do now."""

    title: str
    text: str
    url: str
    action: str
    is_notice: bool = False


def next_step(reader: User, workforce: Workforce) -> NextStep:
    """What `reader` does next."""
    return next(step for rule in ORDER if (step := rule(reader, workforce)) is not None)


def what_stands_still(workforce: Workforce) -> str:
    """Such as “Generation stands still”; empty when nothing does."""
    crews = workforce.standing_still
    if len(crews) > 1:
        return f"{len(crews)} queues stand still"
    return f"{STANDS[crews[0].cluster]} stands still" if crews else ""


# -- the rules -------------------------------------------------------------------------------------------------------


def _standing_still(reader: User, workforce: Workforce) -> NextStep | None:
    if not workforce.standing_still:
        return None
    workers = f"{url_or_empty('settings')}#workers"
    return NextStep(what_stands_still(workforce), workforce.notice, workers, "See the workers", is_notice=True)


def _round_that_waits(reader: User, workforce: Workforce) -> NextStep | None:
    mine = Round.objects.unfinished().filter(owner=reader).first()
    if mine is None or (mine.is_under_way and not mine.asks_its_owner):
        return None
    text = f"{mine.get_step_display()}. {mine.told}".strip()
    return NextStep(f"Round {mine.number} waits for you", text, url_or_empty("round-detail", mine.pk), "Go on")


def _blind_test(reader: User, workforce: Workforce) -> NextStep | None:
    for test in ListeningTest.objects.open_to(reader).order_by("-created_at")[:OPEN_TESTS]:
        progress = rater_progress(rater=reader, test=test)
        left = progress.total - progress.judged
        if left > 0:
            text = f"{left} trial{'' if left == 1 else 's'} of two clips are left for you. What you say decides."
            return NextStep(
                f"{test.blind_name} waits for your ears", text, url_or_empty("test-listen", test.pk), "Listen"
            )
    return None


def _failed_job(reader: User, workforce: Workforce) -> NextStep | None:
    newest = _jobs_of(reader).first()
    if newest is None or newest.state != GenerationJob.State.FAILED:
        return None
    text = newest.error or "It gave no reason."
    return NextStep("Your newest job failed", text, url_or_empty("job-detail", newest.pk), "See what to do")


def _unjudged_clips(reader: User, workforce: Workforce) -> NextStep | None:
    """Of the newest job whose clips are there, if none of them was judged yet by whom they were made for."""
    clips = AudioSample.objects.visible().kept().filter(job__requested_by=reader)
    newest = clips.select_related("job__prompt").order_by("-job__created_at").first()
    if newest is None or newest.job.is_unfinished:
        return None
    if clips.filter(job=newest.job, pk__in=samples_judged_by(reader)).exists():
        return None
    text = f"“{newest.job.prompt}”"
    return NextStep("Listen to your newest candidates", text, url_or_empty("job-detail", newest.job_id), "Listen")


def _own_work(reader: User, workforce: Workforce) -> NextStep | None:
    jobs, runs = _jobs_of(reader).unfinished(), TrainingRun.objects.unfinished().filter(created_by=reader)
    if count := jobs.count():
        text = f"{count} of your jobs are" if count > 1 else "Your job is"
        text += " in the works. Candidates appear as they are made."
        return NextStep("Watch your music being made", text, url_or_empty("job-detail", jobs[0].pk), "Watch")
    if (run := runs.first()) is not None:
        text = f"{run} is in the works."
        return NextStep("Watch your adapter being trained", text, url_or_empty("run-detail", run.pk), "Watch")
    return None


def _finished_run(reader: User, workforce: Workforce) -> NextStep | None:
    """The newest run of theirs, if it failed, or if they never made music with what it made."""
    run = TrainingRun.objects.filter(created_by=reader).exclude(state=TrainingRun.State.CANCELLED).first()
    if run is None or run.is_unfinished:
        return None
    if run.state == TrainingRun.State.FAILED:
        return NextStep(f"{run} failed", run.error, url_or_empty("run-detail", run.pk), "See what to do")
    if run.adapter is None or not _may_be_tried(run.adapter, reader):
        return None
    text = f"{run} is complete. Make something with what it learned."
    return NextStep(f"Try {run.adapter.label}", text, _create_with(run.adapter), "Make music with it")


def _enough_answers(reader: User, workforce: Workforce) -> NextStep | None:
    """Curators make a dataset of them, everybody else a taste of their own."""
    learned = Dataset.objects.visible() if reader.is_staff else Taste.objects.visible().filter(created_by=reader)
    last = learned.aggregate(at=Max("created_at"))["at"]
    answers = (Preference.objects.openly().visible(), Rating.objects.visible())  # of suites nothing is learned
    mine = [given.filter(rater=reader, **({"created_at__gt": last} if last else {})) for given in answers]
    count = sum(given.count() for given in mine)
    if count < ENOUGH_ANSWERS:
        return None
    text = f"You have given {count} answers that nothing was learned from yet: they are enough."
    if reader.is_staff:
        return NextStep("Make a dataset of what was said", text, url_or_empty("dataset-create"), "Build it")
    return NextStep("Let the studio learn your taste", text, url_or_empty("taste-new"), "Learn it")


def _untried_adapter(reader: User, workforce: Workforce) -> NextStep | None:
    newest = Adapter.objects.active().select_related("base_model").order_by("-created_at").first()
    if newest is None or not _may_be_tried(newest, reader):
        return None
    text = "It is the newest adapter, and you have not made anything with it."
    return NextStep(f"Try {newest.label}", text, _create_with(newest), "Make music with it")


def _prompt(reader: User, workforce: Workforce) -> NextStep:
    if not _jobs_of(reader).exists():
        text = (
            "Say what you would like to hear. A few candidates are made from it, and you listen to them side by side."
        )
        return NextStep("Write your first prompt", text, url_or_empty("create"), "Write a prompt")
    return NextStep(
        "Try another prompt", "Every clip you judge teaches the studio.", url_or_empty("create"), "Write a prompt"
    )


ORDER: tuple[Callable[[User, Workforce], NextStep | None], ...] = (
    _standing_still,
    _round_that_waits,
    _blind_test,
    _failed_job,
    _unjudged_clips,
    _own_work,
    _finished_run,
    _enough_answers,
    _untried_adapter,
    _prompt,
)


def _jobs_of(reader: User) -> GenerationJobQuerySet:
    return GenerationJob.objects.visible().filter(requested_by=reader).select_related("prompt")


def _may_be_tried(adapter: Adapter, reader: User) -> bool:
    """Whether it can be played here, and `reader` never has."""
    model = adapter.base_model
    if not model.is_ready or not Adapter.objects.selectable_for(model).filter(pk=adapter.pk).exists():
        return False
    return not GenerationJob.objects.filter(adapter=adapter, requested_by=reader).exists()


def _create_with(adapter: Adapter) -> str:
    return f"{url_or_empty('create')}?adapter={adapter.pk}"
