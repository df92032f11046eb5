"""A declared synthetic rater, who judges rounds and their blind tests by what is measured from the sound."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import soundfile

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from generation.models import AudioSample
    from training.models import Promotion, Round


class Rater:
    """A declared synthetic rater: its profile is marked, and so are its votes through it."""

    def __init__(self, user: User, likes: Callable[..., float], error_rate: float, rng: np.random.Generator) -> None:
        self.user, self.likes, self.error_rate, self.rng = user, likes, error_rate, rng

    def judge(self, round_: Round) -> None:
        """All pairs that are asked about."""
        from training.rounds.pairs import next_pair
        from training.rounds.services import vote

        while round_.step == round_.Step.JUDGING and (pair := next_pair(round_)):
            first = self._prefers_first(*(liking(self.likes, clip) for clip in pair.samples))
            sides = {"first": pair.first.pk, "second": pair.second.pk, "winner": "a" if first else "b"}
            round_ = vote(actor=self.user, round_=round_, **sides)

    def judge_blind(self, promotion: Promotion) -> None:
        """The whole test, by what is heard; hidden repeats come as they do for anybody.

        Of a control pair it prefers the intact clip, as everybody does. One who went by brightness alone would take the
        hiss, and lose the weight of all it says.
        """
        from feedback.listening_tests.clips import trial_wav
        from feedback.listening_tests.pairs import collect_pairs
        from feedback.listening_tests.services.trials import next_trial
        from feedback.listening_tests.services.votes import vote
        from feedback.models import ClipPair, Trial

        test = promotion.test
        collect_pairs(test)
        test.refresh_from_db()
        while test.is_open and (trial := next_trial(rater=self.user, test=test)):
            if trial.pair.kind == ClipPair.Kind.GOLD:
                first = self._errs() != trial.x_is_first  # x is intact
            else:
                first = self._prefers_first(*(self._heard(trial_wav(trial, first=side)) for side in (True, False)))
            choice = Trial.Choice.FIRST if first else Trial.Choice.SECOND
            vote(rater=self.user, token=trial.token, choice=choice)
            test.refresh_from_db()

    def _heard(self, wav: bytes) -> float:
        audio, rate = soundfile.read(io.BytesIO(wav), dtype="float32", always_2d=True)
        return self.likes(audio.T, rate)

    def _prefers_first(self, first: float, second: float) -> bool:
        return (first > second) != self._errs()

    def _errs(self) -> bool:
        return bool(self.rng.random() < self.error_rate)


def liking(likes: Callable[..., float], clip: AudioSample) -> float:
    from generation.sound.files import load_audio_bytes
    from generation.sound.processing import read_flac

    return likes(*read_flac(load_audio_bytes(clip)))
