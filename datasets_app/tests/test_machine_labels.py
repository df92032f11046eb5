"""Pairs that a taste labels: which, how many, how they are marked, and what they must not teach."""

from __future__ import annotations

import io
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import soundfile
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from adapters.models import Taste
from datasets_app import services
from datasets_app.building.filters import FilterSpec
from datasets_app.building.machine_labels import labels_for
from datasets_app.exceptions import InvalidFilters, NothingLabelled
from datasets_app.formats.rows import canonical, to_json
from datasets_app.tasks import build_datasets
from datasets_app.tests.factories import (
    built,
    clips,
    compared_prompts,
    heard,
    heard_prompts,
    prefer,
    rater,
    seed_that_trains_on,
    taste,
)
from feedback.models import Preference
from feedback.services import rank
from feedback.tests.factories import CriterionFactory, RatingFactory
from generation.models import AudioSample, BaseModel, ClipFeatures
from generation.tests.factories import BaseModelFactory
from prompts.models import Prompt
from prompts.tests.factories import PromptSuiteFactory
from text2song.exceptions import Forbidden
from text2song.tests.factories import UserFactory
from training.tastes.votes import votes_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> BaseModel:
    return BaseModelFactory()


def alone(anna: Taste, **filters: Any) -> FilterSpec:
    """The filters of a dataset of the taste's labels alone."""
    return FilterSpec.from_mapping({"taste": str(anna.pk), "taste_share": 1, **filters}, "preference")


def named(anna: Taste, **filters: Any) -> set[tuple[Any, Any]]:
    """Chosen and rejected of the pairs it labels, where there is one text alone."""
    return {(pair.chosen.sample, pair.rejected.sample) for pair in labels_for(alone(anna, **filters)).pairs}


def clicks(tempo: int, sample_rate: int = 8000, seconds: int = 10) -> bytes:
    """FLAC of a click on every beat."""
    audio = np.zeros(sample_rate * seconds)
    for beat in range(int(seconds * tempo / 60)):
        start = int(beat * 60 / tempo * sample_rate)
        click = audio[start : start + 400]
        click += 0.5 * np.sin(np.arange(len(click)) * 0.9) * np.exp(-np.arange(len(click)) / 80)
    buffer = io.BytesIO()
    soundfile.write(buffer, audio, sample_rate, format="FLAC")
    return buffer.getvalue()


def text(of_prompt: list[AudioSample]) -> str:
    return of_prompt[0].job.prompt.text_key


# -- which pairs -----------------------------------------------------------------------------------------------------


def test_the_best_two_clips_of_a_text_stand_against_the_worst_two(base: BaseModel) -> None:
    (made,) = heard_prompts(1, base, (3, 2.5, 0.1, -2.5, -3))
    first, second, _, fourth, fifth = (sample.pk for sample in made)
    assert named(taste(base)) == {(a, b) for a in (first, second) for b in (fourth, fifth)}


def test_no_clip_is_in_more_pairs_than_the_root_of_their_number(base: BaseModel) -> None:
    (made,) = heard_prompts(1, base, (3, 1, 0.5, -3))
    first, second, third, fourth = (sample.pk for sample in made)
    assert named(taste(base)) == {(first, fourth), (second, fourth), (first, third)}


def test_a_text_has_at_most_so_many_pairs(base: BaseModel) -> None:
    made = heard_prompts(2, base)
    anna, seed = taste(base), seed_that_trains_on(made)
    for most in (1, 2, 3):
        found = Counter(pair.asked for pair in labels_for(alone(anna, taste_pairs=most), seed).pairs)
        assert found == {text(of_prompt): most for of_prompt in made}


def test_only_pairs_of_which_it_is_sure_are_labelled(base: BaseModel) -> None:
    (made,) = heard_prompts(1, base, (1.2, 0.6, 0.0))
    first, _, third = (sample.pk for sample in made)
    assert named(taste(base)) == {(first, third)}  # 1 / (1 + exp(-1.2)) is 77 %, of 0.6 it is 65 %
    with pytest.raises(NothingLabelled, match="75% sure of no pair"):
        labels_for(alone(taste(base, spread=1.5, name="ben")))


def test_pairs_that_anybody_judged_are_left_to_people(base: BaseModel) -> None:
    (made,) = heard_prompts(1, base, (2, 0.2, -2))
    first, second, third = made
    prefer(third, first)
    found = named(taste(base))
    assert (first.pk, third.pk) not in found
    assert found == {(first.pk, second.pk), (second.pk, third.pk)}


@pytest.mark.parametrize(
    ("stars", "by", "filters", "is_left_out"),
    [
        ((2, 5), {}, {}, True),
        ((5, 2), {}, {}, False),
        ((4, 4), {}, {}, False),
        ((2, 5), {}, {"raters": ["olga"]}, True),
        ((2, 5), {}, {"raters": ["somebody"]}, False),
        ((2, 5), {"weight": 0.2}, {"min_rater_weight": 0.5}, False),
        ((2, 5), {"weight": 0.0}, {}, False),
        ((2, 5), {}, {"until": "2020-01-01"}, False),
    ],
)
def test_no_label_says_the_opposite_of_a_counted_rater_s_stars(
    base: BaseModel, stars: tuple[int, int], by: dict[str, Any], filters: dict[str, Any], is_left_out: bool
) -> None:
    (made,) = heard_prompts(1, base, (2, -2))
    AudioSample.objects.update(created_at="2019-01-01T00:00:00Z")
    olga = rater(**by)
    type(olga).objects.filter(pk=olga.pk).update(username="olga")
    UserFactory(username="somebody")
    for sample, score in zip(made, stars, strict=True):
        RatingFactory(sample=sample, score=score, rater=olga, criterion=CriterionFactory(slug="overall"))
    if is_left_out:
        with pytest.raises(NothingLabelled):
            labels_for(alone(taste(base), **filters))
    else:
        assert named(taste(base), **filters) == {(made[0].pk, made[1].pk)}


def test_one_rater_of_several_is_enough_and_stars_of_two_people_are_no_comparison(
    base: BaseModel,
) -> None:
    (made,) = heard_prompts(1, base, (2, 0.1, -2))
    first, second, third = made
    overall, ben = CriterionFactory(slug="overall"), rater()
    said = [(first, 5, rater()), (third, 1, rater()), (first, 1, ben), (third, 3, ben), (second, 5, rater())]
    for sample, score, by in said:
        RatingFactory(sample=sample, score=score, rater=by, criterion=overall)
    assert named(taste(base)) == {(first.pk, second.pk), (second.pk, third.pk)}


def test_a_ranking_leaves_no_pair_of_its_clips_to_a_taste(base: BaseModel) -> None:
    (made,) = heard_prompts(1, base, (3, 0, -3))
    first, second, third = made
    rank(samples=[third, second], rater=rater())
    assert named(taste(base)) == {(first.pk, second.pk), (first.pk, third.pk)}


def test_copies_of_one_clip_are_no_pair(base: BaseModel) -> None:
    (made,) = heard_prompts(1, base, (2, -1, -2))
    AudioSample.objects.filter(pk=made[2].pk).update(sha256=made[0].sha256)
    assert named(taste(base)) == {(made[0].pk, made[1].pk)}


def test_frozen_suites_other_models_and_what_the_filters_leave_out_are_not_labelled(base: BaseModel) -> None:
    frozen, other, wanted, old = made = heard_prompts(4, base)
    PromptSuiteFactory(prompts=[frozen[0].job.prompt], frozen=True)
    heard_prompts(1, BaseModelFactory())
    AudioSample.objects.filter(job=old[0].job).update(created_at="2020-01-01T00:00:00Z")
    anna, seed = taste(base), seed_that_trains_on(made)

    def labelled(**filters: Any) -> set[str]:
        return {pair.asked for pair in labels_for(alone(anna, **filters), seed).pairs}

    assert labelled() == {text(other), text(wanted), text(old)}
    assert labelled(since="2021-01-01") == {text(other), text(wanted)}
    assert labelled(until="2021-01-01") == {text(old)}
    assert labelled(prompts=[str(wanted[0].job.prompt_id)]) == {text(wanted)}


# -- how many --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "most"), [(0.5, 3), (0.8, 12), (0.2, 0)])
def test_a_taste_labels_at_most_its_share_of_the_rows(base: BaseModel, share: float, most: int) -> None:
    judged, unjudged = [clips(2, base_model=base) for _ in range(3)], heard_prompts(5, base)
    for pair in judged:
        prefer(*pair)
    anna, seed = taste(base), seed_that_trains_on([*judged, *unjudged])
    spec = FilterSpec.from_mapping({"taste": str(anna.pk), "taste_share": share}, "preference")
    if not most:
        with pytest.raises(NothingLabelled, match=r"judged 3 pairs .* share of 0\.2"):
            labels_for(spec, seed)
        return
    found = labels_for(spec, seed).pairs
    assert len(found) == most
    assert min(pair.certainty for pair in found) > 0.9
    texts = Counter(pair.asked for pair in found)
    assert max(texts.values()) - min(texts.values()) <= 1 and len(texts) == min(most, 5)


def test_where_room_is_short_every_text_has_its_surest_pair_before_any_has_two(base: BaseModel) -> None:
    judged = [clips(2, base_model=base) for _ in range(3)]
    for pair in judged:
        prefer(*pair)
    unjudged = [*heard_prompts(1, base, (6, 5.9, -5.9, -6)), *heard_prompts(2, base, (1, -1))]
    spec = FilterSpec.from_mapping({"taste": str(taste(base).pk), "taste_share": 0.5}, "preference")
    found = labels_for(spec, seed_that_trains_on([*judged, *unjudged])).pairs
    assert sorted(pair.asked for pair in found) == sorted(map(text, unjudged))


def test_without_a_judged_pair_labels_have_to_be_wanted_alone(base: BaseModel) -> None:
    heard_prompts(1, base)
    anna = taste(base)
    with pytest.raises(NothingLabelled, match="People judged no pair"):
        labels_for(FilterSpec.from_mapping({"taste": str(anna.pk)}, "preference"))
    assert len(labels_for(alone(anna)).pairs) == 4


def test_held_out_texts_are_people_s_where_they_judged_enough(base: BaseModel) -> None:
    held = heard_prompts(1, base, (3, 2, 1, 0, -1, -2))
    made = [*held, *heard_prompts(2, base)]
    anna, seed = taste(base), seed_that_trains_on(made, held_out=1)
    assert text(held[0]) in {pair.asked for pair in labels_for(alone(anna), seed).pairs}
    for worse in held[0][1:]:
        prefer(held[0][0], worse)
    assert {pair.asked for pair in labels_for(alone(anna), seed).pairs} == {text(made[1]), text(made[2])}
    dataset = built("preference", {"taste": str(anna.pk)}, seed=seed)
    assert set(dataset.items.filter(split="validation").values_list("judge", flat=True)) == {""}
    assert dataset.statistics["labelled"]["splits"] == {"train": 8, "validation": 0, "test": 0}


# -- what they must not teach ----------------------------------------------------------------------------------------


def test_a_pair_whose_chosen_clip_is_noisier_is_left_out(base: BaseModel) -> None:
    (made,) = heard_prompts(1, base, (2, -2))
    heard(made[0], 2, noise=0.21)
    heard(made[1], -2, noise=0.2)
    with pytest.raises(NothingLabelled, match="noise"):
        labels_for(alone(taste(base)))
    heard(made[0], -2, noise=0.21)
    heard(made[1], 2, noise=0.2)
    assert named(taste(base)) == {(made[1].pk, made[0].pk)}


def test_a_noisier_one_is_left_out_though_others_make_up_for_it(base: BaseModel) -> None:
    made = heard_prompts(4, base, (2, -2))
    for noise, (chosen, rejected) in zip((0.28, 0.21, 0.2, 0.02), made, strict=True):
        heard(chosen, 2, noise=noise)
        heard(rejected, -2, noise=0.2)
    found = labels_for(alone(taste(base)), seed_that_trains_on(made))
    assert {pair.asked for pair in found.pairs} == {text(made[2]), text(made[3])}
    told = next(rule for rule in found.to_mapping()["watched"] if rule["key"] == "noise")
    assert told["without"] == {"chosen": pytest.approx(0.1775, abs=1e-5), "rejected": pytest.approx(0.2, abs=1e-5)}
    assert told["with"]["chosen"] == pytest.approx(0.11, abs=1e-5) and told["left_out"] == 2


def test_chosen_clips_are_on_the_whole_no_louder_than_the_guard_allows(base: BaseModel) -> None:
    """None is too loud by itself; the loudest go until the means are 3 dB apart."""
    made = heard_prompts(6, base, (2, -2))
    for gain, (chosen, _) in zip((5.5, 5.0, 4.5, 2.0, 1.5, 1.0), made, strict=True):
        AudioSample.objects.filter(pk=chosen.pk).update(gain_db=-gain, true_peak_db=-20.0)
    found = labels_for(alone(taste(base)), seed_that_trains_on(made))
    assert len(found.free) == 6 and {pair.asked for pair in found.pairs} == {text(pair) for pair in made[1:]}
    told = next(rule for rule in found.to_mapping()["watched"] if rule["key"] == "louder")
    assert told["left_out"] == 0 and told["with"]["chosen"] - told["with"]["rejected"] == pytest.approx(2.8)


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"gain_db": 40.0}, "silent"),
        ({"true_peak_db": 1.0}, "clipped"),
        ({"gain_db": -6.5, "true_peak_db": -20.0}, "louder"),
        ({"gain_db": 6.5}, "quieter"),
    ],
)
def test_what_guards_watch_is_not_taught(base: BaseModel, facts: dict[str, float], key: str) -> None:
    (made,) = heard_prompts(1, base, (2, 1.9, -2))
    AudioSample.objects.filter(pk=made[0].pk).update(**facts)
    found = labels_for(alone(taste(base)))
    assert {pair.chosen.sample for pair in found.pairs} == {made[1].pk}
    rules = {rule["key"]: rule for rule in found.to_mapping()["watched"]}
    assert rules[key]["left_out"] == 1 and rules["noise"]["left_out"] == 0


def test_a_pair_whose_chosen_clip_lost_the_tempo_asked_for_is_left_out_when_built(base: BaseModel) -> None:
    (made,) = heard_prompts(1, base, (2, 1.9, -1.9, -2))
    Prompt.objects.filter(pk=made[0].job.prompt_id).update(tempo=120)
    for sample, tempo in zip(made, (75, 120, 120, 75), strict=True):
        sample.audio_file.save(f"clicks-{sample.pk}.flac", ContentFile(clicks(tempo)))
    anna = taste(base)
    assert len(labels_for(alone(anna)).pairs) == 4
    dataset = built("preference", {"taste": str(anna.pk), "taste_share": 1})
    lost, kept, also_kept, also_lost = made
    found = {(item.chosen.sample, item.rejected.sample) for item in dataset.items.all()}
    assert found == {(lost, also_lost), (kept, also_kept), (kept, also_lost)}
    rule = next(rule for rule in dataset.statistics["labels"]["watched"] if rule["key"] == "tempo")
    assert rule["left_out"] == 1 and rule["without"]["chosen"] == 0.5
    assert rule["with"]["chosen"] == pytest.approx(2 / 3, abs=1e-5)


# -- which tastes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"is_usable": False}, "cannot be relied on yet"),
        ({"deleted_at": "2026-01-01T00:00:00Z"}, "is deleted"),
        ({"base_revision": "another"}, "other files"),
    ],
)
def test_a_taste_that_may_not_label_is_refused_when_chosen_and_when_built(
    base: BaseModel, change: dict[str, Any], words: str
) -> None:
    heard_prompts(1, base)
    anna = taste(base)
    waiting = services.create_dataset(
        actor=None, name="Waits", kind="preference", filters={"taste": str(anna.pk), "taste_share": 1}
    )
    Taste.objects.filter(pk=anna.pk).update(**change)
    with pytest.raises(InvalidFilters, match=words) as refusal:
        alone(anna)
    assert list(refusal.value.fields) == ["taste"]
    build_datasets(str(waiting.pk))
    waiting.refresh_from_db()
    assert waiting.state == "failed" and words in waiting.error


def test_a_taste_of_another_model_than_chosen_or_nothing_heard_is_said(base: BaseModel) -> None:
    (made,) = heard_prompts(1, base)
    anna = taste(base)
    with pytest.raises(InvalidFilters, match=f"hears clips of {base.key} only"):
        alone(anna, base_models=[BaseModelFactory().key])
    ClipFeatures.objects.all().delete()
    with pytest.raises(NothingLabelled, match="No clip under these filters has been heard"):
        labels_for(alone(anna))
    assert made


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"taste": "anna"}, "taste", "give the id of a taste"),
        ({"taste": "00000000-0000-0000-0000-000000000000"}, "taste", "there is no taste"),
        ({"taste_share": 0.5}, "taste_share", "choose a taste too"),
        ({"taste_pairs": 2}, "taste_pairs", "choose a taste too"),
    ],
)
def test_what_cannot_be_a_taste_is_refused(values: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidFilters, match=words) as refusal:
        FilterSpec.from_mapping(values, "preference")
    assert list(refusal.value.fields) == [field]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("taste_share", 0, "above 0"),
        ("taste_share", 1.5, "from 0 to 1"),
        ("taste_pairs", 0, "from 1 to 16"),
        ("taste_pairs", 2.5, "whole number"),
    ],
)
def test_shares_and_pairs_have_their_range(base: BaseModel, name: str, value: float, words: str) -> None:
    with pytest.raises(InvalidFilters, match=words) as refusal:
        alone(taste(base), **{name: value})
    assert list(refusal.value.fields) == [name]


def test_rated_clips_are_not_labelled(base: BaseModel) -> None:
    with pytest.raises(InvalidFilters, match="choose a preference dataset"):
        FilterSpec.from_mapping({"taste": str(taste(base).pk)}, "supervised")


def test_a_count_asks_the_database_as_often_however_many_clips_and_votes_there_are(base: BaseModel) -> None:
    def queries(made: list[list[AudioSample]]) -> int:
        anna = Taste.objects.first() or taste(base)
        seed = seed_that_trains_on(made)
        with CaptureQueriesContext(connection) as asked:
            labels_for(alone(anna), seed)
        return len(asked)

    few = heard_prompts(2, base)
    once = queries(few)
    many = heard_prompts(3, base, (3, 2, 1, 0, -1, -2, -3))
    for of_prompt in many:
        for better, worse in pairwise(of_prompt):
            prefer(better, worse)
    assert queries([*few, *many]) == once <= 12


# -- rows ------------------------------------------------------------------------------------------------------------


def test_rows_are_marked_and_nothing_becomes_a_vote(base: BaseModel) -> None:
    judged, unjudged = clips(2, base_model=base), heard_prompts(1, base, (2, -2))
    prefer(*judged, rater(0.8))
    votes = Preference.objects.count()
    anna, seed = taste(base), seed_that_trains_on([judged, *unjudged])
    dataset = built("preference", {"taste": str(anna.pk)}, seed=seed)
    people, machine = dataset.items.order_by("judge")
    assert (people.judge, people.labelled_by, people.votes, people.weight) == ("", None, 1, 0.8)
    assert (machine.judge, machine.labelled_by, machine.votes) == ("taste anna@1", anna, 0)
    assert machine.margin == machine.weight == pytest.approx(2 / (1 + 2.718281828**-4) - 1, abs=1e-5)
    assert machine.chosen is not None and machine.chosen.sample == unjudged[0][0]
    assert Preference.objects.count() == votes
    assert dataset.statistics["labelled"] == {
        "rows": 1,
        "judged": 1,
        "judges": {"taste anna@1": 1},
        "splits": {"train": 1, "validation": 0, "test": 0},
    }
    assert dataset.statistics["labels"]["accuracy"]["value"] == 0.8
    assert dataset.statistics["margins"]["1"] == dataset.statistics["labels"]["margins"]["1"] == 1
    assert any("labelled by the taste anna@1" in advice for advice in dataset.statistics["recommendations"])


def test_without_a_taste_nothing_changes_and_with_one_the_rows_of_people_stay_the_same(base: BaseModel) -> None:
    seed = seed_that_trains_on([*compared_prompts(2), *heard_prompts(2, base)])
    plain = built("preference", seed=seed)
    assert "labelled" not in plain.statistics and "judge" not in to_json(plain.items.first().to_row())
    labelled = built("preference", {"taste": str(taste(base).pk), "taste_share": 1}, seed=seed)
    rows = [canonical(item.to_row(codes=False)) for item in plain.items.by_prompt()]
    assert [canonical(item.to_row(codes=False)) for item in labelled.items.filter(judge="").by_prompt()] == rows
    assert labelled.content_hash != plain.content_hash


def test_a_taste_learns_nothing_from_labels_of_a_taste(base: BaseModel) -> None:
    judged, unjudged = clips(2, base_model=base), heard_prompts(1, base)
    prefer(*judged)
    dataset = built("preference", {"taste": str(taste(base).pk)}, seed=seed_that_trains_on([judged, *unjudged]))
    assert dataset.row_count == 5
    (vote,) = votes_in(dataset)
    assert {vote.left, vote.right} == {sample.pk for sample in judged}


def test_only_curators_build_with_a_taste(base: BaseModel) -> None:
    heard_prompts(1, base)
    values: dict[str, Any] = {"kind": "preference", "filters": {"taste": str(taste(base).pk), "taste_share": 1}}
    with pytest.raises(Forbidden):
        services.create_dataset(actor=UserFactory(), name="Mine", **values)
    dataset = services.create_dataset(actor=UserFactory(is_staff=True), name="Mine", **values)
    assert dataset.rows_total == 4
    assert services.preview(actor=None, **values) == 4
