"""Audio encoders beside the base model: from a folder that `transformers` loads to one vector of numbers a clip.

Nothing is fetched, and no code of the folder is run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import resample
from transformers import AutoFeatureExtractor, AutoModel, PreTrainedModel

from generation.base_models.encoder_folder import EncoderFacts, encoder_revision, inspect_encoder_folder
from generation.base_models.folder import BrokenModelFolder
from generation.engine.exceptions import InvalidSpec, ModelLoadError, NotFinite, OutOfMemory
from generation.engine.hidden import layers_read
from generation.engine.loading import choose_device, no_progress_bars, not_finite_in
from generation.engine.memory import LoadedCache, is_memory_failure
from generation.specs import EncoderSpec, Features, Waveform
from generation.texts import gettext_noop

WINDOW_SECONDS = 10.0
"""Of models that take sound of any length: their attention grows with its square."""
SHORTEST_SECONDS = 1.0
"""Silence is added to what is shorter, so that the strides of every model give a frame at least."""
KEPT = 2
"""Encoders a worker keeps loaded."""
NOT_HEARD_WITH = ("masked_spec_embed", "pooler.", "lm_head.", "projector.", "classifier.")
"""Weights that play no part in hearing: a folder may lack them."""


class Encoder:
    """A loaded encoder. A clip's vector depends on the clip alone: windows are heard one by one."""

    def __init__(self, spec: EncoderSpec, *, device: str | torch.device | None = None) -> None:
        """Raises ModelLoadError with one sentence on what is wrong, OutOfMemory."""
        self.spec = spec
        self.device = choose_device(device)
        self._name = spec.label or spec.key
        self._facts = _checked(spec)
        self._extractor, self._model = self._guarded(self._load, gettext_noop("was loaded"))
        self._window = _window(self._extractor)
        self._takes_text = self._facts.family == "clap"

    def hear(self, audio: Waveform, sample_rate: int) -> Features:
        """A clip `[C, N]` at `sample_rate` Hz as one vector float32: of CLAP the mean over windows of the direction it
        gives to sound, of others the means over time of four layers' states.

        Raises InvalidSpec for no sound, NotFinite, OutOfMemory.
        """
        if not audio.size or not np.isfinite(audio).all():
            raise InvalidSpec(gettext_noop("The clip holds no sound that could be heard."))
        vector: Features = self._guarded(lambda: self._pooled(audio, sample_rate), gettext_noop("heard a clip"))
        if not np.isfinite(vector).all():
            raise NotFinite(
                gettext_noop("The encoder “%(name)s” computed values that are not finite numbers from a clip.")
                % {"name": self._name}
            )
        return vector

    @torch.inference_mode()
    def _pooled(self, audio: Waveform, sample_rate: int) -> Features:
        pieces = windows(audio, sample_rate, self._extractor.sampling_rate, self._window)
        heard = [self._of_window(piece) for piece in pieces]
        # Windows differ by a frame at most, so that their mean is that over time.
        return torch.stack(heard).mean(0).cpu().numpy().astype(np.float32)

    def _of_window(self, mono: np.ndarray) -> Tensor:
        missing = round(SHORTEST_SECONDS * self._extractor.sampling_rate) - len(mono)
        if missing > 0 and not self._takes_text:  # CLAP repeats what is short
            mono = np.pad(mono, (0, missing))
        ready = self._extractor(mono, sampling_rate=self._extractor.sampling_rate, return_tensors="pt")
        inputs = {name: value.to(self.device) for name, value in ready.items()}
        if self._takes_text:
            direction: Tensor = self._model.get_audio_features(**inputs).pooler_output[0].float()
            return direction
        states = self._model(**inputs, output_hidden_states=True).hidden_states
        places = dict.fromkeys(layers_read(len(states) - 1))
        return torch.cat([states[place][0].float().mean(0) for place in places])

    def _load(self) -> tuple[Any, PreTrainedModel]:
        try:
            extractor = AutoFeatureExtractor.from_pretrained(
                self.spec.path, local_files_only=True, trust_remote_code=False
            )
            with no_progress_bars():
                model, report = AutoModel.from_pretrained(
                    self.spec.path,
                    dtype=torch.float32,
                    local_files_only=True,
                    use_safetensors=True,
                    trust_remote_code=False,
                    output_loading_info=True,
                )
        except Exception as error:  # whatever the library says of a folder that it cannot read
            if is_memory_failure(error):
                raise
            raise ModelLoadError(
                gettext_noop(
                    "The files of the encoder “%(name)s” cannot be loaded: configuration and weights do not belong "
                    "together, or are damaged. Copy them anew to %(path)s."
                )
                % {"name": self._name, "path": self.spec.path}
            ) from error
        self._require_whole(model, report)
        return extractor, model.to(self.device).eval().requires_grad_(False)

    def _require_whole(self, model: PreTrainedModel, report: dict[str, Any]) -> None:
        """Raise ModelLoadError for weights that are missing, and would be drawn at random, or are no numbers."""
        missing = sorted(key for key in report["missing_keys"] if not any(part in key for part in NOT_HEARD_WITH))
        if missing:
            raise ModelLoadError(
                gettext_noop(
                    "The weights of the encoder “%(name)s” lack the tensor “%(missing)s” (%(number)s in all): they "
                    "do not belong to its config.json."
                )
                % {"name": self._name, "missing": missing[0], "number": len(missing)}
            )
        if found := not_finite_in(model):
            raise ModelLoadError(
                gettext_noop(
                    "The weights of the encoder “%(name)s” hold numbers that are not finite as %(found)s. Its files "
                    "are damaged, or its training went wrong."
                )
                % {"name": self._name, "found": found}
            )

    def _guarded(self, do: Callable[[], Any], doing: str) -> Any:
        try:
            return do()
        except (RuntimeError, MemoryError) as error:
            if not is_memory_failure(error):
                raise
            raise OutOfMemory(
                gettext_noop(
                    "The device ran out of memory while the encoder “%(name)s” %(doing)s. Use a smaller one, or "
                    "deactivate it."
                )
                % {"name": self._name, "doing": doing}
            ) from error


class EncoderCache(LoadedCache[EncoderSpec, Encoder]):
    """Encoders owned by one worker process, beside its engines."""

    def __init__(self, capacity: int = KEPT, make: Callable[[EncoderSpec], Encoder] = Encoder) -> None:
        super().__init__(capacity, make)


def windows(audio: Waveform, sample_rate: int, rate: int, longest: int) -> list[np.ndarray]:
    """The clip `[C, N]` as one channel at `rate` Hz, in as few pieces of equal length as are no longer than `longest`.

    Samples; the last piece may be shorter by fewer samples than there are pieces.
    """
    mono = resample(torch.from_numpy(np.array(audio.mean(axis=0), dtype=np.float32)), sample_rate, rate)
    count = -(-len(mono) // longest)
    return [piece.numpy() for piece in mono.split(-(-len(mono) // max(count, 1)))]


def _checked(spec: EncoderSpec) -> EncoderFacts:
    """The facts of its folder, which must be what it was when it was added. Raises ModelLoadError."""
    try:
        facts, revision = inspect_encoder_folder(spec.path), encoder_revision(Path(spec.path))
    except BrokenModelFolder as error:
        raise ModelLoadError(str(error)) from error
    except OSError as error:
        raise ModelLoadError(gettext_noop("The folder %(path)s cannot be read.") % {"path": spec.path}) from error
    if revision != spec.revision:
        raise ModelLoadError(
            gettext_noop(
                "The files of the encoder “%(label)s” have changed since it was added: what it heard before cannot "
                "be told from what it would hear now. Remove it and add it again."
            )
            % {"label": spec.label or spec.key}
        )
    return facts


def _window(extractor: Any) -> int:
    """Samples that the model takes at once."""
    if isinstance(found := getattr(extractor, "nb_max_samples", None), int):  # CLAP
        return found
    if hasattr(extractor, "num_mel_bins") and isinstance(extractor.max_length, int):
        return int(extractor.max_length * extractor.sampling_rate // 100)  # AST: frames of a hundredth of a second
    return int(WINDOW_SECONDS * extractor.sampling_rate)
