"""An engine for tests of what surrounds it: same interface, sine waves instead of a model.

Model code is tested with the real engine; this one is for jobs, storage and pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from generation.jobs.pace import FinishingPace
from generation.specs import Codes, Features, ModelSpec, Progress, SampleResult, SampleSpec

RATE = 16_000
FRAME_RATE = 50.0


class FakeEngine:
    """Decodes in `steps` steps; `before_step(step)` lets a test interfere, e.g. cancel a job or raise."""

    def __init__(
        self,
        steps: int = 4,
        before_step: Callable[[int], None] = lambda step: None,
        before_hearing: Callable[[], None] = lambda: None,
    ) -> None:
        self.before_hearing = before_hearing
        self.steps = steps
        self.before_step = before_step
        self.batches: list[list[SampleSpec]] = []
        self.finishing = FinishingPace()

    def get(self, model: ModelSpec) -> FakeEngine:
        return self

    def generate(
        self,
        specs: Sequence[SampleSpec],
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[str], bool],
    ) -> Iterator[SampleResult]:
        self.batches.append(list(specs))
        stopped: set[str] = set()
        jobs = {spec.job_id for spec in specs}
        for step in range(1, self.steps + 1):
            self.before_step(step)
            stopped |= {job for job in jobs if should_stop(job)}
            for job in jobs - stopped:
                on_progress(Progress(job, step, self.steps))
        for spec in specs:
            if spec.job_id not in stopped and not should_stop(spec.job_id):
                yield self._result(spec)

    def hear(self, text: str, codes: Codes) -> Features:
        """Four numbers; the first is the mean of the codes, so that a test knows which clip a taste likes."""
        self.before_hearing()
        return np.array([codes.mean() / 512, codes.std() / 512, 0.0, 1.0], dtype=np.float32)

    def _result(self, spec: SampleSpec) -> SampleResult:
        frames = round(spec.duration * FRAME_RATE)
        codes = np.random.default_rng(spec.seed).integers(0, 512, (4, frames), dtype=np.int16)
        if spec.prefix_codes is not None:
            codes[:, : spec.prefix_codes.shape[1]] = spec.prefix_codes
        time = np.arange(round(spec.duration * RATE)) / RATE
        audio = 0.3 * np.sin(2 * np.pi * (220 + spec.seed % 220) * time, dtype=np.float32)[None]
        return SampleResult(
            job_id=spec.job_id,
            index=spec.index,
            codes=codes,
            audio=audio.astype(np.float32),
            sample_rate=RATE,
            frame_rate=FRAME_RATE,
        )
