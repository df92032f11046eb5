"""Decoding one window of several clips together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from generation.engine.adapters import active
from generation.engine.clip import Clip
from generation.engine.decoder import BatchDecoder
from generation.engine.delay import UNKNOWN, apply_delay, pattern_length, remove_delay
from generation.engine.exceptions import NotFinite
from generation.engine.monitor import Monitor
from generation.engine.sampling import Sampler, guide
from generation.engine.weights import DecoderWeights

NOISE_STEPS = 16


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
        # Guided rows come first (their unconditional rows follow all conditional ones), and equal texts side by side.
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
        return torch.nn.functional.pad(pattern, (0, missing), value=layout.pad_token)

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
        for row, clip in enumerate(self._clips):
            monitor.poll()
            if self._context and not monitor.is_stopped(clip):
                self._decoder.prefill(row, self._pattern[row, :, : self._context])
        position = self._context
        while True:
            stopped = monitor.poll() or position == self._context
            done = [row for row, last in enumerate(self._last) if last == position]
            for row in done:
                yield self._complete(row)
            if done or stopped:
                self._drop(done, monitor, position)
            if not self._clips:
                return
            self._advance(position)
            monitor.advance(self._clips)
            position += 1

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

    @torch.inference_mode()
    def _advance(self, position: int) -> None:
        """Decode `position` and fill in what of the next column is not given."""
        conditional, unconditional = self._decoder.step(self._pattern[:, :, position], position)
        logits = conditional.float()
        self._finite &= torch.isfinite(logits).all() & torch.isfinite(unconditional).all()
        if len(unconditional):
            guided = guide(logits[: len(unconditional)], unconditional.float(), self._scales)
            logits = torch.cat([guided, logits[len(unconditional) :]])
        drawn = self._sampler.draw(logits, self._noise_at(position))
        given = self._pattern[:, :, position + 1]
        self._pattern[:, :, position + 1] = torch.where(given == UNKNOWN, drawn, given)
        if self._logprobs is not None:
            scores = conditional.float().log_softmax(dim=-1)
            self._logprobs[:, :, position + 1] = scores.gather(-1, drawn.unsqueeze(-1)).squeeze(-1)

    def _noise_at(self, position: int) -> Tensor:
        """Noise `[R, K, V]` of this step; drawn for a few steps at a time, per clip and never beyond its window."""
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


def _not_finite(clip: Clip) -> str:
    """What is said of a clip without music, with remedies that this clip has."""
    lower = ["adapter strength"] * bool(active(clip.spec.adapters)) + ["guidance"] * clip.guided
    remedy = f"Try a lower {' or '.join(lower)}; if that changes nothing, the" if lower else "The"
    return (
        "The model computed values that are not finite numbers, so there is no music to keep. "
        f"{remedy} model's files are damaged."
    )
