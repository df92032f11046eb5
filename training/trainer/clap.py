"""How well clips fit their texts, by the ear of an audio-text model (CLAP) whose folder lies on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity
from transformers import ClapModel, ClapProcessor

from generation.engine.encoder import windows
from generation.engine.exceptions import ModelLoadError
from generation.engine.loading import choose_device
from generation.specs import Waveform
from training.texts import gettext_noop


@dataclass(frozen=True, slots=True)
class Clap:
    """Contrastive language-audio pretraining (Wu et al., 2023): texts and sounds as directions in one space."""

    model: ClapModel
    processor: ClapProcessor

    @classmethod
    def load(cls, folder: Path) -> Clap:
        """A folder as `transformers` saves model and processor. Raises `ModelLoadError`."""
        try:
            model = ClapModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
            processor = ClapProcessor.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # whatever the library says of a folder that it cannot read
            message = gettext_noop(
                "The audio-text model in %(folder)s cannot be loaded (%(error)s). Repair its files, or take it away."
            ) % {"folder": folder, "error": error}
            raise ModelLoadError(message) from error
        return cls(model.to(choose_device(None)).eval(), processor)

    @torch.no_grad()
    def similarity(self, audio: Waveform, sample_rate: int, texts: Sequence[str]) -> list[float]:
        """The cosines between a clip `[C, N]` and each text, -1 to 1; of a long clip the means over its windows."""
        sounds = self._directions(self.model.get_audio_features, audio=self._windows(audio, sample_rate))
        words = self._directions(self.model.get_text_features, text=list(texts), padding=True, truncation=True)
        return cosine_similarity(words[:, None], sounds[None], dim=-1).mean(dim=1).tolist()

    def _directions(self, encode: Any, **inputs: Any) -> Tensor:
        """`[n, projection]`"""
        if "audio" in inputs:
            inputs["sampling_rate"] = self.processor.feature_extractor.sampling_rate
        ready = self.processor(**inputs, return_tensors="pt").to(self.model.device)
        directions: Tensor = encode(**ready).pooler_output
        return directions

    def _windows(self, audio: Waveform, sample_rate: int) -> list[np.ndarray]:
        """The mono clip in pieces that the model hears whole: it would take a random part of anything longer."""
        extractor = self.processor.feature_extractor
        return windows(audio, sample_rate, extractor.sampling_rate, extractor.nb_max_samples)
