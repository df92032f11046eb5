"""The one most useful thing that this person can do now: the first of `ORDER` that has something to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Max
from django.utils.translation import gettext, gettext_lazy, ngettext

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

STANDS = {
    "default": gettext_lazy("The queue"),
    "generation": gettext_lazy("Generation"),
    "training": gettext_lazy("Training"),
}
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
        return gettext("%(crews)s queues stand still") % {"crews": len(crews)}
    return gettext("%(crew)s stands still") % {"crew": STANDS[crews[0].cluster]} if crews else ""


# -- the rules -------------------------------------------------------------------------------------------------------


def _standing_still(reader: User, workforce: Workforce) -> NextStep | None:
    if not workforce.standing_still:
        return None
    workers = f"{url_or_empty('settings')}#workers"
    return NextStep(what_stands_still(workforce), workforce.notice, workers, gettext("See the workers"), is_notice=True)


def _round_that_waits(reader: User, workforce: Workforce) -> NextStep | None:
    mine = Round.objects.unfinished().filter(owner=reader).first()
    if mine is None or (mine.is_under_way and not mine.asks_its_owner):
        return None
    text = f"{mine.get_step_display()}. {mine.told}".strip()
    return NextStep(
        gettext("Round %(number)s waits for you") % {"number": mine.number},
        text,
        url_or_empty("round-detail", mine.pk),
        gettext("Go on"),
    )


def _blind_test(reader: User, workforce: Workforce) -> NextStep | None:
    for test in ListeningTest.objects.open_to(reader).order_by("-created_at")[:OPEN_TESTS]:
        progress = rater_progress(rater=reader, test=test)
        left = progress.total - progress.judged
        if left > 0:
            text = ngettext(
                "%(left)s trial of two clips are left for you. What you say decides.",
                "%(left)s trials of two clips are left for you. What you say decides.",
                left,
            ) % {"left": left}
            return NextStep(
                gettext("%(blind_name)s waits for your ears") % {"blind_name": test.blind_name},
                text,
                url_or_empty("test-listen", test.pk),
                gettext("Listen"),
            )
    return None


def _failed_job(reader: User, workforce: Workforce) -> NextStep | None:
    newest = _jobs_of(reader).first()
    if newest is None or newest.state != GenerationJob.State.FAILED:
        return None
    text = newest.error or gettext("It gave no reason.")
    return NextStep(
        gettext("Your newest job failed"), text, url_or_empty("job-detail", newest.pk), gettext("See what to do")
    )


def _unjudged_clips(reader: User, workforce: Workforce) -> NextStep | None:
    """Of the newest job whose clips are there, if none of them was judged yet by whom they were made for."""
    clips = AudioSample.objects.visible().kept().filter(job__requested_by=reader)
    newest = clips.select_related("job__prompt").order_by("-job__created_at").first()
    if newest is None or newest.job.is_unfinished:
        return None
    if clips.filter(job=newest.job, pk__in=samples_judged_by(reader)).exists():
        return None
    text = f"“{newest.job.prompt}”"
    return NextStep(
        gettext("Listen to your newest candidates"), text, url_or_empty("job-detail", newest.job_id), gettext("Listen")
    )


def _own_work(reader: User, workforce: Workforce) -> NextStep | None:
    jobs, runs = _jobs_of(reader).unfinished(), TrainingRun.objects.unfinished().filter(created_by=reader)
    if count := jobs.count():
        text = gettext("%(count)s of your jobs are") % {"count": count} if count > 1 else gettext("Your job is")
        text += gettext(" in the works. Candidates appear as they are made.")
        return NextStep(
            gettext("Watch your music being made"), text, url_or_empty("job-detail", jobs[0].pk), gettext("Watch")
        )
    if (run := runs.first()) is not None:
        text = gettext("%(run)s is in the works.") % {"run": run}
        return NextStep(
            gettext("Watch your adapter being trained"), text, url_or_empty("run-detail", run.pk), gettext("Watch")
        )
    return None


def _finished_run(reader: User, workforce: Workforce) -> NextStep | None:
    """The newest run of theirs, if it failed, or if they never made music with what it made."""
    run = TrainingRun.objects.filter(created_by=reader).exclude(state=TrainingRun.State.CANCELLED).first()
    if run is None or run.is_unfinished:
        return None
    if run.state == TrainingRun.State.FAILED:
        return NextStep(
            gettext("%(run)s failed") % {"run": run},
            run.error,
            url_or_empty("run-detail", run.pk),
            gettext("See what to do"),
        )
    if run.adapter is None or not _may_be_tried(run.adapter, reader):
        return None
    text = gettext("%(run)s is complete. Make something with what it learned.") % {"run": run}
    return NextStep(_try(run.adapter), text, _create_with(run.adapter), gettext("Make music with it"))


def _enough_answers(reader: User, workforce: Workforce) -> NextStep | None:
    """Curators make a dataset of them, everybody else a taste of their own."""
    learned = Dataset.objects.visible() if reader.is_staff else Taste.objects.visible().filter(created_by=reader)
    last = learned.aggregate(at=Max("created_at"))["at"]
    answers = (Preference.objects.openly().visible(), Rating.objects.visible())  # of suites nothing is learned
    mine = [given.filter(rater=reader, **({"created_at__gt": last} if last else {})) for given in answers]
    count = sum(given.count() for given in mine)
    if count < ENOUGH_ANSWERS:
        return None
    text = gettext("You have given %(count)s answers that nothing was learned from yet: they are enough.") % {
        "count": count
    }
    if reader.is_staff:
        return NextStep(
            gettext("Make a dataset of what was said"), text, url_or_empty("dataset-create"), gettext("Build it")
        )
    return NextStep(gettext("Let the studio learn your taste"), text, url_or_empty("taste-new"), gettext("Learn it"))


def _untried_adapter(reader: User, workforce: Workforce) -> NextStep | None:
    newest = Adapter.objects.active().select_related("base_model").order_by("-created_at").first()
    if newest is None or not _may_be_tried(newest, reader):
        return None
    text = gettext("It is the newest adapter, and you have not made anything with it.")
    return NextStep(_try(newest), text, _create_with(newest), gettext("Make music with it"))


def _prompt(reader: User, workforce: Workforce) -> NextStep:
    if not _jobs_of(reader).exists():
        text = gettext(
            "Say what you would like to hear. A few candidates are made from it, and you listen to them side by side."
        )
        return NextStep(gettext("Write your first prompt"), text, url_or_empty("create"), gettext("Write a prompt"))
    return NextStep(
        gettext("Try another prompt"),
        gettext("Every clip you judge teaches the studio."),
        url_or_empty("create"),
        gettext("Write a prompt"),
    )


ORDER: tuple[Callable[[User, Workforce], NextStep | None], ...] = (
    _standing_still,
    _round_that_waits,
    _blind_test,
    _failed_job,
    _unjudged_clips,
    _own_work,
    _enough_answers,
    _finished_run,
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


def _try(adapter: Adapter) -> str:
    return gettext("Try %(adapter)s") % {"adapter": adapter.label}


def _create_with(adapter: Adapter) -> str:
    return f"{url_or_empty('create')}?adapter={adapter.pk}"
