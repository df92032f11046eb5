"""Decoding one window of several clips together.

`Batch.run` is the decode loop. It goes through the columns of the delay pattern (see `delay`); `Batch._step` makes the
next column of all clips: one pass of the decoder, guidance, a draw. `Monitor` reports, and hears of stopped jobs.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from generation.engine.clip import Clip
from generation.engine.decoder import BatchDecoder
from generation.engine.delay import UNKNOWN, apply_delay, pattern_length, remove_delay
from generation.engine.exceptions import NotFinite
from generation.engine.sampling import Sampler, guide
from generation.engine.weights import DecoderWeights
from generation.specs import Progress, ProgressCallback, StopCallback
from generation.texts import gettext_noop

NOISE_STEPS = 16
POLL_INTERVAL = 0.25


@dataclass(frozen=True, slots=True)
class Layout:
    """What decoding needs to know of a model beside its weights.

    `codes` is the number of leading vocabulary entries that are codes; `quantum` see `decoder.row_quantum`.
    """

    delays: tuple[int, ...]
    pad_token: int
    codes: int
    quantum: int


class Batch:
    """Clips whose current windows start from contexts of the same length P, decoded side by side."""

    def __init__(
        self, weights: DecoderWeights, layout: Layout, clips: Sequence[Clip], texts: dict[str, Tensor]
    ) -> None:
        # Guided clips come first: row u of the unconditional logits then belongs to row u of the conditional ones.
        # Texts of equal length stand side by side: they can then be attended to together.
        order = sorted(clips, key=lambda clip: (not clip.guided, len(texts[clip.spec.text]), clip.spec.text))
        self._weights, self._layout = weights, layout
        self._clips = order
        self._context = order[0].context.shape[1]
        self._columns = pattern_length(max(clip.window_frames for clip in order), layout.delays)
        self._pattern = torch.stack([self._pattern_of(clip) for clip in order]).to(weights.device)
        self._logprobs = self._logprob_store()
        states = [texts[clip.spec.text] for clip in order]
        guided = sum(clip.guided for clip in order)
        self._decoder = BatchDecoder(weights, states, guided, self._columns, layout.quantum)
        self._noise = torch.zeros(0)
        # Asked only when a clip is complete: asking at each step would make the processor wait for the device.
        self._finite = torch.ones((), dtype=torch.bool, device=weights.device)
        self._configure()

    def _pattern_of(self, clip: Clip) -> Tensor:
        layout = self._layout
        pattern = apply_delay(clip.context, clip.window_frames, layout.delays, layout.pad_token)
        missing = self._columns - pattern.shape[1]
        return pad(pattern, (0, missing), value=layout.pad_token)

    def _logprob_store(self) -> Tensor | None:
        if not any(clip.spec.record_logprobs for clip in self._clips):
            return None
        return torch.zeros(self._pattern.shape, device=self._pattern.device)

    def _configure(self) -> None:
        """Derive what depends on which clips are in the batch."""
        device = self._pattern.device
        self._sampler = Sampler([clip.spec.sampling for clip in self._clips], self._layout.codes, device)
        scales = [clip.spec.sampling.guidance_scale for clip in self._clips if clip.guided]
        self._scales = torch.tensor(scales, device=device).view(-1, 1, 1)
        self._last = [pattern_length(clip.window_frames, self._layout.delays) - 1 for clip in self._clips]

    def run(self, monitor: Monitor) -> Iterator[Clip]:
        """Decode to the end; yields each clip as soon as its window is complete. Stopped jobs drop out."""
        self._read_contexts(monitor)
        position = self._context
        while True:
            # Looked at before the first step as well: a job may have been stopped while the contexts were read.
            stopped = monitor.poll() or position == self._context
            done = [row for row, last in enumerate(self._last) if last == position]
            for row in done:
                yield self._complete(row)
            if done or stopped:
                self._drop(done, monitor, position)
            if not self._clips:
                return
            self._step(position)
            monitor.advance(self._clips)
            position += 1

    def _read_contexts(self, monitor: Monitor) -> None:
        """Let the decoder read all columns before P. Column P, known as well, is left to the first step."""
        for row, clip in enumerate(self._clips):
            monitor.poll()
            if self._context and not monitor.is_stopped(clip):
                self._decoder.prefill(row, self._pattern[row, :, : self._context])

    @torch.inference_mode()
    def _step(self, position: int) -> None:
        """Decode column `position` and fill in what of the next column is not given."""
        # Guidance compares each clip with its text to itself without. Both halves are rows of one pass: a step mostly
        # waits for weights to be read, and they are read once however many rows there are.
        conditional, unconditional = self._decoder.step(self._pattern[:, :, position], position)
        # In float32 from here on: guidance multiplies the difference of the halves, and any new rounding with it.
        conditional, unconditional = conditional.float(), unconditional.float()
        self._finite &= torch.isfinite(conditional).all() & torch.isfinite(unconditional).all()
        drawn = self._sampler.draw(self._guided(conditional, unconditional), self._noise_at(position))
        # Given are the codes of the context, and the cells of the pattern that belong to no frame.
        given = self._pattern[:, :, position + 1]
        self._pattern[:, :, position + 1] = torch.where(given == UNKNOWN, drawn, given)
        if self._logprobs is not None:
            # What the model itself thinks of the draw, before guidance, temperature and filters, as training does.
            scores = conditional.log_softmax(dim=-1)
            self._logprobs[:, :, position + 1] = scores.gather(-1, drawn.unsqueeze(-1)).squeeze(-1)

    def _guided(self, conditional: Tensor, unconditional: Tensor) -> Tensor:
        """Logits to draw from: guided for the first clips, and the conditional ones of those that want no guidance."""
        count = len(unconditional)
        if not count:
            return conditional
        return torch.cat([guide(conditional[:count], unconditional, self._scales), conditional[count:]])

    def _noise_at(self, position: int) -> Tensor:
        """Noise `[R, K, V]` of this step."""
        # Each clip draws from its own generator, so that its seed alone decides, whatever is decoded beside it. The
        # generators run on the processor. A few steps are drawn ahead, so that the device is sent noise once for all
        # of them, but never beyond a clip's window: the next window goes on with the stream where this one ends.
        index = (position - self._context) % NOISE_STEPS
        if index == 0:
            shape = (NOISE_STEPS, len(self._clips), self._weights.codebooks, self._weights.vocabulary)
            noise = torch.zeros(shape, dtype=torch.float64)
            for row, clip in enumerate(self._clips):
                if not clip.spec.sampling.greedy:
                    steps = min(NOISE_STEPS, self._last[row] - position)
                    noise[:steps, row] = clip.noise.draw(steps)
            self._noise = noise.to(self._pattern.device)
        return self._noise[index]

    def _complete(self, row: int) -> Clip:
        if not self._finite:
            raise NotFinite(_not_finite(self._clips[row]))
        clip, layout = self._clips[row], self._layout
        frames = clip.window_frames
        codes = remove_delay(self._pattern[row], frames, layout.delays).cpu()
        recorded = None
        if self._logprobs is not None and clip.spec.record_logprobs:
            recorded = remove_delay(self._logprobs[row], frames, layout.delays).cpu()
        clip.accept(codes, recorded)
        return clip

    def _drop(self, done: Sequence[int], monitor: Monitor, position: int) -> None:
        """Take finished and stopped clips out of the batch."""
        kept = [r for r, clip in enumerate(self._clips) if r not in done and not monitor.is_stopped(clip)]
        if len(kept) == len(self._clips):
            return
        self._clips = [self._clips[row] for row in kept]
        if not kept:
            return
        self._decoder.keep(kept, position)
        self._pattern = self._pattern[kept]
        self._logprobs = None if self._logprobs is None else self._logprobs[kept]
        self._noise = self._noise[:, kept] if self._noise.numel() else self._noise
        self._configure()


def _not_finite(clip: Clip) -> str:
    """What is said of a clip without music, with remedies that this clip has."""
    lower = [gettext_noop("adapter strength")] * bool(clip.adapters) + [gettext_noop("guidance")] * clip.guided
    said = gettext_noop(
        "The model computed values that are not finite numbers, so there is no music to keep. The model's files are "
        "damaged."
    )
    if lower:
        said = gettext_noop(
            "The model computed values that are not finite numbers, so there is no music to keep. Try a lower "
            "%(lower)s; if that changes nothing, the model's files are damaged."
        )
    return said % {"lower": gettext_noop(" or ").join(lower)}


class Monitor:
    """Counts the steps of each job, reports them, and asks whether a job shall stop.

    A job's total is the number of steps of its longest clip; what is done is the same share of it that has been done of
    the steps of all its clips, so it never runs backwards, however the clips are batched.
    """

    def __init__(
        self,
        steps: Mapping[Clip, int],
        on_progress: ProgressCallback | None,
        should_stop: StopCallback | None,
    ) -> None:
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._all: dict[str, int] = defaultdict(int)
        self._longest: dict[str, int] = defaultdict(int)
        for clip, count in steps.items():
            self._all[clip.spec.job_id] += count
            self._longest[clip.spec.job_id] = max(self._longest[clip.spec.job_id], count)
        self._done = dict.fromkeys(self._all, 0)
        self._reported = dict.fromkeys(self._all, -1)
        self._stopped: set[str] = set()
        self._next = 0.0

    def advance(self, clips: Iterable[Clip]) -> None:
        """One step was made for each of `clips`."""
        for clip in clips:
            self._done[clip.spec.job_id] += 1

    def is_stopped(self, clip: Clip) -> bool:
        """Whether the clip's job has been stopped."""
        return clip.spec.job_id in self._stopped

    def poll(self) -> bool:
        """About every quarter of a second: report, and ask about stopping. True if a job was stopped just now."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + POLL_INTERVAL
        before = len(self._stopped)
        self._ask()
        for job in self._done.keys() - self._stopped:
            self._report(job)
        return len(self._stopped) > before

    def _ask(self) -> None:
        if self._should_stop is None:
            return
        unfinished = [job for job, done in self._done.items() if done < self._all[job]]
        self._stopped.update(job for job in unfinished if job not in self._stopped and self._should_stop(job))

    def _report(self, job: str) -> None:
        total = self._longest[job]
        done = total * self._done[job] // self._all[job]
        if self._on_progress is not None and done > self._reported[job]:
            self._reported[job] = done
            self._on_progress(Progress(job, done, total))

    def report_finished(self) -> None:
        """Report every job that has made all its steps and has not said so yet."""
        for job, done in self._done.items():
            if done == self._all[job] and job not in self._stopped:
                self._report(job)
