"""A clip while it is being made: its windows, its random numbers, and the codes it has so far."""

from __future__ import annotations

import torch
from torch import Tensor

from generation.engine.exceptions import InvalidSpec
from generation.engine.sampling import NoiseStream
from generation.jobs.long_form import Window, windows
from generation.specs import AdapterSpec, Codes, SampleSpec
from generation.texts import gettext_noop


class Clip:
    """State of one `SampleSpec`; `codes` `[K, T]` int64 and `logprobs` `[K, T]` float32 fill up window by window."""

    def __init__(self, spec: SampleSpec, plan: list[Window], codebooks: int, vocabulary: int) -> None:
        frames = int(plan[-1].end)
        self.spec = spec
        self.noise = NoiseStream(spec.seed, codebooks, vocabulary)
        self.codes = torch.zeros(codebooks, frames, dtype=torch.int64)
        self.logprobs = torch.zeros(codebooks, frames)
        self._plan = plan
        if spec.prefix_codes is not None:
            self.codes[:, : spec.prefix_codes.shape[1]] = torch.from_numpy(spec.prefix_codes.astype("int64"))

    @property
    def finished(self) -> bool:
        return not self._plan

    @property
    def adapters(self) -> tuple[AdapterSpec, ...]:
        """Those that change anything: strength 0 is the base model itself."""
        return tuple(adapter for adapter in self.spec.adapters if adapter.strength != 0)

    @property
    def guided(self) -> bool:
        """Whether the unconditional branch is needed as well."""
        return self.spec.sampling.guidance_scale != 1

    @property
    def context(self) -> Tensor:
        """Codes `[K, P]` the current window starts from."""
        window = self._plan[0]
        return self.codes[:, int(window.start) : int(window.known)]

    @property
    def window_frames(self) -> int:
        """Length of the current window, its context included."""
        window = self._plan[0]
        return int(window.end - window.start)

    def accept(self, codes: Tensor, logprobs: Tensor | None) -> None:
        """Take the finished current window, `[K, window_frames]` each, and move on to the next."""
        window = self._plan.pop(0)
        known, fresh = int(window.known), int(window.known - window.start)
        self.codes[:, known : int(window.end)] = codes[:, fresh:]
        if logprobs is not None:
            self.logprobs[:, known : int(window.end)] = logprobs[:, fresh:]


def decoding_steps(plan: list[Window], longest_delay: int) -> int:
    """Decoder steps a plan takes: its new frames, and in each window the tail of the slowest codebook."""
    return sum(int(window.end - window.known) + longest_delay for window in plan)


def plan_windows(spec: SampleSpec, frame_rate: float, window_frames: int) -> list[Window]:
    """The windows of `spec` in whole frames. Raises InvalidSpec when there is nothing to make."""
    frames = round(spec.duration * frame_rate)
    known = 0 if spec.prefix_codes is None else spec.prefix_codes.shape[1]
    if frames <= known:
        raise InvalidSpec(
            gettext_noop(
                "A clip of %(duration)s s leaves nothing to make after the %(known)s s it begins with; ask for a "
                "longer duration."
            )
            % {"duration": f"{spec.duration:g}", "known": f"{known / frame_rate:g}"}
        )
    overlap = round(spec.overlap * frame_rate)
    if not 0 <= overlap < window_frames:
        longest = window_frames / frame_rate
        raise InvalidSpec(
            gettext_noop("The overlap must be shorter than this model's window of %(longest)s s.")
            % {"longest": f"{longest:g}"}
        )
    return windows(frames, window_frames, overlap, known)


def check_spec(spec: SampleSpec, codebooks: int, codebook_size: int) -> None:
    """Raise InvalidSpec for values no model can work with."""
    sampling = spec.sampling
    if not spec.duration > 0:
        raise InvalidSpec(gettext_noop("The duration must be above 0 seconds."))
    if spec.seed < 0:
        raise InvalidSpec(gettext_noop("The seed must not be negative."))
    if not sampling.greedy and not sampling.temperature > 0:
        raise InvalidSpec(gettext_noop("The temperature must be above 0."))
    if sampling.top_k < 0 or not 0 <= sampling.top_p <= 1 or not sampling.guidance_scale >= 0:
        raise InvalidSpec(gettext_noop("Top-k and guidance must not be negative, and top-p must lie between 0 and 1."))
    if spec.prefix_codes is not None:
        _check_prefix(spec.prefix_codes, codebooks, codebook_size)


def _check_prefix(prefix: Codes, codebooks: int, codebook_size: int) -> None:
    if prefix.ndim != 2 or prefix.shape[0] != codebooks:
        raise InvalidSpec(
            gettext_noop("The clip to continue has codes of shape %(list)s; this model has %(codebooks)s codebooks.")
            % {"list": list(prefix.shape), "codebooks": codebooks}
        )
    if prefix.size and (prefix.min() < 0 or prefix.max() >= codebook_size):
        raise InvalidSpec(
            gettext_noop("The clip to continue was made by another model: its codes do not exist in this one.")
        )
