"""Measure the tempo of a clip from its audio alone."""

from __future__ import annotations

import numpy as np
import torch
import torchaudio

from generation.bundled.recipe.constants import FRAME_RATE, HOP_LENGTH, SAMPLE_RATE
from generation.sound.tempo import tempo_of_onsets


def onset_envelope(wave: np.ndarray) -> np.ndarray:
    """Spectral flux per 20 ms frame: the sum over 40 mel bands of positive log-energy differences, mean removed."""
    mel = torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE, n_fft=1024, win_length=640, hop_length=HOP_LENGTH, f_min=40.0, n_mels=40, power=2.0
    )(torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32)))
    level = torch.log(mel + 1e-4 * mel.max().clamp_min(1e-8))
    flux = (level[:, 1:] - level[:, :-1]).clamp_min(0).sum(0).numpy()
    return flux - flux.mean()


def estimate_tempo(wave: np.ndarray) -> float:
    """Tempo in BPM of a 16 kHz waveform, octave ambiguous; 0 for a clip without onsets."""
    return tempo_of_onsets(onset_envelope(wave), FRAME_RATE)
