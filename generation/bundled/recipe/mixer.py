"""Mix notes into a waveform."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from generation.bundled.recipe.composer import ClipSpec, Note, compose
from generation.bundled.recipe.constants import HOP_LENGTH, SAMPLE_RATE
from generation.bundled.recipe.notes import NoteBank

RELEASE_SAMPLES = int(0.04 * SAMPLE_RATE)
_RELEASE = np.linspace(1, 0, RELEASE_SAMPLES, dtype=np.float32)
TEXTURE_LOOP_FRAMES = 100
TEXTURE_LEVEL = 0.02


def mix(notes: Sequence[Note], frames: int, bank: NoteBank) -> np.ndarray:
    """Add the one-shots of `notes` into a float32 waveform of `frames` codec frames, softly limited to (-1, 1)."""
    wave = np.zeros(frames * HOP_LENGTH, dtype=np.float32)
    for note in notes:
        begin = note.start * HOP_LENGTH
        shot = bank[note.sound]
        if note.frames:
            shot = shot[: note.frames * HOP_LENGTH + RELEASE_SAMPLES]
        shot = shot[: len(wave) - begin] * np.float32(note.gain)
        if note.frames and len(shot) >= RELEASE_SAMPLES:
            shot[-RELEASE_SAMPLES:] *= _RELEASE
        wave[begin : begin + len(shot)] += shot
    return np.tanh(wave)


def render(spec: ClipSpec, bank: NoteBank) -> np.ndarray:
    """Compose and mix one clip: float32 `[frames * 320]` at 16 kHz."""
    wave = mix(compose(spec), spec.frames, bank)
    if spec.texture:
        wave += _texture(len(wave))
    return wave


def _texture(samples: int) -> np.ndarray:
    """A quiet noise bed that repeats every two seconds, so that it costs the model little."""
    noise = np.random.default_rng(7).standard_normal(TEXTURE_LOOP_FRAMES * HOP_LENGTH).astype(np.float32)
    smooth = np.convolve(noise, np.ones(4, dtype=np.float32) / 2, mode="same")
    return TEXTURE_LEVEL * np.resize(smooth, samples)
