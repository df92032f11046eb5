"""Clips are heard with every active encoder, old ones too; what cannot be heard holds nothing else up."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone
from django_q.models import OrmQ

from adapters.models import Taste
from generation import tasks
from generation.engine import Encoder as Ears
from generation.engine import EncoderCache, EngineCache, OutOfMemory
from generation.engine.hidden import REVISION as HIDDEN
from generation.engine.tests.encoders import save_encoder
from generation.jobs import hearing
from generation.jobs.hearing import (
    AUDIO,
    HIDDEN_REVISION,
    hear,
    hear_leftovers,
    hidden_kind,
    kind_in_words,
    kinds_for,
    score,
)
from generation.models import AudioSample, BaseModel, ClipFeatures, Encoder, HearingFailure
from generation.services import activate_encoder, add_encoder, deactivate_encoder, remove_encoder
from generation.sound.taste import TasteHeads
from generation.specs import EncoderSpec, Features, Waveform
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, EncoderFactory, GenerationJobFactory

pytestmark = pytest.mark.django_db


class CountingEars(Ears):
    """Counts what it hears; `before(clips)` lets a test interfere."""

    heard = 0

    def before(self) -> None:
        """Nothing."""

    def hear(self, audio: Waveform, sample_rate: int) -> Features:
        self.heard += 1
        self.before()
        return super().hear(audio, sample_rate)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("encoders")
    return {family: save_encoder(root / family, family) for family in ("clap", "wav2vec2")}


@pytest.fixture
def loaded() -> Counter[str]:
    return Counter()


@pytest.fixture
def engines(loaded: Counter[str]) -> EngineCache:
    """Real encoders, and no base model: hidden states are another matter."""

    def make(spec: EncoderSpec) -> Ears:
        loaded[spec.key] += 1
        return CountingEars(spec)

    cache = EngineCache()
    cache.encoders = EncoderCache(make=make)
    return cache


@pytest.fixture
def model(db: None) -> BaseModel:
    return BaseModelFactory(key="base")


@pytest.fixture
def waves(curator: Any, folders: dict[str, Path]) -> Encoder:
    return add_encoder(path=str(folders["wav2vec2"]), actor=curator, display_name="Waves")


def clip(model: BaseModel, **values: Any) -> AudioSample:
    """One of earlier files of the model, so that it is heard without it."""
    job = GenerationJobFactory(completed=True, base_model=model)
    return AudioSampleFactory(job=job, base_revision="earlier", **values)


def kinds(sample: AudioSample) -> set[str]:
    return set(sample.features.values_list("kind", flat=True))


def ears_of(engines: EngineCache, encoder: Encoder) -> CountingEars:
    found = engines.encoders.get(encoder.spec())
    assert isinstance(found, CountingEars)
    return found


def later(hours: float) -> None:
    """As if the failures there are lay so far back."""
    HearingFailure.objects.update(tried_at=timezone.now() - timedelta(hours=hours))


def test_revisions_are_those_of_the_engine():
    assert HIDDEN_REVISION == HIDDEN


def test_kinds_name_what_is_listened_with_and_its_files(model, waves):
    EncoderFactory(is_active=False), EncoderFactory(problem="Broken.")
    assert kinds_for(model) == [AUDIO, hidden_kind(model), f"encoder:waves:{waves.revision[:12]}"]
    words = [kind_in_words(kind) for kind in kinds_for(model)]
    assert words == ["the sound itself", "what base makes of a clip", "the encoder “waves”"]


def test_a_clip_is_heard_with_every_active_encoder(model, waves, engines, curator, folders):
    clap = add_encoder(path=str(folders["clap"]), actor=curator)
    deaf = EncoderFactory(is_active=False)
    sample = clip(model)
    assert hear([sample], engines) == 1
    assert kinds(sample) == {AUDIO, waves.kind, clap.kind} and deaf.kind not in kinds(sample)
    sizes = {row.kind: len(row.numbers) for row in sample.features.all()}
    assert (sizes[waves.kind], sizes[clap.kind]) == (4 * 16, 16)
    assert hear([sample], engines) == 0 and ears_of(engines, waves).heard == 1, "nothing is heard twice"


def test_old_clips_are_heard_again_once_an_encoder_comes(model, engines, curator, folders, loaded):
    old = [clip(model) for _ in range(3)]
    assert hear_leftovers(engines) is False and all(kinds(sample) == {AUDIO} for sample in old)
    waves = add_encoder(path=str(folders["wav2vec2"]), actor=curator)
    assert hear_leftovers(engines) is False
    assert all(kinds(sample) == {AUDIO, waves.kind} for sample in old)
    assert hear_leftovers(engines) is False and loaded == {"wav2vec2": 1}
    assert ears_of(engines, waves).heard == 3


def test_a_look_that_finds_nothing_asks_little(model, waves, engines, django_assert_max_num_queries):
    for _ in range(3):
        clip(model)
    hear_leftovers(engines)
    with django_assert_max_num_queries(12):
        hear_leftovers(engines)


def test_people_who_wait_for_clips_come_first(model, waves, engines):
    sample = clip(model)
    GenerationJobFactory(base_model=model)
    assert hear_leftovers(engines) is False and not kinds(sample)


def test_what_is_too_much_for_once_is_sent_on(model, waves, engines, monkeypatch):
    monkeypatch.setattr(hearing, "AT_ONCE", 1)
    monkeypatch.setattr(hearing, "MOST_LEFT_OVER", 2)
    monkeypatch.setattr(tasks, "engines", lambda: engines)
    samples = [clip(model) for _ in range(3)]
    OrmQ.objects.all().delete()
    tasks.hear_clips(str(waves.pk))
    assert sum(bool(kinds(sample)) for sample in samples) == 2 and OrmQ.objects.count() == 1
    tasks.hear_clips(str(waves.pk))
    assert all(kinds(sample) for sample in samples) and OrmQ.objects.count() == 1


# -- what cannot be heard --------------------------------------------------------------------------------------------


def test_a_clip_that_cannot_be_read_is_passed_over_and_not_for_ever(model, waves, engines):
    good, bad = clip(model), clip(model)
    bad.audio_file.storage.delete(bad.audio_file.name)
    for attempt in (1, 2, 3):
        hear_leftovers(engines)
        hear_leftovers(engines)  # at once nothing is tried again
        tried = dict(HearingFailure.objects.values_list("kind", "attempts"))
        assert tried == {AUDIO: attempt, waves.kind: attempt}
        later(hours=2)
    hear_leftovers(engines)
    assert set(HearingFailure.objects.values_list("attempts", flat=True)) == {3}
    assert kinds(good) == {AUDIO, waves.kind} and not kinds(bad)


def test_a_clip_that_can_be_read_again_is_heard_and_its_failures_are_forgotten(model, engines):
    sample = clip(model)
    stored = sample.audio_file.read()
    sample.audio_file.storage.delete(sample.audio_file.name)
    hear_leftovers(engines)
    assert HearingFailure.objects.count() == 1
    sample.audio_file.storage.save(sample.audio_file.name, __import__("io").BytesIO(stored))
    assert hear([sample], engines) == 1, "whoever needs it does not wait"
    assert kinds(sample) == {AUDIO} and not HearingFailure.objects.exists()


def test_one_kind_that_fails_loses_no_other(waves, engines):
    away = BaseModelFactory(installed=False)
    sample = AudioSampleFactory(job=GenerationJobFactory(completed=True, base_model=away))
    assert hear([sample], engines) == 1
    assert kinds(sample) == {AUDIO, waves.kind}
    assert HearingFailure.objects.get().kind == hidden_kind(away)


def test_an_encoder_that_cannot_be_loaded_says_so_and_is_left_alone(model, waves, engines, loaded, curator):
    broken = EncoderFactory(key="broken")
    sample = clip(model)
    hear_leftovers(engines)
    broken.refresh_from_db()
    assert broken.problem.startswith("There is no folder") and not broken.is_listening
    assert kinds(sample) == {AUDIO, waves.kind} and not HearingFailure.objects.exists()
    hear_leftovers(engines)
    assert loaded["broken"] == 1
    activate_encoder(encoder=broken, actor=curator)
    hear_leftovers(engines)
    assert loaded["broken"] == 2


def test_files_that_changed_are_not_listened_with(model, engines, curator, tmp_path):
    encoder = add_encoder(path=str(save_encoder(tmp_path / "ears")), actor=curator)
    (tmp_path / "ears" / "preprocessor_config.json").write_text('{"sampling_rate": 8000, "do_normalize": false}')
    sample = clip(model)
    hear([sample], engines)
    encoder.refresh_from_db()
    assert "have changed since it was added" in encoder.problem and kinds(sample) == {AUDIO}


def test_a_base_model_makes_room_for_an_encoder(model, waves, engines):
    held = EngineCache(make=lambda spec: object())  # type: ignore[arg-type, return-value]
    held.get(model.spec())

    def make(spec: EncoderSpec) -> Ears:
        if len(held):
            raise OutOfMemory("The device ran out of memory while the encoder “Waves” was loaded.")
        return Ears(spec)

    held.encoders = EncoderCache(make=make)
    sample = clip(model)
    hear([sample], held)
    assert kinds(sample) == {AUDIO, waves.kind} and len(held) == 0

    def too_large(spec: EncoderSpec) -> Ears:
        raise OutOfMemory("The device ran out of memory while the encoder “Waves” was loaded.")

    held.encoders = EncoderCache(make=too_large)
    hear([clip(model)], held)
    waves.refresh_from_db()
    assert waves.problem.startswith("The device ran out of memory")


def test_nothing_is_stored_of_an_encoder_that_is_removed_meanwhile(model, waves, engines, curator, monkeypatch):
    sample = clip(model)
    monkeypatch.setattr(CountingEars, "before", lambda ears: remove_encoder(encoder=waves, actor=curator))
    hear([sample], engines)
    assert kinds(sample) == {AUDIO}


# -- tastes ----------------------------------------------------------------------------------------------------------


def taste_of(model: BaseModel, *read: tuple[str, int]) -> Taste:
    size = sum(count for _, count in read)
    ones = np.ones(size)
    heads = TasteHeads(
        tuple(kind for kind, _ in read), tuple(n for _, n in read), 0 * ones, ones, ones, np.stack([ones, ones])
    )
    taste = Taste(name="mine", base_model=model, described=heads.to_mapping(), votes=9, is_usable=True, sha256="0" * 64)
    from django.core.files.base import ContentFile

    taste.weights.save("mine.safetensors", ContentFile(heads.to_bytes()), save=True)
    return taste


def test_a_taste_scores_with_its_own_ears_whatever_comes_later(model, engines, curator, folders):
    sample = clip(model)
    hear([sample], engines)
    size = len(sample.features.get().numbers)
    taste = taste_of(model, (AUDIO, size))
    waves = add_encoder(path=str(folders["wav2vec2"]), actor=curator)
    hear([sample], engines)
    assert waves.kind in kinds(sample) and score(taste, [sample.pk]) == 1 and taste.why_deaf == ""


def test_a_taste_whose_encoder_is_gone_says_why_it_scores_no_new_clips(model, waves, engines, curator):
    sample = clip(model)
    hear([sample], engines)
    taste = taste_of(model, (waves.kind, 64))
    assert taste.why_deaf == "" and score(taste, [sample.pk]) == 1
    deactivate_encoder(encoder=waves, actor=curator)
    assert taste.why_deaf == (
        "mine@1 listens with the encoder “Waves”, which is not active, so it scores no new clips. "
        "Activate it, or fit the taste anew."
    )
    activate_encoder(encoder=waves, actor=curator)
    waves.cannot_be_loaded("Its files are damaged.")
    assert "which cannot be loaded" in taste.why_deaf
    remove_encoder(encoder=waves, actor=curator)
    assert "the encoder “waves”, which was removed" in taste.why_deaf
    fresh = clip(model)
    hear([fresh], engines)
    assert score(taste, [fresh.pk, sample.pk]) == 0
    assert sample.taste_scores.get().taste == taste, "what it said before stays"
    assert not ClipFeatures.objects.filter(kind=waves.kind).exists()
