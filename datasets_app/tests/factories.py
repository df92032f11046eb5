"""Feedback to build datasets from, and datasets built from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from django.core.files.base import ContentFile

from adapters.models import Taste
from datasets_app.building.splits import assign_splits
from datasets_app.models import Dataset
from datasets_app.services import create_dataset
from feedback.models import Preference
from feedback.tests.factories import PreferenceFactory, RaterProfileFactory, RatingFactory
from generation.jobs.hearing import AUDIO
from generation.models import AudioSample, BaseModel, ClipFeatures
from generation.sound.features import NAMES
from generation.sound.taste import TasteHeads
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory
from text2song.tests.factories import UserFactory


def rater(weight: float = 1.0, **profile: Any) -> Any:
    """A person whose answers have this weight."""
    return RaterProfileFactory(weight=weight, **profile).user


def clips(count: int, **job: Any) -> list[AudioSample]:
    """Stored clips of one prompt, codes and sound different from one another."""
    made_by = job.pop("requested_by", None) or UserFactory()
    whole = GenerationJobFactory(completed=True, requested_by=made_by, **job)
    return [AudioSampleFactory(job=whole, index=index) for index in range(count)]


def clips_of_two_models() -> tuple[AudioSample, AudioSample]:
    """Two clips of one prompt, as a listening test compares them."""
    first = clips(1)[0]
    return first, clips(1, prompt=first.job.prompt)[0]


def rated(scores: Iterable[float | int], raters: Iterable[Any] = (), **job: Any) -> list[AudioSample]:
    """Clips of one prompt, each with one score, given by all of the raters (one of weight 1 without any)."""
    scores = list(scores)
    judges = list(raters) or [rater()]
    made = clips(len(scores), **job)
    for sample, score in zip(made, scores, strict=True):
        for judge in judges:
            RatingFactory(sample=sample, score=score, rater=judge)
    return made


def prefer(better: AudioSample, worse: AudioSample, by: Any = None, winner: str = "a") -> Preference:
    """A direct vote; `winner` "tie" and "both_bad" name none."""
    return PreferenceFactory(sample_a=better, sample_b=worse, rater=by or rater(), winner=winner)


def rated_prompts(prompts: int = 12, scores: tuple[int, ...] = (5, 2)) -> list[list[AudioSample]]:
    """Rated clips of several prompts, by one rater and one base model."""
    judge, base = rater(), BaseModelFactory()
    return [rated(scores, [judge], base_model=base, seed=1000 + 10 * n) for n in range(prompts)]


def compared_prompts(prompts: int = 12) -> list[list[AudioSample]]:
    """Two clips of each of several prompts, the first preferred."""
    judge, base = rater(), BaseModelFactory()
    made = [clips(2, base_model=base, seed=1000 + 10 * n) for n in range(prompts)]
    for better, worse in made:
        prefer(better, worse, judge)
    return made


def seed_with_every_split(made: Iterable[list[AudioSample]]) -> int:
    """A seed that holds out some of these prompts for validation and some for tests; texts differ from run to run."""
    keys = [of_prompt[0].job.prompt.text_key for of_prompt in made]
    return next(seed for seed in range(1000) if len(set(assign_splits(keys, seed).values())) == 3)


def seed_that_trains_on(made: Iterable[list[AudioSample]], held_out: int = 0) -> int:
    """A seed that holds out the first `held_out` of these prompts for validation and trains on all others."""
    keys = [of_prompt[0].job.prompt.text_key for of_prompt in made]
    wanted = ["validation"] * held_out + ["train"] * (len(keys) - held_out)
    return next(seed for seed in range(100_000) if [assign_splits(keys, seed)[key] for key in keys] == wanted)


def seed_with_other_splits(made: Iterable[list[AudioSample]]) -> int:
    """A seed that splits these prompts in another way than seed 0."""
    keys = [of_prompt[0].job.prompt.text_key for of_prompt in made]
    return next(seed for seed in range(1, 1000) if assign_splits(keys, seed) != assign_splits(keys, 0))


def built(kind: str = "supervised", filters: Mapping[str, Any] | None = None, **values: Any) -> Dataset:
    """A dataset built from the feedback there is. `made_by` may be anybody: raters could build once."""
    values = {"actor": None, "name": "A dataset"} | values
    made_by = values.pop("made_by", None)
    dataset = create_dataset(kind=kind, filters=filters, now=True, **values)
    assert dataset.is_ready, dataset.error
    if made_by is not None:
        Dataset.objects.filter(pk=dataset.pk).update(created_by=made_by)
        dataset.refresh_from_db()
    return dataset


LIKED = NAMES.index("pulse")
FLATNESS = [NAMES.index(name) for name in NAMES if name.startswith("flatness_")]


def taste(base_model: BaseModel, spread: float = 0.0, **values: Any) -> Taste:
    """A usable taste that likes what `heard` says of a clip, in log-odds; `spread` is how far its ensemble differs."""
    size = len(NAMES)
    weights = np.zeros(size)
    weights[LIKED] = 1.0
    ensemble = np.stack([weights * (1 + spread), weights * (1 - spread)])
    heads = TasteHeads((AUDIO,), (size,), np.zeros(size), np.ones(size), weights, ensemble)
    content = heads.to_bytes()
    made = Taste(
        **{
            "name": "anna",
            "version": Taste.objects.filter(name=values.get("name", "anna")).count() + 1,
            "base_model": base_model,
            "base_revision": base_model.revision,
            "sha256": hashlib.sha256(content).hexdigest(),
            "described": heads.to_mapping(),
            "report": {"accuracy": {"value": 0.8, "low": 0.7, "high": 0.9}, "calibration_error": 0.04},
            "votes": 80,
            "is_usable": True,
        }
        | values
    )
    made.weights.save(f"{made.pk}.safetensors", ContentFile(content), save=False)
    made.save()
    return made


def heard(sample: AudioSample, liked: float, noise: float = 0.2) -> AudioSample:
    """Features as a worker finds them: how much a `taste` likes it, and how noisy it is."""
    numbers = np.zeros(len(NAMES), dtype="<f4")
    numbers[LIKED], numbers[FLATNESS] = liked, noise
    ClipFeatures.objects.update_or_create(sample=sample, kind=AUDIO, defaults={"vector": numbers.tobytes()})
    return sample


def heard_prompts(prompts: int, base: BaseModel, liked: Iterable[float] = (2, 1, -1, -2)) -> list[list[AudioSample]]:
    """Clips of several prompts, best first, that nobody judged and a taste of `base` can score."""
    scores = list(liked)
    made = [clips(len(scores), base_model=base, seed=5000 + 10 * n) for n in range(prompts)]
    for of_prompt in made:
        for sample, score in zip(of_prompt, scores, strict=True):
            heard(sample, score)
    return made
