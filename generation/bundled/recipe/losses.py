"""Losses and measures for the codec."""

from __future__ import annotations

import torch
import torchaudio
from torch import nn

from generation.bundled.recipe.constants import SAMPLE_RATE

MAGNITUDE_FLOOR = 2e-2
WAVEFORM_WEIGHT = 1.5
"""Weight of the log of the relative squared error: SI-SDR against the spectral terms."""


class ReconstructionLoss(nn.Module):
    """Multi-scale spectral loss plus waveform terms; all take `[batch, samples]`.

    Per scale: log-magnitude L1 (floored, so that silence does not dominate) and spectral convergence (Arik et al.,
    2018); then log-mel L1, relative waveform L1, and the log of the relative squared error, close to what SI-SDR is.
    """

    SCALES = ((256, 64), (512, 128), (1024, 256))

    def __init__(self) -> None:
        super().__init__()
        for size, _ in self.SCALES:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)
        filters = torchaudio.functional.melscale_fbanks(513, 30.0, SAMPLE_RATE / 2, 64, SAMPLE_RATE, norm=None)
        self.register_buffer("mel_filters", filters, persistent=False)

    def _magnitude(self, wave: torch.Tensor, size: int, hop: int) -> torch.Tensor:
        window = getattr(self, f"window_{size}")
        spectrum = torch.stft(wave, size, hop, window=window, return_complex=True)
        return spectrum.abs().clamp_min(1e-6)

    def forward(self, made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
        loss = made.new_zeros(())
        for size, hop in self.SCALES:
            with torch.no_grad():
                target = self._magnitude(true, size, hop)
            guess = self._magnitude(made, size, hop)
            log_l1 = (guess.clamp_min(MAGNITUDE_FLOOR).log() - target.clamp_min(MAGNITUDE_FLOOR).log()).abs().mean()
            convergence = (guess - target).norm() / target.norm().clamp_min(1e-3)
            loss = loss + (log_l1 + convergence) / len(self.SCALES)
        mel_true = (target.transpose(1, 2) @ self.mel_filters).clamp_min(MAGNITUDE_FLOOR).log()
        mel_made = (guess.transpose(1, 2) @ self.mel_filters).clamp_min(MAGNITUDE_FLOOR).log()
        loss = loss + (mel_made - mel_true).abs().mean()
        error = made - true
        loss = loss + error.abs().mean() / true.abs().mean().clamp_min(1e-3)
        energy = true.square().sum(-1).clamp_min(1e-2)
        return loss + WAVEFORM_WEIGHT * (error.square().sum(-1) / energy + 1e-3).log().mean()


def si_sdr(made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Scale-invariant signal-to-distortion ratio in dB per item (Le Roux et al., 2019); inputs `[batch, samples]`."""
    true = true - true.mean(-1, keepdim=True)
    made = made - made.mean(-1, keepdim=True)
    scale = (made * true).sum(-1, keepdim=True) / true.square().sum(-1, keepdim=True).clamp_min(1e-8)
    target = scale * true
    noise = (made - target).square().sum(-1).clamp_min(1e-8)
    return 10 * torch.log10(target.square().sum(-1).clamp_min(1e-8) / noise)
