"""The contract between Django and torch: plain frozen dataclasses, no imports from either side.

Tasks translate rows into specs, the engine turns specs into results, tasks store the results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from generation.base_models.architecture import Architecture

Codes: TypeAlias = npt.NDArray[np.int16]
Waveform: TypeAlias = npt.NDArray[np.float32]
Features: TypeAlias = npt.NDArray[np.float32]


class EngineError(Exception):
    """Base of all errors that the engine raises on purpose; they can be caught where no torch is."""


class InvalidSpec(EngineError):
    """A sample specification that this model cannot fulfil, or files of a taste that say nothing."""


SILENT_LUFS = -50.0
"""Below it, before loudness is matched, a clip is as good as nothing."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A base model whose files are on this machine.

    `path` is a folder in the format of `MusicgenForConditionalGeneration.save_pretrained`; `revision` is the hub
    commit or the content hash recorded when it was installed. `remedy` says what helps when the files are damaged.
    """

    key: str
    path: str
    revision: str
    remedy: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """An audio encoder whose folder is on this machine. `revision` is the hash of its content; `label` names it."""

    key: str
    path: str
    revision: str
    label: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """A PEFT LoRA folder on this machine, applied at `strength` (0 leaves the base unchanged, 1 as trained).

    `label` is what people call it; it decides nothing.
    """

    path: str
    sha256: str
    strength: float = 1.0
    label: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """What messages call it: folders of kept adapters are named by their content."""
        return self.label or PurePath(self.path).name


@dataclass(frozen=True, slots=True)
class SamplingSpec:
    """How the next token is drawn. `top_k` 0 and `top_p` 0 each mean "off"; `greedy` ignores the other three."""

    temperature: float = 1.0
    top_k: int = 250
    top_p: float = 0.0
    guidance_scale: float = 3.0
    greedy: bool = False


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """One clip to make.

    `seed` alone determines the random numbers of this clip, whatever else is in the batch. `duration` is the length of
    the finished clip in seconds, a prefix included. `prefix_codes` is `[K, T]`: the clip begins with it.
    Durations beyond the model's window are made by a sliding window that keeps `overlap` seconds as context.
    """

    job_id: str
    index: int
    text: str
    seed: int
    duration: float
    sampling: SamplingSpec = field(default_factory=SamplingSpec)
    adapters: tuple[AdapterSpec, ...] = ()
    prefix_codes: Codes | None = None
    overlap: float = 0.0
    record_logprobs: bool = False


@dataclass(frozen=True, slots=True)
class SampleResult:
    """A finished clip.

    `codes` is `[K, T]` int16 (K codebooks; for stereo models left and right interleaved as the model has them),
    `audio` is `[C, N]` float32 as the codec decodes it, before any loudness normalisation.
    `logprobs` is `[K, T]` float32, the log-probability of each drawn code under the distribution before temperature,
    top-k and top-p (guidance off); 0 on the prefix. None unless asked for. `codec_seconds` is how long the codec took.
    """

    job_id: str
    index: int
    codes: Codes
    audio: Waveform
    sample_rate: int
    frame_rate: float
    logprobs: npt.NDArray[np.float32] | None = None
    codec_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Steps of decoding done for one job, out of `total`; every sample of the job advances together."""

    job_id: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model folder says about itself; read from its configuration without loading weights.

    `max_duration` is the length in seconds the model can make in one window. `architecture` is what the configuration
    states, as far as the weights are of these sizes; None when they are not.
    """

    family: str
    sample_rate: int
    channels: int
    codebooks: int
    codebook_size: int
    frame_rate: float
    parameters: int
    weights_bytes: int
    max_duration: float = 30.0
    architecture: Architecture | None = None


ProgressCallback: TypeAlias = Callable[[Progress], None]
StopCallback: TypeAlias = Callable[[str], bool]
