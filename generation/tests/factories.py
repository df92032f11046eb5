"""Rows for tests: installed models, jobs in any state, samples with real little FLAC and npz files.

    job = GenerationJobFactory(completed=True)
    sample = AudioSampleFactory(job=job, index=1)

`BaseModelFactory()` has its files "here", a folder with an empty config.json among the models of the test;
`BaseModelFactory(installed=False)` is known, but not here.
"""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from typing import Any

import factory
import numpy as np
import soundfile
from django.conf import settings
from django.core.files.base import ContentFile
from django.utils import timezone

from adapters.models import Taste
from generation.jobs.hearing import kinds_for
from generation.models import AudioSample, BaseModel, ClipScore, Encoder, Favorite, GenerationJob, ModelFetch
from generation.sound.features import NAMES
from prompts.tests.factories import PromptFactory
from text2song.tests.factories import UserFactory

SAMPLE_RATE = 8_000
SECONDS = 1.0


def _location(model: Any) -> str:
    """A hub id; for a local folder a path among the models of the test."""
    if model.source == BaseModel.Source.FOLDER:
        return str(settings.MODELS_DIR / "folders" / model.key)
    return f"example/{model.key}"


class BaseModelFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = BaseModel
        skip_postgeneration_save = True

    key = factory.Sequence(lambda n: f"test-model-{n}")
    display_name = factory.Sequence(lambda n: f"Test Model {n}")
    source = BaseModel.Source.HUB
    location = factory.LazyAttribute(_location)
    description = "Good for tests."
    licence = "MIT"
    sample_rate = SAMPLE_RATE
    channels = 1
    max_duration = 10
    recommended_duration = 8
    memory_gb = 0.5
    quality = 10
    revision = "test-revision"

    @factory.post_generation
    def installed(self: BaseModel, create: bool, extracted: bool | None, **kwargs: Any) -> None:  # type: ignore[misc]
        if create and extracted is not False:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "config.json").write_text("{}")


class EncoderFactory(factory.django.DjangoModelFactory):
    """An encoder in the registry; nothing is in its folder."""

    class Meta:
        model = Encoder

    key = factory.Sequence(lambda n: f"ears-{n}")
    display_name = factory.Sequence(lambda n: f"Ears {n}")
    path = factory.LazyAttribute(lambda encoder: str(settings.MODELS_DIR / "encoders" / encoder.key))
    architecture = "HubertModel"
    sample_rate = SAMPLE_RATE
    size = 4_000_000
    licence = "mit"
    revision = factory.LazyAttribute(lambda encoder: hashlib.sha256(encoder.key.encode()).hexdigest())


class ModelFetchFactory(factory.django.DjangoModelFactory):
    """A fetch that waits; `running=True` is half-way through."""

    class Meta:
        model = ModelFetch

    class Params:
        running = factory.Trait(
            state=ModelFetch.State.RUNNING,
            stage="Fetching model.safetensors",
            files_done=3,
            files_total=7,
            bytes_done=1_200_000_000,
            bytes_total=2_400_000_000,
            bytes_per_second=25_000_000.0,
            worker="host:1:1",
            started_at=factory.LazyFunction(timezone.now),
        )

    base_model = factory.SubFactory(BaseModelFactory, installed=False)


def _ago(seconds: float) -> factory.LazyFunction:
    return factory.LazyFunction(lambda: timezone.now() - timedelta(seconds=seconds))


class GenerationJobFactory(factory.django.DjangoModelFactory):
    """A queued job; `running=True`, `completed=True`, `failed=True`, `cancelled=True` are further on."""

    class Meta:
        model = GenerationJob

    class Params:
        running = factory.Trait(
            state=GenerationJob.State.RUNNING,
            worker="host:1:1",
            started_at=_ago(4),
            steps_done=100,
            steps_total=500,
            expected_at=_ago(-16),
        )
        completed = factory.Trait(
            state=GenerationJob.State.COMPLETED,
            started_at=_ago(9),
            finished_at=_ago(1),
            steps_done=500,
            steps_total=500,
        )
        failed = factory.Trait(
            state=GenerationJob.State.FAILED,
            error="The GPU ran out of memory. Try fewer or shorter samples.",
            started_at=_ago(9),
            finished_at=_ago(1),
        )
        cancelled = factory.Trait(state=GenerationJob.State.CANCELLED, finished_at=_ago(1))

    requested_by = factory.SubFactory(UserFactory)
    prompt = factory.SubFactory(PromptFactory, author=factory.SelfAttribute("..requested_by"))
    base_model = factory.SubFactory(BaseModelFactory)
    seed = 1000
    duration = 8


def tone_flac(seconds: float = SECONDS, sample_rate: int = SAMPLE_RATE, hertz: float = 440.0) -> bytes:
    """A sine tone as FLAC."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.25 * np.sin(2 * np.pi * hertz * time), sample_rate, format="FLAC")
    return buffer.getvalue()


def codes_npz(seconds: float = SECONDS, codebooks: int = 4, frame_rate: int = 50, seed: int = 0) -> bytes:
    """Random codes `[K, T]` as a sample stores them."""
    codes = np.random.default_rng(seed).integers(0, 512, (codebooks, round(seconds * frame_rate)), dtype=np.int16)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, codes=codes)
    return buffer.getvalue()


class AudioSampleFactory(factory.django.DjangoModelFactory):
    """A finished clip with its files on the configured storage; `stored=False` leaves the files out."""

    class Meta:
        model = AudioSample
        skip_postgeneration_save = True

    job = factory.SubFactory(GenerationJobFactory, completed=True)
    index = factory.LazyAttribute(lambda sample: sample.job.samples.count())
    id = factory.LazyAttribute(lambda sample: sample.job.sample_id(sample.index))
    seed = factory.LazyAttribute(lambda sample: sample.job.sample_seed(sample.index))
    rendered_text = factory.LazyAttribute(lambda sample: sample.job.prompt.rendered_text)
    base_revision = factory.LazyAttribute(lambda sample: sample.job.base_model.revision)
    peaks = factory.LazyFunction(lambda: [round(abs(float(np.sin(i / 6))), 3) for i in range(200)])
    duration = SECONDS
    sample_rate = SAMPLE_RATE
    channels = 1
    loudness_lufs = -16.0
    true_peak_db = -1.2
    sha256 = ""
    size = 0

    @factory.post_generation
    def stored(self: AudioSample, create: bool, extracted: bool | None, **kwargs: Any) -> None:  # type: ignore[misc]
        if not create or extracted is False:
            return
        flac = tone_flac(self.duration, self.sample_rate, hertz=220.0 * (self.index + 1))
        self.audio_file.save(f"{self.pk}.flac", ContentFile(flac, name="clip.flac"), save=False)
        self.codes_file.save(f"{self.pk}.npz", ContentFile(codes_npz(self.duration, seed=self.seed)), save=False)
        self.sha256, self.size = hashlib.sha256(flac).hexdigest(), len(flac)
        self.save()


class FavoriteFactory(factory.django.DjangoModelFactory):
    """A heart on a sample; `FavoriteFactory(prompt=..., sample=None)` is one on a prompt."""

    class Meta:
        model = Favorite

    user = factory.SubFactory(UserFactory)
    sample = factory.SubFactory(AudioSampleFactory)


class ClipScoreFactory(factory.django.DjangoModelFactory):
    """What a taste, which is given, makes of a clip."""

    class Meta:
        model = ClipScore

    sample = factory.SubFactory(AudioSampleFactory)
    score = 0.5
    spread = 0.2


def heads_bytes(kinds: list[str], sizes: list[int], likes: int) -> bytes:
    """A taste that likes clips by one of their numbers, counted over all kinds."""
    from generation.sound.taste import TasteHeads

    width = sum(sizes)
    weights = np.zeros(width)
    weights[likes] = 1.0
    heads = TasteHeads(tuple(kinds), tuple(sizes), np.zeros(width), np.ones(width), weights, np.stack([weights] * 2))
    return heads.to_bytes()


class TasteFactory(factory.django.DjangoModelFactory):
    """A usable taste of everybody's, with files. It likes clips by the first number that the base model hears.

    `hidden` is how many those are: 4 with `FakeEngine`. `raters=["anna"]` makes it hers; `stored=False` has no files.
    """

    class Meta:
        model = Taste
        skip_postgeneration_save = True

    class Params:
        raters: Any = None
        hidden = 4

    name = factory.Sequence(lambda n: f"taste-{n}")
    base_model = factory.SubFactory(BaseModelFactory)
    base_revision = factory.LazyAttribute(lambda taste: taste.base_model.revision)
    filters = factory.LazyAttribute(lambda taste: {"raters": taste.raters} if taste.raters else {})
    described = factory.LazyAttribute(
        lambda taste: {"format": 1, "kinds": kinds_for(taste.base_model), "sizes": [len(NAMES), taste.hidden]}
    )
    sha256 = factory.Sequence(lambda n: f"{n:064x}")
    votes = 200
    is_usable = True

    @factory.post_generation
    def stored(self: Taste, create: bool, extracted: bool | None, **kwargs: Any) -> None:  # type: ignore[misc]
        if create and extracted is not False:
            content = heads_bytes(self.described["kinds"], self.described["sizes"], likes=len(NAMES))
            self.weights.save(f"{self.pk}.safetensors", ContentFile(content), save=False)
            self.save()
