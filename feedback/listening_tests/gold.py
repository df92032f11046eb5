"""Gold pairs: a clip beside the same clip damaged on purpose, so that there is a right answer.

As the anchors of ITU-R BS.1534 are, but much worse than its 3.5 kHz low-pass: a rater who listens cannot prefer it.
"""

from __future__ import annotations

import zlib

import numpy as np
import scipy
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from feedback.models import Arm, ClipPair, ListeningTest
from generation.exceptions import StorageUnavailable
from generation.models import AudioSample
from generation.sound import processing as audio
from generation.sound.files import load_audio_bytes
from generation.specs import Waveform
from text2song.outages import write_refused

BAND_HZ = (400.0, 1600.0)
NOISE_DB = -12.0
"""Level of the hiss against the band-limited sound."""
DROPOUT_SECONDS = 0.12
DROPOUTS_PER_SECOND = 1.25


def make_gold_pair(test: ListeningTest, arm: Arm, sample: AudioSample) -> ClipPair | None:
    """Damage `sample` and store the pair; None when another process did it first.

    Raises `StorageUnavailable` when the store does not answer.
    """
    waveform, rate = audio.read_flac(load_audio_bytes(sample))
    damaged = damage(waveform, rate, seed=zlib.crc32(sample.pk.bytes))
    pair = ClipPair(
        test=test, kind=ClipPair.Kind.GOLD, prompt=sample.job.prompt, index=sample.index, arm_x=arm, sample_x=sample
    )
    try:
        pair.gold_file.save("", ContentFile(audio.encode_flac(damaged, rate), name="gold.flac"), save=False)
    except Exception as error:
        sentence = write_refused(error, gettext("The audio store refused to write a control clip."))
        raise StorageUnavailable(sentence) from error
    try:
        with transaction.atomic():
            pair.save(force_insert=True)
    except IntegrityError:
        pair.gold_file.delete(save=False)
        return None
    return pair


def damage(waveform: Waveform, rate: int, *, seed: int) -> Waveform:
    """The same length and loudness, with the sound of a broken telephone: narrow band, hiss, holes."""
    rng = np.random.default_rng(seed)
    top = min(BAND_HZ[1], 0.45 * rate)
    band = scipy.signal.butter(6, (BAND_HZ[0], top), btype="bandpass", fs=rate, output="sos")
    narrow = scipy.signal.sosfilt(band, waveform.astype(np.float64), axis=1)
    level = np.sqrt(np.mean(narrow**2)) or np.sqrt(np.mean(waveform.astype(np.float64) ** 2))
    hissing = narrow + rng.standard_normal(narrow.shape) * level * 10 ** (NOISE_DB / 20)
    broken = (hissing * _holes(waveform.shape[1], rate, rng)).astype(np.float32)
    return _as_loud_as(waveform, broken, rate)


def _holes(frames: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """1 where sound is let through, 0 in the dropouts, one in every stretch of `1 / DROPOUTS_PER_SECOND` seconds."""
    gate = np.ones(frames)
    stretch, hole = round(rate / DROPOUTS_PER_SECOND), round(DROPOUT_SECONDS * rate)
    for start in range(0, frames, stretch):
        at = start + int(rng.integers(0, max(1, stretch - hole)))
        gate[at : at + hole] = 0.0
    return gate


def _as_loud_as(original: Waveform, changed: Waveform, rate: int) -> Waveform:
    """`changed` at the loudness of `original`, so that level gives nothing away."""
    wanted, has = audio.loudness(original, rate), audio.loudness(changed, rate)
    if wanted is None or has is None:
        return changed
    gain = np.float32(10 ** ((wanted - has) / 20))
    return audio.limit_peaks(changed * gain, rate, audio.MAX_TRUE_PEAK_DB)
