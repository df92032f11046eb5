"""The audio codec of a MusicGen model: waveforms to codes and back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import resample
from transformers import EncodecModel

from generation.engine.exceptions import InvalidSpec, NotFinite
from generation.specs import Codes, Waveform
from generation.texts import gettext_noop


class Codec:
    """EnCodec (Defossez et al., "High Fidelity Neural Audio Compression", 2022) for one or two channels.

    Stereo models code left and right separately by a codec of one channel, and interleave the codebooks.
    """

    def __init__(self, model: EncodecModel, codebooks: int, channels: int) -> None:
        self._model = model
        self._codebooks = codebooks
        self._channels = channels
        self.sample_rate: int = model.config.sampling_rate
        self.hop: int = model.config.hop_length
        self.codebook_size: int = model.config.codebook_size

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop

    @torch.inference_mode()
    def decode(self, codes: Codes) -> Waveform:
        """Codes `[K, T]` to a waveform `[C, T x hop]` float32. Raises InvalidSpec, NotFinite."""
        self._check(codes)
        device = next(self._model.parameters()).device
        tokens = torch.from_numpy(np.ascontiguousarray(codes, dtype=np.int64)).to(device)
        sides = [tokens[side :: self._channels] for side in range(self._channels)]
        audio = torch.cat([self._decode_side(side) for side in sides])
        if not torch.isfinite(audio).all():
            raise NotFinite(
                gettext_noop(
                    "The audio codec computed values that are not finite numbers: the model's files are damaged."
                )
            )
        return audio[:, : codes.shape[1] * self.hop].float().cpu().numpy()

    def _decode_side(self, tokens: Tensor) -> Tensor:
        audio: Tensor = self._model.decode(tokens[None, None], audio_scales=[None]).audio_values[0]
        return audio

    @torch.inference_mode()
    def encode(self, audio: Waveform, sample_rate: int) -> Codes:
        """A waveform `[C, N]` at `sample_rate` Hz to codes `[K, T]` int16; channels are mixed or doubled to fit."""
        device = next(self._model.parameters()).device
        if not np.isfinite(audio).all():
            raise InvalidSpec(
                gettext_noop("The recording holds values that are not finite numbers; save it again as audio.")
            )
        wave = resample(torch.from_numpy(np.array(audio, dtype=np.float32)), sample_rate, self.sample_rate)
        wave = _fit_channels(wave, self._channels).to(device)
        sides = [self._encode_side(side) for side in wave]
        codes = torch.stack(sides, dim=1).flatten(0, 1)
        return codes.to(torch.int16).cpu().numpy()

    def _encode_side(self, wave: Tensor) -> Tensor:
        config = self._model.config
        wanted = self._codebooks // self._channels
        quantizer = self._model.quantizer
        fitting = [b for b in config.target_bandwidths if quantizer.get_num_quantizers_for_bandwidth(b) >= wanted]
        bandwidth = min(fitting, default=config.target_bandwidths[-1])
        codes: Tensor = self._model.encode(wave[None, None], bandwidth=bandwidth).audio_codes[0, 0, :wanted]
        return codes

    def _check(self, codes: Codes) -> None:
        if codes.ndim != 2 or codes.shape[0] != self._codebooks or codes.shape[1] == 0:
            raise InvalidSpec(
                gettext_noop("Expected codes of shape [%(codebooks)s, T], got %(list)s.")
                % {"codebooks": self._codebooks, "list": list(codes.shape)}
            )
        if codes.min() < 0 or codes.max() >= self.codebook_size:
            raise InvalidSpec(
                gettext_noop("Codes must lie between 0 and %(codebook_size)s.")
                % {"codebook_size": self.codebook_size - 1}
            )


def _fit_channels(wave: Tensor, channels: int) -> Tensor:
    if wave.shape[0] == channels:
        return wave
    return wave.mean(dim=0, keepdim=True).expand(channels, -1)
