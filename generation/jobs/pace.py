"""How far a job is and when it will be done, the finishing of its clips included.

Finishing a clip is what follows its last decoding step: the codec, loudness, FLAC, storing. On two CPU cores that is a
third of the time of a job with short clips, so it counts as the steps of decoding that take as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_GUESS = 0.02
"""Seconds of finishing per second of audio, until clips tell: `studio-tiny`, float32, one thread took 0.016-0.028."""
GUESS_WEIGHT = 2.0
"""Seconds of audio that the first guess counts for."""
MEMORY = 0.9
"""What is left of the weight of earlier clips when another is finished: a machine's load changes."""
MOST_FINISHING = 9
"""Finishing counts at most for so many times the steps of decoding, however fast those are."""


class FinishingPace:
    """Seconds of finishing per second of audio, learned from the clips of one model that this process finished."""

    def __init__(self) -> None:
        self._audio = GUESS_WEIGHT
        self._took = GUESS_WEIGHT * FIRST_GUESS

    def learn(self, audio_seconds: float, took: float) -> None:
        self._audio = MEMORY * self._audio + audio_seconds
        self._took = MEMORY * self._took + took

    @property
    def per_second(self) -> float:
        return self._took / self._audio


class JobPace:
    """Progress of one job within a batch, in steps; `audio_seconds` are those of the clips it still has to make.

    `steps` never goes back and reaches the total only in `GenerationJob.complete`. The total is settled by the first
    steps, whose pace says how many of them finishing is worth; until then no step is reported.
    """

    def __init__(
        self, audio_seconds: float, finishing: FinishingPace, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._audio = audio_seconds
        self._audio_done = 0.0
        self._finishing = finishing
        self._clock = clock
        self._since: float | None = None
        self._decoding = 0.0
        self._paused = 0.0
        self._done = 0
        self._decoding_total = 0
        self._finishing_total = 0

    def decoded(self, steps: int, total: int) -> None:
        """The engine has made `steps` of `total` steps of decoding."""
        now = self._clock()
        self._since = now if self._since is None else self._since
        self._done, self._decoding_total = steps, total
        self._decoding = now - self._since - self._paused
        if steps and not self._finishing_total:
            self._finishing_total = self._worth(total)

    def _worth(self, decoding_steps: int) -> int:
        """How many steps of the pace so far take as long as finishing all the clips."""
        steps = self._seconds_to_finish / max(self._seconds_per_step, 1e-6)
        return max(1, min(MOST_FINISHING * decoding_steps, round(steps)))

    def paused(self, seconds: float) -> None:
        """Nothing was decoded meanwhile: a clip of the batch was being finished."""
        self._paused += seconds

    def finished(self, audio_seconds: float) -> None:
        """A clip of this job is stored."""
        self._audio_done += audio_seconds

    @property
    def _seconds_per_step(self) -> float:
        return self._decoding / self._done if self._done else 0.0

    @property
    def _seconds_to_finish(self) -> float:
        return max(0.0, self._audio - self._audio_done) * self._finishing.per_second

    @property
    def total(self) -> int:
        """All steps, those that finishing is worth included; 0 before the first."""
        return self._decoding_total + self._finishing_total if self._done else 0

    @property
    def done(self) -> int:
        """Steps done, the last of them only with the job."""
        share = min(1.0, self._audio_done / self._audio)
        return max(0, min(self._done + int(self._finishing_total * share), self.total - 1))

    @property
    def seconds_left(self) -> float | None:
        """None before the first steps."""
        if not self._done:
            return None
        return self._seconds_per_step * (self._decoding_total - self._done) + self._seconds_to_finish
