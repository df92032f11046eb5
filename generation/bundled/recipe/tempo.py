"""Measure the tempo of a clip from its audio alone."""

from __future__ import annotations

import math

import numpy as np
import torch
import torchaudio

from generation.bundled.recipe.constants import FRAME_RATE, HOP_LENGTH, SAMPLE_RATE

LOWEST_BPM, HIGHEST_BPM = 58.0, 196.0
TEMPO_TOLERANCE = 0.04


def onset_envelope(wave: np.ndarray) -> np.ndarray:
    """Spectral flux per 20 ms frame: the sum over 40 mel bands of positive log-energy differences, mean removed."""
    mel = torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE, n_fft=1024, win_length=640, hop_length=HOP_LENGTH, f_min=40.0, n_mels=40, power=2.0
    )(torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32)))
    level = torch.log(mel + 1e-4 * mel.max().clamp_min(1e-8))
    flux = (level[:, 1:] - level[:, :-1]).clamp_min(0).sum(0).numpy()
    return flux - flux.mean()


def estimate_tempo(wave: np.ndarray) -> float:
    """Tempo in BPM of a 16 kHz waveform, octave ambiguous; 0 for a clip without onsets.

    The envelope's autocorrelation is summed at one, two, four and eight beats of every candidate tempo (a comb, after
    Scheirer, 1998), whole and half beats counting alike: what repeats is found, at the cost of its octave.
    """
    envelope = onset_envelope(wave)
    if not np.any(envelope > 1e-6):
        return 0.0
    padded = np.fft.rfft(envelope, 2 * len(envelope))
    correlation = np.fft.irfft(padded * padded.conj())[: len(envelope)]
    lags = np.arange(len(envelope))
    correlation = correlation / max(correlation[0], 1e-9) * len(envelope) / (len(envelope) - lags + 25)
    candidates = np.geomspace(LOWEST_BPM, HIGHEST_BPM, 240)
    scores = []
    for tempo in candidates:
        beat = 60 * FRAME_RATE / tempo
        places = [beat * k for k in (0.5, 1, 2, 3, 4, 8) if beat * k < len(envelope) * 0.75]
        scores.append(float(np.mean(np.interp(places, lags, correlation))))
    return float(candidates[int(np.argmax(scores))])


def same_tempo(measured: float, wanted: float, tolerance: float = TEMPO_TOLERANCE) -> bool:
    """Whether two tempi agree within `tolerance`, doubling and halving allowed."""
    if measured <= 0:
        return False
    octaves = math.log2(measured / wanted)
    return abs(octaves - round(octaves)) <= math.log2(1 + tolerance)
