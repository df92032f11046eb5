"""Clips of a base model that can be told apart by ear, and votes on them: some like them high, some low."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.core.files.base import ContentFile

from feedback.tests.factories import PreferenceFactory
from generation.models import AudioSample, BaseModel
from generation.sound.files import pack_codes
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory, tone_flac
from prompts.tests.factories import PromptFactory

LOW, HIGH = 220.0, 660.0
FRAMES, BOOKS = 12, 4


def pairs_of(model: BaseModel, count: int, *, prompts: int | None = None, **sample: Any) -> list[list[AudioSample]]:
    """Pairs of clips, the first high and the second low, of `prompts` prompts in turn (a new one for each without)."""
    asked = [PromptFactory() for _ in range(prompts or count)]
    return [_pair(model, asked[n % len(asked)], n, **sample) for n in range(count)]


def _pair(model: BaseModel, prompt: Any, number: int, **sample: Any) -> list[AudioSample]:
    job = GenerationJobFactory(completed=True, base_model=model, prompt=prompt, seed=1000 + 10 * number)
    return [_clip(job, index, hertz * (1 + number % 7 / 20), **sample) for index, hertz in enumerate((HIGH, LOW))]


def _clip(job: Any, index: int, hertz: float, **sample: Any) -> AudioSample:
    clip = AudioSampleFactory(job=job, index=index, stored=False, **sample)
    codes = np.random.default_rng(clip.seed + index).integers(0, 64, (BOOKS, FRAMES), dtype=np.int16)
    clip.audio_file.save(f"{clip.pk}.flac", ContentFile(tone_flac(hertz=hertz)), save=False)
    clip.codes_file.save(f"{clip.pk}.npz", ContentFile(pack_codes(codes)), save=False)
    clip.save()
    return clip


def all_prefer(pairs: list[list[AudioSample]], by: Any, winner: str = "a") -> None:
    """One vote on every pair: "a" is the high clip, "b" the low one."""
    for high, low in pairs:
        PreferenceFactory(sample_a=high, sample_b=low, rater=by, winner=winner)
