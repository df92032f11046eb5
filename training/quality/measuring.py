"""From the clips of a blind test to the figures that guards look at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

from django.conf import settings

from generation.models import AudioSample
from generation.sound.files import load_audio_bytes, load_codes
from generation.sound.noise import noise
from generation.sound.processing import read_flac
from generation.specs import AdapterSpec, ModelSpec, SamplingSpec
from training.quality.guards import Figure, Guards
from training.quality.likeness import other_texts
from training.quality.sounds import Heard, keeps_tempo, sound_figures
from training.specs import PlayedClip


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
    figures = sound_figures(*([[heard(clip) for clip in side[prompt]] for prompt in prompts] for side in (own, other)))
    firsts = [[side[prompt][0] for prompt in prompts] for side in (own, other)]
    played = [[_played(clip) for clip in side] for side in firsts]
    sampling = _sampling(rival[0]) if rival else SamplingSpec()
    judge = Judge.load(base)
    drift = judge.kl_per_code(played[1], reference=opponent, adapter=adapter, sampling=sampling)
    figures["drift"] = Figure.of(drift, [0.0] * len(drift))
    figures["adherence"] = Figure.of(*(judge.adherence_per_code(clips) for clips in played))
    if (settings.CLAP_DIR / "config.json").is_file():
        figures["fit"] = fit_figure(*firsts, folder=settings.CLAP_DIR)
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


def by_prompt(samples: Iterable[AudioSample]) -> dict[UUID, list[AudioSample]]:
    found: dict[UUID, list[AudioSample]] = {}
    for sample in samples:
        found.setdefault(sample.job.prompt_id, []).append(sample)
    return found


def heard(sample: AudioSample) -> Heard:
    """Reads the clip's sound and codes from the store."""
    audio, rate = read_flac(load_audio_bytes(sample))
    return Heard(
        codes=load_codes(sample),
        silent=float(sample.is_silent),
        clipped=float(sample.is_clipped),
        tempo=keeps_tempo(audio, rate, sample.job.prompt.tempo),
        loudness=math.nan if sample.own_loudness is None else sample.own_loudness,
        noise=noise(audio, rate),
    )


def _played(sample: AudioSample) -> PlayedClip:
    return PlayedClip(sample.rendered_text, load_codes(sample))


def _sampling(sample: AudioSample) -> SamplingSpec:
    job = sample.job
    return SamplingSpec(job.temperature, job.top_k, job.top_p, job.guidance_scale)
