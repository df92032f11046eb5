"""Loudness, peaks, encoding, tags and pictures, measured on synthesised sound."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC
from mutagen.mp3 import MP3
from mutagen.wave import WAVE
from PIL import Image
from scipy import signal

from generation.pages.tags import hundredths
from generation.sound import processing as audio

RATES = [16000, 32000, 48000]
TAGS = {"title": "calm piano at dusk", "comment": "made by the studio", "seed": "7", "model": "studio-tiny"}


def tone(rate: int, seconds: float, hertz: float = 440.0, level: float = 0.5) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return (level * np.sin(2 * np.pi * hertz * time))[None].astype(np.float32)


def noise(rate: int, seconds: float, level: float = 0.1, channels: int = 1) -> np.ndarray:
    shape = (channels, round(rate * seconds))
    return (level * np.random.default_rng(0).normal(size=shape)).astype(np.float32)


def beat(rate: int, seconds: float) -> np.ndarray:
    """A sustained chord under a loud hit twice a second: peaks far above its loudness."""
    sound = tone(rate, seconds, 220, 0.03) + tone(rate, seconds, 330, 0.03)
    hit = np.exp(-np.arange(rate // 20) / (rate * 0.004)) * np.sin(np.arange(rate // 20) * 0.8)
    for start in range(0, sound.shape[1] - hit.size, rate // 2):
        sound[0, start : start + hit.size] += 0.4 * hit.astype(np.float32)
    return sound


def independent_true_peak_db(waveform: np.ndarray) -> float:
    """By an eightfold band-limited interpolation in the frequency domain, another way than the code's."""
    dense = signal.resample(waveform.astype(np.float64), waveform.shape[1] * 8, axis=1)
    return 20 * np.log10(np.abs(dense).max())


def test_loudness_of_the_reference_signal_of_the_standard():
    """ITU-R BS.1770-4: a full-scale 997 Hz sine on one channel reads -3.01 LKFS."""
    assert audio.loudness(tone(48000, 5.0, 997.0, 1.0), 48000) == pytest.approx(-3.01, abs=0.1)


def test_true_peak_finds_what_lies_between_the_samples():
    """At a quarter of the rate and 45 degrees the samples of a sine miss its peak by 3 dB."""
    samples = np.sin(np.pi / 2 * np.arange(4800) + np.pi / 4)[None].astype(np.float32)
    assert 20 * np.log10(np.abs(samples).max()) == pytest.approx(-3.01, abs=0.01)
    assert audio.true_peak(samples) == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("level", [0.002, 0.1, 1.0])
def test_sounds_are_brought_to_the_target(rate, level):
    finished = audio.normalise(noise(rate, 2.0, level), rate)
    assert finished.loudness_lufs == pytest.approx(-16.0, abs=0.3)
    assert finished.true_peak_db <= -1.0
    assert audio.loudness(finished.audio, rate) == pytest.approx(finished.loudness_lufs, abs=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_peaks_are_limited_without_clipping_and_the_loudness_is_made_up(rate):
    sound = beat(rate, 4.0)
    finished = audio.normalise(sound, rate)
    assert independent_true_peak_db(finished.audio) <= -1.0
    assert finished.true_peak_db <= -1.0
    assert finished.loudness_lufs == pytest.approx(-16.0, abs=0.5)
    at_the_top = np.abs(finished.audio) > 0.999 * np.abs(finished.audio).max()
    assert at_the_top.sum() < 0.001 * at_the_top.size
    between_hits = slice(round(0.3 * rate), round(0.45 * rate))
    before, after = sound[0, between_hits], finished.audio[0, between_hits]
    ratio = after[np.abs(before) > 0.01] / before[np.abs(before) > 0.01]
    assert ratio.std() < 1e-3 * ratio.mean()


def test_a_few_sharp_hits_are_not_crushed():
    clicks = np.zeros((1, 32000), dtype=np.float32)
    clicks[0, ::8000] = 0.5
    finished = audio.normalise(clicks, 16000)
    assert finished.true_peak_db <= -1.0
    assert finished.loudness_lufs < -16.5
    assert finished.gain_db <= 20 * np.log10(2) - 1 + audio.MAX_LIMITING_DB + 1


def test_silence_stays_silence():
    finished = audio.normalise(np.zeros((2, 16000), dtype=np.float32), 16000)
    assert not finished.audio.any()
    assert (finished.loudness_lufs, finished.true_peak_db, finished.gain_db) == (None, None, 0.0)
    stored, _ = audio.read_flac(audio.encode_flac(finished.audio, 16000))
    assert not stored.any()


@pytest.mark.parametrize("seconds", [0.06, 0.3, 0.41])
def test_short_clips_are_levelled_too(seconds):
    finished = audio.normalise(tone(16000, seconds, level=0.01), 16000)
    assert finished.loudness_lufs == pytest.approx(-16.0, abs=0.3)


@pytest.mark.parametrize("samples", [1, 2, 100])
def test_a_few_samples_do_no_harm(samples):
    finished = audio.normalise(np.full((1, samples), 2.0, dtype=np.float32), 16000)
    assert finished.audio.shape == (1, samples)
    assert np.abs(finished.audio).max() <= 10 ** (-1 / 20)
    assert finished.loudness_lufs is None


def test_the_sides_of_a_stereo_clip_keep_their_balance():
    sound = noise(16000, 2.0, channels=2) * np.array([[1.0], [0.25]], dtype=np.float32)
    finished = audio.normalise(sound, 16000).audio
    middle = finished[:, 1000:-1000]
    assert middle[1].std() / middle[0].std() == pytest.approx(sound[1].std() / sound[0].std(), rel=1e-2)


def test_the_edges_do_not_click():
    finished = audio.normalise(tone(16000, 1.0) + 0.3, 16000).audio
    assert np.abs(finished[:, [0, -1]]).max() < 1e-2


def test_normalising_is_deterministic_and_leaves_its_input_alone():
    sound = beat(16000, 2.0)
    kept = sound.copy()
    first, second = (audio.normalise(sound, 16000) for _ in range(2))
    np.testing.assert_array_equal(first.audio, second.audio)
    np.testing.assert_array_equal(sound, kept)


@pytest.mark.parametrize("channels", [1, 2])
def test_stored_flac_is_the_clip_within_quantisation(channels):
    finished = audio.normalise(noise(16000, 1.0, channels=channels), 16000).audio
    flac = audio.encode_flac(finished, 16000)
    stored, rate = audio.read_flac(flac)
    assert rate == 16000
    assert stored.shape == finished.shape
    assert np.abs(stored - finished).max() <= 1.5 / 32768
    assert flac == audio.encode_flac(finished, 16000)
    assert 20 * np.log10(np.abs(stored).max()) <= -1.0


def test_dither_leaves_no_distortion_of_a_quiet_tone():
    """An undithered tone near one step would turn into a square wave with a third harmonic."""
    quiet = tone(16000, 8.0, 500.0, 1.2 / 32768)
    stored, _ = audio.read_flac(audio.encode_flac(quiet, 16000))
    _, power = signal.welch(stored[0], 16000, nperseg=16000)
    floor = np.median(power[1000:7000])
    assert power[1500] < 6 * floor
    assert power[500] > 100 * floor


@pytest.mark.parametrize("file_format", audio.FORMATS)
def test_downloads_sound_like_the_stored_clip(file_format):
    sound = audio.normalise(tone(16000, 1.0) + tone(16000, 1.0, 880), 16000).audio
    flac = audio.encode_flac(sound, 16000)
    converted, rate = soundfile.read(io.BytesIO(audio.convert(flac, file_format, TAGS)), always_2d=True)
    assert rate == 16000
    if file_format == "mp3":
        shift = np.correlate(converted[:, 0], sound[0], "valid" if len(converted) > 16000 else "same")
        assert shift.max() > 0.95 * (sound[0] ** 2).sum()
    else:
        np.testing.assert_array_equal(converted.T.astype(np.float32), audio.read_flac(flac)[0])


def test_flac_carries_its_tags():
    file = FLAC(io.BytesIO(audio.convert(audio.encode_flac(tone(16000, 0.5), 16000), "flac", TAGS)))
    assert {name: file[name] for name in TAGS} == {name: [value] for name, value in TAGS.items()}


@pytest.mark.parametrize(("file_format", "reader"), [("wav", WAVE), ("mp3", MP3)])
def test_wav_and_mp3_carry_their_tags(file_format, reader):
    content = audio.convert(audio.encode_flac(tone(16000, 0.5), 16000), file_format, TAGS | {"prompt": "müde 🎹"})
    tags = reader(io.BytesIO(content)).tags
    assert tags["TIT2"].text == ["calm piano at dusk"]
    assert tags.getall("COMM")[0].text == ["made by the studio"]
    assert {frame.desc: frame.text[0] for frame in tags.getall("TXXX")} == {
        "seed": "7",
        "model": "studio-tiny",
        "prompt": "müde 🎹",
    }


def test_wav_also_carries_them_as_riff_info():
    content = audio.convert(audio.encode_flac(tone(16000, 0.5), 16000), "wav", TAGS)
    assert b"INAM" in content
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        assert (file.title, file.comment) == ("calm piano at dusk", "made by the studio")


def test_other_formats_are_refused():
    with pytest.raises(ValueError, match=r"ogg.*wav, flac, mp3"):
        audio.convert(audio.encode_flac(tone(16000, 0.5), 16000), "ogg", {})


def test_peaks_outline_the_clip():
    sound = tone(16000, 2.0, level=0.25)
    sound[:, 16000:] *= 2
    outline = audio.peaks(sound, 100)
    assert len(outline) == 200
    assert max(np.abs(outline[:95])) == pytest.approx(0.25, abs=0.01)
    assert max(np.abs(outline[105:])) == pytest.approx(0.5, abs=0.01)
    assert min(outline) < 0 < max(outline)
    assert len(audio.peaks(tone(16000, 0.001), 400)) == 16


@pytest.mark.parametrize(
    ("stored", "shown"),
    [([], "[]"), ([0.0], "[0]"), ([-0.5, 0.07, 0.1, 0.2, 0.3], "[-50,20,30]"), ([0.994, -1.0], "[-100]")],
)
def test_pages_carry_half_of_the_outline_and_no_extreme_is_lost(stored, shown):
    assert hundredths(stored) == shown


def test_a_spectrogram_shows_a_tone_where_it_is():
    pictures = {}
    for hertz in (500, 4000):
        content = audio.spectrogram_png(tone(16000, 2.0, hertz), 16000, width=300, height=100, dark=True)
        picture = np.asarray(Image.open(io.BytesIO(content)).convert("L")).astype(float)
        assert picture.shape == (100, 300)
        pictures[hertz] = picture.mean(axis=1).argmax()
    mel = {hertz: np.log10(1 + hertz / 700) / np.log10(1 + 8000 / 700) for hertz in pictures}
    for hertz, row in pictures.items():
        assert 1 - row / 99 == pytest.approx(mel[hertz], abs=0.03)


@pytest.mark.parametrize("seconds", [0.001, 0.05, 2.0])
def test_a_spectrogram_of_any_length_and_of_silence_can_be_drawn(seconds):
    for sound in (noise(16000, seconds, channels=2), np.zeros((1, round(16000 * seconds)), dtype=np.float32)):
        assert audio.spectrogram_png(sound, 16000)[:4] == b"\x89PNG"
