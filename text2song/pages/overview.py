"""The loop in figures: what the overview and the status bar show."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Count, Q, Sum
from django.utils.translation import gettext, ngettext

from adapters.models import Adapter
from datasets_app.models import Dataset
from feedback.judgements import summaries
from feedback.pages.library_filter import NAME, WAITING
from generation.models import AudioSample, GenerationJob
from text2song.pages.navigation import url_or_empty
from text2song.pages.next_step import what_stands_still
from text2song.workforce import Workforce
from training.models import TrainingRun


@dataclass(frozen=True, slots=True)
class Status:
    """The status bar: two counts, the lists that hold exactly what was counted, and what stands still, in words."""

    active_jobs: int
    jobs_url: str
    waiting: int
    waiting_url: str
    standing_still: str = ""
    jobs_move: bool = True


@dataclass(frozen=True, slots=True)
class Station:
    """One stop of the loop. Without `url` it is not in this installation yet, and `count` is None."""

    name: str
    icon: str
    purpose: str
    url: str = ""
    count: int | None = None
    unit: str = ""
    at_work: str = ""
    moves: bool = True


@dataclass(frozen=True, slots=True)
class Figures:
    """Totals that agree with the lists they are taken from.

    `waiting` samples have no feedback at all. `mean_rating` is of the ratings the reader may see; None without any.
    """

    generations: int
    samples: int
    seconds: float
    active: int
    waiting: int
    mean_rating: float | None = None

    @property
    def length(self) -> str:
        """Time of music: "48 s", "12 min", "3.5 h"."""
        if self.seconds < 60:
            return f"{self.seconds:.0f} s"
        return f"{self.seconds / 60:.0f} min" if self.seconds < 3600 else f"{self.seconds / 3600:.1f} h"


def _jobs_url(state: str) -> str:
    url = url_or_empty("jobs")
    return f"{url}?{urlencode({'state': state})}" if url else ""


def _waiting_url() -> str:
    url = url_or_empty("library")
    return f"{url}?{urlencode({NAME: WAITING})}" if url else ""


def status(workforce: Workforce) -> Status:
    """Active jobs, samples nobody has judged and what stands still, in four queries."""
    return Status(
        active_jobs=GenerationJob.objects.visible().unfinished().count(),
        jobs_url=_jobs_url("active"),
        waiting=summaries.without_feedback(AudioSample.objects.visible().kept().order_by()).count(),
        waiting_url=_waiting_url(),
        standing_still=what_stands_still(workforce),
        jobs_move=not workforce.crews["generation"].stands_still,
    )


def figures(reader: User) -> Figures:
    """Totals of everything that is not deleted, as `reader` may see it."""
    unfinished = Count("pk", filter=Q(state__in=GenerationJob.UNFINISHED))
    jobs = GenerationJob.objects.visible().order_by().aggregate(total=Count("pk"), active=unfinished)
    samples = AudioSample.objects.visible().kept().order_by()
    music = samples.aggregate(total=Count("pk"), seconds=Sum("duration"))
    return Figures(
        generations=jobs["total"],
        samples=music["total"],
        seconds=music["seconds"] or 0.0,
        active=jobs["active"],
        waiting=summaries.without_feedback(samples).count(),
        mean_rating=summaries.mean_rating(reader),
    )


def stations(totals: Figures, workforce: Workforce) -> list[Station]:
    """Generate, Listen, Dataset, Train, Adapter, in the order music goes through them."""
    return [
        Station(
            gettext("Generate"),
            "create",
            gettext("Prompts become candidates"),
            url_or_empty("create"),
            totals.generations,
            ngettext("job", "jobs", totals.generations),
            *_motion(totals.active, "generation", workforce),
        ),
        Station(
            gettext("Listen"),
            "listen",
            gettext("Ears decide what is good"),
            url_or_empty("listen") or _waiting_url(),
            totals.waiting,
            ngettext("sample waits for ears", "samples wait for ears", totals.waiting),
        ),
        _datasets(workforce),
        _training(workforce),
        _adapters(),
    ]


def _motion(unfinished: int, cluster: str, workforce: Workforce) -> tuple[str, bool]:
    """What a station says of its unfinished work, and whether it moves."""
    if not unfinished:
        return "", True
    if workforce.crews[cluster].stands_still:
        return ngettext("%(unfinished)s stands still", "%(unfinished)s stand still", unfinished) % {
            "unfinished": unfinished
        }, False
    return gettext("%(unfinished)s at work") % {"unfinished": unfinished}, True


def _training(workforce: Workforce) -> Station:
    unfinished = Q(state__in=TrainingRun.UNFINISHED)
    counts = TrainingRun.objects.aggregate(total=Count("pk"), active=Count("pk", filter=unfinished))
    unit = ngettext("run", "runs", counts["total"])
    motion = _motion(counts["active"], "training", workforce)
    purpose = gettext("A LoRA adapter learns the taste")
    return Station(gettext("Train"), "training", purpose, url_or_empty("training"), counts["total"], unit, *motion)


def _datasets(workforce: Workforce) -> Station:
    living = Dataset.objects.visible()
    counts = living.aggregate(total=Count("pk"), unfinished=Count("pk", filter=Q(state__in=("queued", "building"))))
    unit = ngettext("dataset", "datasets", counts["total"])
    motion = _motion(counts["unfinished"], "default", workforce)
    url = url_or_empty("datasets")
    return Station(
        gettext("Dataset"), "datasets", gettext("Judgements become training data"), url, counts["total"], unit, *motion
    )


def _adapters() -> Station:
    counts = Adapter.objects.visible().aggregate(total=Count("pk"), active=Count("pk", filter=Q(is_active=True)))
    unit = gettext("of %(total)s active") % {"total": counts["total"]}
    return Station(
        gettext("Adapter"),
        "adapters",
        gettext("The better sound goes back in"),
        url_or_empty("adapters"),
        counts["active"],
        unit,
    )


def newest_samples(reader: User, limit: int = 3) -> list[AudioSample]:
    """The samples finished last, newest first, with job, prompt, model and the reader's hearts."""
    samples = AudioSample.objects.visible().kept().with_context().hearted_by(reader)
    return list(samples.order_by("-created_at", "index")[:limit])
