"""Which features a taste is fitted on: those that almost all judged clips have, and never fewer than there must be."""

from __future__ import annotations

import io
import zlib
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone

from adapters.models import Taste
from feedback.tests.factories import PreferenceFactory
from generation.jobs.hearing import AUDIO, hidden_kind, score
from generation.models import AudioSample, BaseModel, ClipFeatures, ClipScore, Encoder
from generation.services import deactivate_encoder, remove_encoder
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, EncoderFactory, GenerationJobFactory
from prompts.tests.factories import PromptFactory
from text2song.tests.factories import UserFactory
from training.services.tastes import fit_taste
from training.tastes.fitting import in_common

ABC = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("clips", "kept"),
    [
        (["abc"] * 10, "abc"),
        (["abc"] * 9 + ["ab"], "abc"),
        (["abc"] * 8 + ["ab"] * 2, "ab"),
        (["abc"] * 5 + ["a"] * 5, "a"),
        (["ab", "ac"] * 5, "a"),
        (["abc"] * 6 + ["ac"] * 4, "ac"),
        (["a"] * 3, "a"),
        (["abc"] * 9 + [""] * 5, "abc"),
        ([""] * 3, "abc"),
        ([], "abc"),
    ],
)
def test_kinds_that_too_few_clips_have_are_given_up_one_by_one(clips, kept):
    assert "".join(in_common([set(clip) for clip in clips], ABC)) == kept


def test_of_kinds_that_as_few_have_the_last_is_given_up_first():
    assert in_common([{"a", "b", "c"}] * 8 + [{"a", "b"}, {"a", "c"}, {"a", "b"}, {"a", "c"}], ABC) == ["a"]
    assert in_common([{"a", "b"}] * 10 + [{"a", "c"}], ABC) == ["a", "b"]


# -- whole fits ------------------------------------------------------------------------------------------------------


def vector(kind: str, warmth: float, seed: int) -> bytes:
    """Numbers of which the first is what people like."""
    size = {"audio": 6, "hidden": 8, "encoder": 5}[kind.partition("-")[0].partition(":")[0]]
    numbers = np.random.default_rng(zlib.crc32(f"{kind} {seed}".encode())).standard_normal(size)
    numbers[0] = warmth
    return np.ascontiguousarray(numbers, "<f4").tobytes()


def heard(sample: AudioSample, warmth: float, *kinds: str) -> None:
    for kind in kinds:
        ClipFeatures.objects.create(sample=sample, kind=kind, vector=vector(kind, warmth, sample.seed))


@pytest.fixture
def model(db: None) -> BaseModel:
    return BaseModelFactory(key="base", is_active=True)


@pytest.fixture
def judged(model: BaseModel) -> list[AudioSample]:
    """Twelve prompts with two clips each, of which the warmer one was always preferred; nothing is heard yet."""
    rater, clips = UserFactory(username="anna"), []
    for number in range(12):
        prompt = PromptFactory(text=f"a calm song, number {number}")
        job = GenerationJobFactory(completed=True, base_model=model, prompt=prompt, seed=1000 + 10 * number)
        pair = [AudioSampleFactory(job=job, index=index, stored=False) for index in range(2)]
        winner = "ab"[number % 2]
        vote = PreferenceFactory(rater=rater, sample_a=pair[0], sample_b=pair[1], winner=winner)
        type(vote).objects.filter(pk=vote.pk).update(created_at=timezone.now() - timedelta(minutes=60 - number))
        clips += pair if winner == "a" else pair[::-1]
    return clips


def hear_all(judged: list[AudioSample], *kinds: str) -> None:
    for place, sample in enumerate(judged):
        heard(sample, 1.0 if place % 2 == 0 else -1.0, *kinds)


def fitted(**values: Any) -> Taste:
    fit = fit_taste(actor=None, name="warmth", now=True, **values)
    assert fit.taste is not None, fit.error
    return fit.taste


def test_a_taste_reads_encoders_that_all_judged_clips_were_heard_with(model, judged):
    ears = EncoderFactory(key="ears")
    hear_all(judged, AUDIO, hidden_kind(model), ears.kind)
    taste = fitted()
    assert taste.kinds == [AUDIO, hidden_kind(model), ears.kind]
    assert taste.described["sizes"] == [6, 8, 5] and taste.report["kinds_left_out"] == []
    assert ClipScore.objects.filter(taste=taste).count() == 24


def test_an_encoder_that_few_clips_were_heard_with_is_left_out_and_named(model, judged):
    ears = EncoderFactory(key="ears")
    hear_all(judged, AUDIO, hidden_kind(model))
    hear_all(judged[:6], ears.kind)
    taste = fitted()
    assert taste.kinds == [AUDIO, hidden_kind(model)] and taste.report["left_out"] == 0
    assert taste.report["kinds_left_out"] == [{"kind": ears.kind, "clips": 6, "of": 24}]
    ears.refresh_from_db()
    assert ears.problem, "there is nothing in its folder, and the fit found out"


def test_clips_of_earlier_files_of_the_model_are_learned_from_without_its_states(model, judged):
    ears = EncoderFactory(key="ears")
    hear_all(judged, AUDIO, ears.kind)
    hear_all(judged[:8], hidden_kind(model))
    AudioSample.objects.filter(pk__in=[sample.pk for sample in judged[8:]]).update(base_revision="earlier")
    taste = fitted()
    assert taste.kinds == [AUDIO, ears.kind] and taste.votes == 12
    assert taste.report["kinds_left_out"] == [{"kind": hidden_kind(model), "clips": 8, "of": 24}]


def test_a_few_clips_that_an_encoder_could_not_hear_cost_their_votes_only(model, judged):
    ears = EncoderFactory(key="ears")
    hear_all(judged, AUDIO, hidden_kind(model))
    hear_all(judged[:22], ears.kind)
    taste = fitted()
    assert taste.kinds == [AUDIO, hidden_kind(model), ears.kind] and taste.votes == 11
    assert taste.report["left_out"] == 1 and taste.report["kinds_left_out"] == []


def test_the_sound_itself_is_enough(model, judged):
    EncoderFactory(), EncoderFactory(is_active=False)
    hear_all(judged, AUDIO)
    taste = fitted()
    assert taste.kinds == [AUDIO] and taste.votes == 12
    assert len(taste.report["kinds_left_out"]) == 2


def test_the_command_says_what_was_left_out(model, judged):
    EncoderFactory(key="ears")
    hear_all(judged, AUDIO, hidden_kind(model))
    told = io.StringIO()
    call_command("fit_taste", "warmth", stdout=told)
    assert "Left out: the encoder “ears”, known of 0 of 24 judged clips." in told.getvalue()


def test_a_taste_keeps_its_ears_and_its_next_version_takes_those_there_are(model, judged, curator):
    ears = EncoderFactory(key="ears")
    hear_all(judged, AUDIO, hidden_kind(model), ears.kind)
    with_ears = fitted()
    deactivate_encoder(encoder=ears, actor=curator)
    without = fitted()
    assert (with_ears.version, without.version) == (1, 2)
    assert without.kinds == [AUDIO, hidden_kind(model)] and without.report["kinds_left_out"] == []
    fresh = AudioSampleFactory(job__base_model=model, job__completed=True, stored=False)
    heard(fresh, 1.0, AUDIO, hidden_kind(model))
    assert score(with_ears, [fresh.pk]) == 0 and score(without, [fresh.pk]) == 1
    remove_encoder(encoder=Encoder.objects.get(), actor=curator)
    assert fitted().kinds == [AUDIO, hidden_kind(model)]
