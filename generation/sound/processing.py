"""Measuring, levelling, encoding and drawing audio. numpy in, bytes out; neither torch nor Django.

Waveforms are float32 `[C, N]`, full scale is 1.0.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy
import soundfile
from mutagen.flac import FLAC
from mutagen.id3 import COMM, ID3, TIT2, TPE1, TSSE, TXXX
from mutagen.mp3 import MP3
from mutagen.wave import WAVE
from PIL import Image

from generation.specs import Waveform

TARGET_LUFS = -16.0
MAX_TRUE_PEAK_DB = -1.0
GATING_BLOCK_SECONDS = 0.4
SHORTEST_MEASURABLE_SECONDS = 0.05
SILENCE = 1e-5
OVERSAMPLING = 4
LOOK_AHEAD_SECONDS = 0.005
FADE_SECONDS = 0.01
LOUDNESS_TOLERANCE = 0.2
MAX_LIMITING_DB = 12.0
MAKE_UP_ROUNDS = 5
FORMATS = ("wav", "flac", "mp3")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A levelled waveform `[C, N]` and what was measured on it; silence has neither loudness nor peak."""

    audio: Waveform
    loudness_lufs: float | None
    true_peak_db: float | None
    gain_db: float


def loudness(audio: Waveform, sample_rate: int) -> float | None:
    """Integrated loudness in LUFS (ITU-R BS.1770-4); None for silence and below 0.05 s.

    A clip shorter than the standard's gating block of 0.4 s is measured as one block.
    """
    seconds = audio.shape[1] / sample_rate
    if seconds < SHORTEST_MEASURABLE_SECONDS or np.abs(audio).max() < SILENCE:
        return None
    import pyloudnorm  # brings scipy.signal along, which takes seconds and 75 MB: few pages need it

    meter = pyloudnorm.Meter(sample_rate, block_size=min(GATING_BLOCK_SECONDS, seconds))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = float(meter.integrated_loudness(audio.T.astype(np.float64)))
    return value if np.isfinite(value) else None


def true_peak(audio: Waveform) -> float | None:
    """True peak in dBTP by fourfold oversampling (ITU-R BS.1770-4, Annex 2); None for silence."""
    peak = float(_oversampled_peaks(audio).max(initial=0.0))
    return 20 * float(np.log10(peak)) if peak >= SILENCE else None


def normalise(
    audio: Waveform,
    sample_rate: int,
    target_lufs: float = TARGET_LUFS,
    max_true_peak_db: float = MAX_TRUE_PEAK_DB,
) -> Normalised:
    """Bring a clip to `target_lufs` with a true peak of at most `max_true_peak_db`.

    Where the gain would lift peaks over the limit, a look-ahead limiter lowers just those, and the loudness this
    costs is made up for as long as no peak is lowered by more than `MAX_LIMITING_DB`: a clip of a few sharp hits
    stays below the target rather than being crushed. `gain_db` is the gain before limiting. Silence stays silence.
    """
    finished = fade_edges(audio, sample_rate)
    measured = loudness(finished, sample_rate)
    if measured is None:
        limited = limit_peaks(finished, sample_rate, max_true_peak_db)
        return Normalised(limited, None, true_peak(limited), 0.0)
    most = max_true_peak_db - (true_peak(finished) or 0.0) + MAX_LIMITING_DB
    gain_db = 0.0
    for _ in range(MAKE_UP_ROUNDS):
        gain_db, before = min(gain_db + target_lufs - measured, most), gain_db
        limited = limit_peaks(_amplify(finished, gain_db), sample_rate, max_true_peak_db)
        measured = loudness(limited, sample_rate) or target_lufs
        if abs(measured - target_lufs) < LOUDNESS_TOLERANCE or gain_db == before:
            break
    return Normalised(limited, measured, true_peak(limited), gain_db)


def _amplify(audio: Waveform, gain_db: float) -> Waveform:
    return (audio * np.float32(10 ** (gain_db / 20))).astype(np.float32)


def fade_edges(audio: Waveform, sample_rate: int) -> Waveform:
    """Fade the first and last 10 ms, so that a clip cut out of a sound does not click."""
    length = min(round(FADE_SECONDS * sample_rate), audio.shape[1] // 2)
    ramp = np.sin(np.linspace(0, np.pi / 2, length, endpoint=False, dtype=np.float32)) ** 2
    faded = audio.astype(np.float32, copy=True)
    faded[:, :length] *= ramp
    faded[:, audio.shape[1] - length :] *= ramp[::-1]
    return faded


def limit_peaks(audio: Waveform, sample_rate: int, max_true_peak_db: float) -> Waveform:
    """Lower peaks above the limit with a gain that moves smoothly and ahead of them.

    The gain each sample needs is held over a window (minimum filter) and smoothed over the same window, so that it has
    arrived when the peak comes: the usual look-ahead limiter, see Giannoulis, Massberg and Reiss, "Digital Dynamic
    Range Compressor Design" (2012).
    """
    ceiling = 10 ** ((max_true_peak_db - 0.05) / 20)
    peaks_ = _oversampled_peaks(audio)
    if peaks_.max(initial=0.0) <= ceiling:
        return audio
    width = 2 * max(1, round(LOOK_AHEAD_SECONDS * sample_rate)) + 1
    needed = np.minimum(1.0, ceiling / np.maximum(peaks_, 1e-9))
    window = scipy.signal.windows.hann(width)
    held = scipy.ndimage.minimum_filter1d(needed, width)
    gain = scipy.ndimage.convolve1d(held, window / window.sum(), mode="nearest")
    limited = audio * gain
    rest = float(_oversampled_peaks(limited).max())
    return (limited * min(1.0, ceiling / rest)).astype(np.float32)


def peaks(audio: Waveform, buckets: int = 400) -> list[float]:
    """Outline for drawing: the value furthest from zero in each of `2 * buckets` slices, in mono, two decimals."""
    mono = audio.mean(axis=0)
    slices = np.array_split(mono, min(2 * buckets, max(1, mono.size)))
    return [round(float(part[np.abs(part).argmax()]), 2) if part.size else 0.0 for part in slices]


def encode_flac(audio: Waveform, sample_rate: int, tags: Mapping[str, str] | None = None) -> bytes:
    """16-bit FLAC with TPDF dither, which keeps quiet endings clean; its seed is fixed: same clip, same bytes."""
    dither = np.random.default_rng(0).random((2, *audio.shape)).sum(axis=0) - 1.0
    samples = np.clip(np.round(audio * 32768.0 + dither * (np.abs(audio) > 0)), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples.T, sample_rate, format="FLAC", subtype="PCM_16")
    return _tag_flac(buffer.getvalue(), tags) if tags else buffer.getvalue()


def convert(flac: bytes, file_format: str, tags: Mapping[str, str]) -> bytes:
    """The stored FLAC as "wav", "flac" or "mp3", with `tags` in the form each format has. ValueError for others.

    `title`, `artist` and `comment` go to the standard fields, everything else under its own name.
    """
    if file_format == "flac":
        return _tag_flac(flac, tags)
    samples, rate = soundfile.read(io.BytesIO(flac), dtype="int16", always_2d=True)
    buffer = io.BytesIO()
    if file_format == "wav":
        _write_wav(buffer, samples, rate, tags)
        return _tag_id3(buffer, WAVE, tags)
    if file_format == "mp3":
        soundfile.write(buffer, samples, rate, format="MP3", subtype="MPEG_LAYER_III")
        return _tag_id3(buffer, MP3, tags)
    raise ValueError(f"unknown audio format {file_format!r}; known: {', '.join(FORMATS)}")


def read_flac(flac: bytes) -> tuple[Waveform, int]:
    """A FLAC file as `[C, N]` float32 and its sample rate in Hz."""
    samples, rate = soundfile.read(io.BytesIO(flac), dtype="float32", always_2d=True)
    return samples.T, rate


def spectrogram_png(
    audio: Waveform, sample_rate: int, width: int = 1000, height: int = 240, dark: bool = False
) -> bytes:
    """A picture of the sound: time rightwards, frequency upwards in mel (O'Shaughnessy 1987), 80 dB deep."""
    size = 1024
    hop = max(1, (audio.shape[1] - size) // width) if audio.shape[1] > size else 1
    mono = np.pad(audio.mean(axis=0), (size // 2, size // 2))
    _, _, spectrum = scipy.signal.stft(mono, nperseg=size, noverlap=size - min(size, hop), boundary=None, padded=False)
    mel = np.linspace(0, 2595 * np.log10(1 + sample_rate / 2 / 700), height)
    bins = (700 * (10 ** (mel / 2595) - 1)) / (sample_rate / 2) * (spectrum.shape[0] - 1)
    columns = np.linspace(0, spectrum.shape[1] - 1, width)
    power = scipy.ndimage.map_coordinates(np.abs(spectrum), np.meshgrid(bins, columns, indexing="ij"), order=1)
    level = 20 * np.log10(np.maximum(power, 1e-8))
    shade = np.clip((level - level.max() + 80) / 80, 0, 1)[::-1]
    colours = _palette(dark)[(shade * 255).astype(np.uint8)]
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _palette(dark: bool) -> npt.NDArray[np.uint8]:
    """256 colours from silence to loud, fitting the light or the dark pages."""
    stops = [(18, 20, 26), (58, 64, 120), (196, 92, 110), (250, 214, 140)]
    if not dark:
        stops = [(250, 249, 246), (190, 200, 226), (92, 84, 168), (38, 20, 62)]
    place = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(np.linspace(0, 1, 256), place, [s[c] for s in stops]) for c in range(3)], -1).astype(
        np.uint8
    )


def _oversampled_peaks(audio: Waveform) -> npt.NDArray[np.float64]:
    """For each sample the largest absolute value around it, on any channel, at four times the rate."""
    if audio.shape[1] == 0:
        return np.zeros(0)
    dense = np.abs(scipy.signal.resample_poly(audio.astype(np.float64), OVERSAMPLING, 1, axis=1)).max(axis=0)
    return np.maximum(dense.reshape(-1, OVERSAMPLING).max(axis=1), np.abs(audio).max(axis=0))


def _write_wav(buffer: io.BytesIO, samples: npt.NDArray[np.int16], rate: int, tags: Mapping[str, str]) -> None:
    """A WAV file with the standard fields in its RIFF INFO list, for programs that read no ID3 chunk."""
    with soundfile.SoundFile(buffer, "w", rate, samples.shape[1], "PCM_16", format="WAV") as file:
        for name, value in tags.items():
            if name.lower() in ("title", "artist", "comment"):
                setattr(file, name.lower(), value)
        file.write(samples)


def _tag_flac(flac: bytes, tags: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO(flac)
    file = FLAC(buffer)
    for name, value in tags.items():
        file[name] = value
    buffer.seek(0)
    file.save(buffer)
    return buffer.getvalue()


def _tag_id3(buffer: io.BytesIO, kind: type[WAVE] | type[MP3], tags: Mapping[str, str]) -> bytes:
    buffer.seek(0)
    file: Any = kind(buffer)
    if file.tags is None:
        file.add_tags()
    frames: ID3 = file.tags
    for name, value in tags.items():
        match name.lower():
            case "title":
                frames.add(TIT2(encoding=3, text=value))
            case "artist":
                frames.add(TPE1(encoding=3, text=value))
            case "encoder":
                frames.add(TSSE(encoding=3, text=value))
            case "comment":
                frames.add(COMM(encoding=3, lang="eng", desc="", text=value))
            case _:
                frames.add(TXXX(encoding=3, desc=name, text=value))
    buffer.seek(0)
    file.save(buffer)
    return buffer.getvalue()
