"""The loop in figures: what the overview shows, and what of a person's own is at work or waits, on every page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Count, Q, Sum
from django.utils.translation import gettext, ngettext

from adapters.models import Adapter
from datasets_app.models import Dataset
from feedback.judgements import summaries
from feedback.pages.library_filter import FOR_ME, NAME, WAITING
from generation.models import AudioSample, GenerationJob
from text2song.pages.navigation import url_or_empty
from text2song.pages.next_step import what_stands_still
from text2song.workforce import Workforce
from training.models import TrainingRun

MOST_WAITING = 99
"""Clips to hear are counted so far: nobody needs to know more exactly, and the count stands on every page."""


@dataclass(frozen=True, slots=True)
class Status:
    """What of one person's is at work or waits, the lists that hold exactly that, and what stands still, in words.

    `waiting` clips are to be heard; with `more_wait`, more than so many.
    """

    jobs: int
    jobs_url: str
    runs: int
    runs_url: str
    waiting: int
    waiting_url: str
    more_wait: bool = False
    standing_still: str = ""
    help_url: str = ""
    jobs_move: bool = True
    runs_move: bool = True


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


def _list_url(name: str, **filters: str) -> str:
    url = url_or_empty(name)
    return f"{url}?{urlencode(filters)}" if url else ""


def status(reader: User, workforce: Workforce) -> Status:
    """What `reader` sent, trains, and has yet to hear of what was made for them; what stands still. Five queries."""
    clips = AudioSample.objects.visible().kept().order_by()
    at_work = {"state": "active", "mine": "true"}
    waiting = summaries.not_judged_of_own(clips, reader)[: MOST_WAITING + 1].count()
    return Status(
        jobs=GenerationJob.objects.visible().unfinished().filter(requested_by=reader).count(),
        jobs_url=_list_url("jobs", **at_work),
        runs=TrainingRun.objects.unfinished().filter(created_by=reader).count(),
        runs_url=_list_url("runs", **at_work),
        waiting=min(waiting, MOST_WAITING),
        more_wait=waiting > MOST_WAITING,
        waiting_url=_list_url("library", **{NAME: FOR_ME}),
        standing_still=what_stands_still(workforce),
        help_url=f"{url_or_empty('settings')}#workers" if reader.is_staff else _list_url("jobs", state="active"),
        jobs_move=not workforce.crews["generation"].stands_still,
        runs_move=not workforce.crews["training"].stands_still,
    )


def figures(reader: User) -> Figures:
    """Totals of everything that is not deleted, as `reader` may see it."""
    unfinished = Count("pk", filter=Q(state__in=GenerationJob.UNFINISHED))
    jobs = GenerationJob.objects.visible().order_by().aggregate(total=Count("pk"), active=unfinished)
    samples = AudioSample.objects.visible().kept().order_by()
    music = samples.aggregate(total=Count("*"), seconds=Sum("duration"))
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
            url_or_empty("listen") or _list_url("library", **{NAME: WAITING}),
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
    samples = AudioSample.objects.visible().kept().order_by("-created_at", "index")
    newest = samples.values("pk")[:limit]  # else the whole rows of all clips are sorted for these
    return list(samples.filter(pk__in=newest).with_context().hearted_by(reader))
