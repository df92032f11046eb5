"""What can be said of any clip's sound in numbers: statistics of a log-mel spectrogram, its rhythm and its noise.

They are what a taste hears when no model is asked. numpy and scipy only. The band energies follow Davis & Mermelstein
(1980); percussive and harmonic parts are told apart by median filtering (Fitzgerald, 2010); the modulation spectrum of
band envelopes is that of speech and music discrimination (Scheirer & Slaney, 1997).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy

from generation.sound.noise import FRAME, band_flatness, power_spectra
from generation.specs import Waveform

REVISION = "1"
"""Of what is computed here: vectors of different revisions are different kinds."""
HOP_SECONDS = 0.016
MEL_BANDS = 40
LOWEST_HZ = 40.0
QUIETEST = 1e-6
"""Of the loudest band energy: 60 dB below it a band counts as empty."""
WIDE_BANDS = 8
MODULATIONS_HZ = (0.5, 1.0, 1.5, 2.2, 3.2, 4.6, 6.6, 9.5, 14.0)
LAGS_SECONDS = np.arange(0.1, 1.7, 0.1)
LEVELS = (5, 25, 50, 75, 95)

Floats = npt.NDArray[np.floating]


def describe(audio: Waveform, sample_rate: int) -> npt.NDArray[np.float32]:
    """The features of `[C, N]` audio as one vector, always of `len(NAMES)` finite numbers; silence is all zeros."""
    power = power_spectra(audio, max(1, round(HOP_SECONDS * sample_rate)))
    if power.max(initial=0.0) <= 1e-10:
        return np.zeros(len(NAMES), dtype=np.float32)
    bands = power @ _mel(sample_rate).T
    level = np.log10(bands + QUIETEST * bands.max())
    flux = np.clip(np.diff(level, axis=0, prepend=level[:1]), 0, None)
    parts = [
        level.mean(0) - level.mean(),
        level.std(0),
        flux.mean(0),
        _spectrum(power, sample_rate),
        _loudness(power),
        _percussive(level),
        _modulation(level),
        _rhythm(flux.sum(1)),
        band_flatness(power, sample_rate),
    ]
    return np.nan_to_num(np.concatenate(parts), nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def _mel(sample_rate: int) -> Floats:
    """Triangular filters `[MEL_BANDS, FRAME / 2 + 1]`, each of area 1, on the mel scale (O'Shaughnessy, 1987)."""
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(2595 * np.log10(1 + LOWEST_HZ / 700), top, MEL_BANDS + 2) / 2595) - 1)
    # A band narrower than a bin still has its own one.
    edges = np.maximum.accumulate(edges + np.arange(len(edges)) * 1e-3)
    bins = np.fft.rfftfreq(FRAME, 1 / sample_rate)
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    width = sample_rate / FRAME
    rising = (bins - low + width) / (mid - low + width)
    falling = (high - bins + width) / (high - mid + width)
    filters = np.clip(np.minimum(rising, falling), 0, None)
    return filters / filters.sum(1, keepdims=True)


def _spectrum(power: Floats, sample_rate: int) -> Floats:
    """Centroid and width in kHz, where energy lies, and how much rises between frames."""
    magnitude = np.sqrt(power)
    hertz = np.fft.rfftfreq(FRAME, 1 / sample_rate)
    total = magnitude.sum(1) + 1e-9
    centroid = magnitude @ hertz / total
    spread = np.sqrt(np.maximum(0, magnitude @ hertz**2 / total - centroid**2))
    energy = power.sum(0)
    shares = np.cumsum(energy) / energy.sum()
    rolloff = [np.interp(part, shares, hertz) for part in (0.25, 0.5, 0.85, 0.95)]
    below = [shares[np.searchsorted(hertz, edge)] for edge in (100, 200, 400, 800, 1600, 3200)]
    weighted = (magnitude * hertz).sum() / total.sum()
    rises = np.clip(magnitude[2:] - magnitude[:-2], 0, None).sum() / magnitude.sum()
    khz = np.array([weighted, centroid.mean(), centroid.std(), spread.mean(), spread.std(), *rolloff]) / 1000
    return np.concatenate([khz, below, [np.log(weighted), rises]])


def _loudness(power: Floats) -> Floats:
    """How the level of frames is spread, in tens of decibels around the median, and how peaked it is."""
    energy = power.sum(1)
    level = np.log10(energy + QUIETEST * energy.max())
    middle = np.median(level)
    changes = np.diff(level)
    crest = np.log10(energy.max() / energy.mean())
    quiet = (level < level.max() - 2).mean()
    trend = np.polyfit(np.linspace(-1, 1, len(level)), level, 1)[0] if len(level) > 1 else 0.0
    percentiles = np.percentile(level - middle, LEVELS)
    return np.array([*percentiles, level.std(), np.abs(changes).mean() if len(changes) else 0.0, crest, quiet, trend])


def _percussive(level: Floats) -> Floats:
    """The share of what is short and broad rather than long and narrow, over all and in low, middle and high bands."""
    energy = 10**level
    along = scipy.ndimage.median_filter(energy, (17, 1), mode="nearest")
    across = scipy.ndimage.median_filter(energy, (1, 9), mode="nearest")
    share = across**2 / (along**2 + across**2 + 1e-12)
    weighted = (share * energy).sum(0) / energy.sum(0)
    thirds = [part.mean() for part in np.array_split(weighted, 3)]
    return np.array([(share * energy).sum() / energy.sum(), share.mean(), share.std(), *thirds])


def _modulation(level: Floats) -> Floats:
    """How strongly the envelopes of wide bands move at each rate, in decades: `WIDE_BANDS` x `MODULATIONS_HZ`."""
    envelopes = np.stack([part.mean(1) for part in np.array_split(level, WIDE_BANDS, axis=1)])
    envelopes = (envelopes - envelopes.mean(1, keepdims=True)) * np.hanning(envelopes.shape[1])
    strength = np.abs(np.fft.rfft(envelopes, axis=1)) / max(1, envelopes.shape[1])
    rates = np.fft.rfftfreq(envelopes.shape[1], HOP_SECONDS)
    found = [np.interp(MODULATIONS_HZ, rates, row) for row in strength]
    return np.log10(np.concatenate(found) + 1e-4)


def _rhythm(onsets: Floats) -> Floats:
    """How much begins and how regularly: the onset envelope's moments, its peaks, and its autocorrelation at lags."""
    mean = onsets.mean()
    centred = onsets - mean
    power = np.abs(np.fft.rfft(centred, 2 * len(onsets))) ** 2
    correlation = np.fft.irfft(power)[: len(onsets)]
    correlation = correlation / max(float(correlation[0]), 1e-9)
    lags = np.arange(len(onsets)) * HOP_SECONDS
    at = np.interp(LAGS_SECONDS, lags, correlation, right=0.0)
    beats = correlation[(lags >= 0.25) & (lags <= 1.2)]
    peaks = (onsets[1:-1] > onsets[:-2]) & (onsets[1:-1] >= onsets[2:]) & (onsets[1:-1] > mean + onsets.std())
    gaps = np.diff(np.flatnonzero(peaks))
    steady = gaps.std() / gaps.mean() if len(gaps) > 1 else 1.0
    rate = peaks.sum() / (len(onsets) * HOP_SECONDS)
    moments = [mean, onsets.std(), (centred**3).mean() / (onsets.std() ** 3 + 1e-9), rate / 10, steady]
    return np.array([*moments, beats.max(initial=0.0), beats.std() if len(beats) else 0.0, *at])


NAMES: tuple[str, ...] = (
    *(f"level_{band}" for band in range(MEL_BANDS)),
    *(f"spread_{band}" for band in range(MEL_BANDS)),
    *(f"flux_{band}" for band in range(MEL_BANDS)),
    *("centroid", "frame_centroid", "centroid_sd", "width", "width_sd"),
    *(f"rolloff_{part}" for part in (25, 50, 85, 95)),
    *(f"below_{edge}" for edge in (100, 200, 400, 800, 1600, 3200)),
    *("log_centroid", "rises"),
    *(f"loudness_{part}" for part in LEVELS),
    *("loudness_sd", "loudness_change", "crest", "quiet", "trend"),
    *("percussive", "percussive_mean", "percussive_sd", "percussive_low", "percussive_mid", "percussive_high"),
    *(f"modulation_{band}_{rate:g}" for band in range(WIDE_BANDS) for rate in MODULATIONS_HZ),
    *("onsets", "onsets_sd", "onsets_skew", "onset_rate", "gap_spread", "pulse", "pulse_sd"),
    *(f"repeat_{lag:.1f}" for lag in LAGS_SECONDS),
    *(f"flatness_{octave}" for octave in range(6)),
)
