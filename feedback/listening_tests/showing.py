"""An open trial as its rater may see it, on the page and in the API: nothing here tells the arms apart."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext

from feedback.listening_tests import coverage
from feedback.listening_tests.coverage import Intervals
from feedback.listening_tests.services.trials import RaterProgress, minutes_of, rater_progress
from feedback.listening_tests.services.votes import required_seconds
from feedback.models import Trial


@dataclass(frozen=True, slots=True)
class ShownClip:
    """One of the two samples: where its sound is, and what of it was heard."""

    number: int
    url: str
    heard: Intervals

    @property
    def label(self) -> str:
        return gettext("Sample %(name)s") % {"name": self.number}

    @property
    def seconds_heard(self) -> float:
        return round(coverage.seconds(self.heard), 1)


@dataclass(frozen=True, slots=True)
class ShownTrial:
    """Everything a rater is told before the vote. `number` counts what this rater is shown, from 1."""

    token: str
    number: int
    prompt: str
    clips: tuple[ShownClip, ShownClip]
    required_seconds: float
    progress: RaterProgress
    minutes_left: int


def shown_trial(trial: Trial) -> ShownTrial:
    """What may be told of a trial to its rater."""
    assert trial.rater is not None
    clips = (
        ShownClip(1, reverse("trial-audio", args=[trial.first_token]), trial.heard_first),
        ShownClip(2, reverse("trial-audio", args=[trial.second_token]), trial.heard_second),
    )
    progress = rater_progress(rater=trial.rater, test=trial.test)
    return ShownTrial(
        token=trial.token,
        number=trial.number,
        prompt=trial.pair.prompt.rendered_text,
        clips=clips,
        required_seconds=required_seconds(trial),
        progress=progress,
        minutes_left=minutes_of(trial.test, progress.total - progress.judged),
    )
