"""From the clips of a blind test to the figures that guards look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import numpy as np
from django.conf import settings

from generation.models import AudioSample
from generation.sound.files import load_audio_bytes, load_codes
from generation.sound.noise import noise
from generation.sound.processing import read_flac
from generation.sound.tempo import estimate_tempo, same_tempo
from generation.specs import AdapterSpec, Codes, ModelSpec, SamplingSpec
from training.quality.guards import Figure, Guards
from training.quality.likeness import across_prompts, other_texts, within_prompts
from training.specs import PlayedClip


@dataclass(frozen=True, slots=True)
class Heard:
    """A clip as it is measured: whether it is silent, clipped, in the tempo asked for (NaN: none was), how loud and how
    noisy the codec's output was.
    """

    sample: AudioSample
    codes: Codes
    silent: float
    clipped: float
    tempo: float
    loudness: float
    noise: float

    @classmethod
    def of(cls, sample: AudioSample) -> Heard:
        """Reads the clip's sound and codes from the store."""
        audio, rate = read_flac(load_audio_bytes(sample))
        wanted = sample.job.prompt.tempo
        return cls(
            sample=sample,
            codes=load_codes(sample),
            silent=float(sample.is_silent),
            clipped=float(sample.is_clipped),
            tempo=math.nan if wanted is None else float(same_tempo(estimate_tempo(audio, rate), wanted)),
            loudness=math.nan if sample.own_loudness is None else sample.own_loudness,
            noise=noise(audio, rate),
        )


def measure(
    *,
    made: Sequence[AudioSample],
    rival: Sequence[AudioSample],
    base: ModelSpec,
    adapter: AdapterSpec,
    opponent: AdapterSpec | None,
) -> Guards:
    """Figures of an adapter's clips beside its opponent's for the same prompts (`opponent` None: the base alone).

    Raises `StorageUnavailable`, and what the engine raises of an adapter or model that cannot be loaded.
    """
    from training.trainer.likelihood import Judge

    own, other = by_prompt(made), by_prompt(rival)
    prompts = [prompt for prompt in other if prompt in own]
    figures = sound_figures([own[prompt] for prompt in prompts], [other[prompt] for prompt in prompts])
    played = [[_played(heard[prompt][0]) for prompt in prompts] for heard in (own, other)]
    sampling = _sampling(rival[0]) if rival else SamplingSpec()
    judge = Judge.load(base)
    drift = judge.kl_per_code(played[1], reference=opponent, adapter=adapter, sampling=sampling)
    figures["drift"] = Figure.of(drift, [0.0] * len(drift))
    figures["adherence"] = Figure.of(*(judge.adherence_per_code(clips) for clips in played))
    if (settings.CLAP_DIR / "config.json").is_file():
        listened = [[heard[prompt][0].sample for prompt in prompts] for heard in (own, other)]
        figures["fit"] = fit_figure(*listened, folder=settings.CLAP_DIR)
    return Guards(figures)


def fit_figure(made: Sequence[AudioSample], rival: Sequence[AudioSample], *, folder: Path) -> Figure:
    """How much better clips fit their own texts than other ones, by the audio-text model in `folder`.

    Clips of the same prompts in the same order. Raises `ModelLoadError` and `StorageUnavailable`.
    """
    from training.trainer.clap import Clap

    clap = Clap.load(folder)

    def fits(samples: Sequence[AudioSample]) -> list[float]:
        texts = [sample.rendered_text for sample in samples]
        found = []
        for sample, text, other in zip(samples, texts, other_texts(texts), strict=True):
            own, strange = clap.similarity(*read_flac(load_audio_bytes(sample)), [text, other])
            found.append(own - strange if other != text else math.nan)
        return found

    return Figure.of(fits(made), fits(rival))


def by_prompt(samples: Iterable[AudioSample]) -> dict[UUID, list[Heard]]:
    heard: dict[UUID, list[Heard]] = {}
    for sample in samples:
        heard.setdefault(sample.job.prompt_id, []).append(Heard.of(sample))
    return heard


def sound_figures(own: Sequence[Sequence[Heard]], other: Sequence[Sequence[Heard]]) -> dict[str, Figure]:
    """What needs no model, from clips by prompt, the same prompts in the same order."""
    means: dict[str, Callable[[Sequence[Heard]], float]] = {
        "noise": lambda clips: _mean(clip.noise for clip in clips),
        "tempo": lambda clips: _mean(clip.tempo for clip in clips),
        "silent": lambda clips: _mean(clip.silent for clip in clips),
        "clipped": lambda clips: _mean(clip.clipped for clip in clips),
        "loudness": lambda clips: _mean(clip.loudness for clip in clips),
    }
    figures = {
        key: Figure.of(*([mean(clips) for clips in side] for side in (own, other))) for key, mean in means.items()
    }
    figures["loudness"] = _moved(figures["loudness"])
    for key, spread in (("diversity", within_prompts), ("variety", across_prompts)):
        figures[key] = Figure.of(*(spread([[clip.codes for clip in clips] for clips in side]) for side in (own, other)))
    if all(math.isnan(clip.tempo) for clips in other for clip in clips):
        del figures["tempo"]
    return figures


def _moved(loudness: Figure) -> Figure:
    """How far it moved, either way, where the opponent's moved by nothing; the interval keeps the sign."""
    moved = abs(loudness.value - loudness.base)
    return replace(loudness, value=moved, base=math.nan if math.isnan(moved) else 0.0)


def _played(heard: Heard) -> PlayedClip:
    return PlayedClip(heard.sample.rendered_text, heard.codes)


def _sampling(sample: AudioSample) -> SamplingSpec:
    job = sample.job
    return SamplingSpec(job.temperature, job.top_k, job.top_p, job.guidance_scale)


def _mean(values: Iterable[float]) -> float:
    """Of what is not NaN; NaN when nothing is left."""
    found = [value for value in values if not math.isnan(value)]
    return float(np.mean(found)) if found else math.nan
