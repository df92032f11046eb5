"""The sound of a trial: WAV without tags, the two clips alike in everything but what is heard.

Both have the same sample rate, channels and number of frames, so their files are equally large, and the louder one is
turned down to the loudness of the other.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from math import gcd

import numpy as np
import scipy
import soundfile
from django.utils.translation import gettext

from feedback.models import ClipPair, Trial
from generation.exceptions import StorageUnavailable
from generation.models import AudioSample
from generation.sound import processing as audio
from generation.sound.files import load_audio_bytes
from generation.specs import Waveform

HEADER_BYTES = 44
BYTES_PER_FRAME = 2


@dataclass(frozen=True, slots=True)
class Shape:
    """What both clips of a pair have in common, once prepared."""

    sample_rate: int
    channels: int
    frames: int

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate

    @property
    def bytes_per_second(self) -> int:
        return BYTES_PER_FRAME * self.channels * self.sample_rate


def shape_of(pair: ClipPair) -> Shape:
    """The shorter length, the higher rate, the more channels of the two."""
    samples = _samples(pair)
    rate = max(sample.sample_rate for sample in samples)
    frames = min(round(sample.duration * rate) for sample in samples)
    return Shape(rate, max(sample.channels for sample in samples), frames)


def trial_wav(trial: Trial, *, first: bool) -> bytes:
    """What a rater hears as Sample 1 (`first`) or Sample 2. Raises `StorageUnavailable`."""
    pair, is_x = trial.pair, first == trial.x_is_first
    waveform, rate = audio.read_flac(_stored(pair, is_x))
    shape = shape_of(pair)
    fitted = _fitted(waveform, rate, shape) * np.float32(10 ** (_gain_db(pair, is_x) / 20))
    buffer = io.BytesIO()
    soundfile.write(buffer, fitted.T, shape.sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _samples(pair: ClipPair) -> list[AudioSample]:
    return [pair.sample_x] if pair.sample_y is None else [pair.sample_x, pair.sample_y]


def _stored(pair: ClipPair, is_x: bool) -> bytes:
    sample = pair.sample_x if is_x else pair.sample_y
    if sample is not None:
        return load_audio_bytes(sample)
    try:
        with pair.gold_file.open("rb") as stream:
            return stream.read()
    except Exception as error:
        raise StorageUnavailable(gettext("The stored sound cannot be read. Tell a curator.")) from error


def _gain_db(pair: ClipPair, is_x: bool) -> float:
    """0 for the quieter clip, negative for the louder; a gold clip has the loudness of its original already."""
    if pair.sample_y is None:
        return 0.0
    x, y = pair.sample_x.loudness_lufs, pair.sample_y.loudness_lufs
    if x is None or y is None:
        return 0.0
    return min(x, y) - (x if is_x else y)


def _fitted(waveform: Waveform, rate: int, shape: Shape) -> Waveform:
    """At the common rate, with the common channels and exactly the common number of frames, faded at the cut."""
    if rate != shape.sample_rate:
        common = gcd(rate, shape.sample_rate)
        waveform = scipy.signal.resample_poly(waveform, shape.sample_rate // common, rate // common, axis=1)
    if waveform.shape[0] < shape.channels:
        waveform = np.repeat(waveform[:1], shape.channels, axis=0)
    cut = waveform[:, : shape.frames]
    padded = np.pad(cut, ((0, 0), (0, shape.frames - cut.shape[1])))
    return audio.fade_edges(padded.astype(np.float32), shape.sample_rate)
