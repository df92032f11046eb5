"""What is in a dataset, and that it stays so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from datasets_app.building.builder import build
from datasets_app.building.selection import readiness
from datasets_app.building.splits import assign_splits
from datasets_app.building.writing import Writer, content_hash, seal
from datasets_app.exceptions import DatasetIsImmutable, NoRows
from datasets_app.formats.rows import codes_digest
from datasets_app.models import Clip, Dataset, DatasetItem
from datasets_app.services import create_dataset
from datasets_app.tests.factories import (
    built,
    clips,
    clips_of_two_models,
    compared_prompts,
    prefer,
    rated,
    rated_prompts,
    rater,
    seed_with_every_split,
    seed_with_other_splits,
)
from feedback.models import Preference, Ranking, Rating
from feedback.tests.factories import ClipPairFactory, PreferenceFactory, SampleTagFactory, TagFactory, TrialFactory
from generation.models import AudioSample, GenerationJob
from generation.services import delete_job
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from prompts.wording.sameness import text_key
from text2song import work
from text2song.work import ClaimLost

pytestmark = pytest.mark.django_db


# -- supervised ----------------------------------------------------------------------------------------------------


def test_a_rating_is_the_mean_weighted_by_reliability() -> None:
    sample = rated([5], [rater(0.9)])[0]
    Rating.objects.create(sample=sample, criterion=Rating.objects.get().criterion, rater=rater(0.3), score=1)
    item = built().items.get()
    assert item.rating == pytest.approx((0.9 * 5 + 0.3 * 1) / 1.2)  # 4.0
    assert item.weight == pytest.approx(1.2)
    assert item.votes == 2
    assert item.sample.sample == sample
    assert item.text == sample.rendered_text
    assert item.prompt == sample.job.prompt


def test_excluded_and_weightless_raters_do_not_count() -> None:
    sample = rated([5], [rater(0.5)])[0]
    criterion = Rating.objects.get().criterion
    for judge in (rater(1.0, is_excluded=True), rater(0.0)):
        Rating.objects.create(sample=sample, criterion=criterion, rater=judge, score=1)
    item = built().items.get()
    assert (item.rating, item.weight, item.votes) == (5.0, 0.5, 1)


def test_a_limit_is_inclusive_although_sums_are_not_exact() -> None:
    rated([4], [rater(0.7), rater(0.1), rater(0.2)])
    assert built(filters={"min_rating": 4, "max_rating": 4}).row_count == 1


def test_tags_of_a_clip_are_frozen() -> None:
    sample = rated([5])[0]
    SampleTagFactory(sample=sample, tag=TagFactory(name="groovy"))
    SampleTagFactory(sample=sample, tag=TagFactory(name="catchy"))
    SampleTagFactory(sample=sample, tag=TagFactory(name="noisy"), rater=rater(is_excluded=True))
    dataset = built()
    SampleTagFactory(sample=sample, tag=TagFactory(name="thin"))
    assert dataset.clips.get().tags == ["catchy", "groovy"]
    assert dataset.statistics["tags"] == {"catchy": 1, "groovy": 1}


# -- preferences ---------------------------------------------------------------------------------------------------


def test_votes_on_a_pair_are_pooled_and_weighted() -> None:
    better, worse = clips(2)
    prefer(better, worse, rater(0.9))
    prefer(worse, better, rater(0.5), winner="b")  # the same clip wins, shown on the other side
    prefer(worse, better, rater(0.2))
    prefer(better, worse, rater(1.0), winner="tie")
    prefer(better, worse, rater(1.0, is_excluded=True), winner="b")
    item = built("preference").items.get()
    assert (item.chosen.sample, item.rejected.sample) == (better, worse)
    assert item.weight == pytest.approx(2.6)  # 0.9 + 0.5 + 0.2, and the tie's 1.0
    assert item.margin == pytest.approx((1.4 - 0.2) / 2.6, abs=1e-6)
    assert item.votes == 4


def test_the_weightier_side_wins_against_the_larger_number() -> None:
    first, second = clips(2)
    prefer(first, second, rater(0.2))
    prefer(first, second, rater(0.2))
    prefer(second, first, rater(0.9))
    item = built("preference").items.get()
    assert (item.chosen.sample, item.margin) == (second, pytest.approx(0.5 / 1.3, abs=1e-6))


def test_votes_of_all_sources_count_together() -> None:
    better, worse = clips_of_two_models()
    prefer(better, worse, rater(0.5))
    ranking = Ranking.objects.create(rater=rater(0.4), set_key="x")
    votes = {"sample_a": better, "sample_b": worse, "winner": "a"}
    PreferenceFactory(**votes, source="ranking", ranking=ranking, rater=ranking.rater)
    pair = ClipPairFactory(sample_x=better, sample_y=worse, test__state="completed")
    trial = TrialFactory(pair=pair, rater=rater(0.3))
    PreferenceFactory(**votes, source="trial", trial=trial, rater=trial.rater)
    item = built("preference").items.get()
    assert (item.votes, item.weight) == (3, pytest.approx(1.2))


def test_votes_of_a_test_that_goes_on_are_left_out() -> None:
    better, worse = clips_of_two_models()
    GenerationJob.objects.filter(samples__in=[better, worse]).update(withheld=True)
    pair = ClipPairFactory(sample_x=better, sample_y=worse, test__state="active")
    trial = TrialFactory(pair=pair)
    PreferenceFactory(sample_a=better, sample_b=worse, source="trial", trial=trial, rater=trial.rater)
    with pytest.raises(NoRows):
        built("preference")


def test_ties_are_rows_without_a_winner_and_both_bad_is_none() -> None:
    (a, b), (c, d), (e, f), (g, h) = clips(2), clips(2), clips(2), clips(2)
    prefer(a, b)
    prefer(c, d, rater(0.7), winner="tie")
    prefer(g, h, winner="both_bad")
    prefer(e, f, rater(0.5))
    prefer(f, e, rater(0.5))  # balanced: nobody wins
    dataset = built("preference")
    rows = {
        frozenset((item.chosen.sample, item.rejected.sample)): (item.margin, item.weight, item.votes)
        for item in dataset.items.all()
    }
    assert rows == {
        frozenset((a, b)): (1.0, 1.0, 1),
        frozenset((c, d)): (0.0, 0.7, 1),
        frozenset((e, f)): (0.0, 1.0, 2),
    }
    figures = dataset.statistics
    assert (figures["ties"], figures["both_bad"], figures["equal_pairs"]) == (1, 1, 2)
    assert readiness(None)[1].have == 1, "only decided pairs count towards a first training"


# -- splits and suites ---------------------------------------------------------------------------------------------


def test_splits_share_no_prompt() -> None:
    dataset = built(seed=seed_with_every_split(rated_prompts(30, scores=(5, 2, 3))))
    prompts = {
        split: set(dataset.items.filter(split=split).values_list("prompt", flat=True))
        for split in DatasetItem.Split.values
    }
    assert all(prompts.values())
    assert sum(map(len, prompts.values())) == len(set.union(*prompts.values())) == 30
    assert [rows for _, rows in dataset.splits] == [3 * len(prompts[split]) for split in DatasetItem.Split.values]


def test_splits_are_decided_by_text_and_seed_alone() -> None:
    keys = [text_key(f"text {n}") for n in range(2000)]
    splits = assign_splits(keys, 0)
    assert splits == assign_splits(list(reversed(keys)), 0)
    assert {key: splits[key] for key in keys[:200]} == assign_splits(keys[:200], 0)
    assert splits != assign_splits(keys, 1)
    shares = {name: list(splits.values()).count(name) / 2000 for name in ("train", "validation", "test")}
    assert shares == {
        "train": pytest.approx(0.8, abs=0.03),
        "validation": pytest.approx(0.1, abs=0.03),
        "test": pytest.approx(0.1, abs=0.03),
    }


@pytest.mark.parametrize("number", range(40))
def test_there_is_always_something_to_train_on(number: int) -> None:
    assert set(assign_splits([text_key(f"{number}")], 0).values()) == {"train"}


def test_empty_splits_are_told() -> None:
    rated([5, 4])
    advice = " ".join(built().statistics["recommendations"])
    assert "With 1 prompt, validation and test are empty" in advice


def test_prompts_of_frozen_suites_never_enter() -> None:
    inside, outside = rated([5])[0], rated([5])[0]
    PromptSuiteFactory(prompts=[inside.job.prompt], frozen=True)
    assert [item.sample.sample for item in built().items.all()] == [outside]
    pair = clips(2, prompt=inside.job.prompt)
    prefer(*pair)
    with pytest.raises(NoRows):
        built("preference")


# -- the same again ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "fill"), [("supervised", rated_prompts), ("preference", compared_prompts)])
def test_the_same_filters_on_the_same_data_give_the_same_hash(kind: str, fill: object) -> None:
    made = fill(6)  # type: ignore[operator]
    first, second = built(kind), built(kind, name="Again")
    assert first.content_hash == second.content_hash == content_hash(first)
    assert len(first.content_hash) == 64
    assert built(kind, seed=seed_with_other_splits(made)).content_hash != first.content_hash


def test_new_feedback_changes_a_new_dataset_and_not_the_old_one() -> None:
    sample = rated([4])[0]
    old = built()
    before = list(old.items.values())
    judge = rater(0.1)
    rating = Rating.objects.create(sample=sample, criterion=Rating.objects.get().criterion, rater=judge, score=1)
    judge.rater_profile.delete()
    assert list(old.items.values()) == before
    assert content_hash(old) == old.content_hash
    assert built().content_hash != old.content_hash
    rating.delete()
    assert built().content_hash == old.content_hash


def test_a_deleted_job_leaves_the_dataset_whole(curator: object) -> None:
    sample = rated([5])[0]
    old = built()
    delete_job(job=sample.job, actor=curator)
    assert not Rating.objects.exists()
    assert content_hash(old) == old.content_hash
    item = old.items.with_clips().get()
    assert item.to_row().sample.codes.shape == (4, 50)
    assert storages["default"].exists(item.sample.sample.audio_file.name)
    with pytest.raises(NoRows):
        built()


# -- immutability --------------------------------------------------------------------------------------------------


def test_a_built_dataset_cannot_be_changed() -> None:
    rated([5, 2])
    dataset = built()
    dataset.name = "Another name"
    with pytest.raises(DatasetIsImmutable):
        dataset.save()
    with pytest.raises(DatasetIsImmutable):
        dataset.delete()
    with pytest.raises(DatasetIsImmutable):
        Dataset.objects.all().delete()
    item = dataset.items.first()
    for part in (item, item.sample):
        with pytest.raises(DatasetIsImmutable):
            part.save()
        with pytest.raises(DatasetIsImmutable):
            part.delete()
        with pytest.raises(DatasetIsImmutable):
            type(part).objects.filter(pk=part.pk).update(pk=7)
        with pytest.raises(DatasetIsImmutable):
            type(part).objects.all().delete()
        with pytest.raises(DatasetIsImmutable):
            type(part).objects.bulk_create([part])
    dataset.refresh_from_db()
    assert (dataset.name, dataset.items.count()) == ("A dataset", 2)


def test_a_built_dataset_is_built_once() -> None:
    rated([5])
    dataset = built()
    assert not dataset.claim("another worker")
    assert not dataset.fail("no")
    assert not dataset.complete() and not dataset.hand_back()
    assert dataset.is_ready


@pytest.mark.parametrize(
    "values",
    [
        {"state": "ready", "content_hash": "", "train_rows": 1},
        {"state": "queued", "content_hash": "f" * 64},
        {"state": "unknown"},
        {"name": ""},
        {"kind": "neither"},
    ],
)
def test_the_database_refuses_impossible_datasets(values: dict[str, object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Dataset.objects.create(**{"name": "A name", "kind": "supervised"} | values)


def test_the_database_refuses_impossible_rows() -> None:
    rated([5, 4])
    dataset = built()
    item = dataset.items.first()
    others = Dataset.objects.create(name="Open", kind="supervised")
    for changes in ({"rating": 6.0}, {"weight": 0.0}, {"split": "spare"}, {"rating": None}, {"chosen": item.sample}):
        columns = [field.attname for field in DatasetItem._meta.concrete_fields if field.name != "id"]
        values = {name: getattr(item, name) for name in columns}
        row = DatasetItem(**values | {"dataset_id": others.pk})
        for name, value in changes.items():
            setattr(row, name, value)
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()


# -- building ------------------------------------------------------------------------------------------------------


def test_nothing_that_fits_is_refused_and_stores_nothing() -> None:
    rated([2])
    with pytest.raises(NoRows, match="No rated clip fits"):
        create_dataset(actor=None, name="Loved", kind="supervised", filters={"min_rating": 5})
    assert not Dataset.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_a_name_has_1_to_200_characters(name: str) -> None:
    rated([5])
    with pytest.raises(ValidationError):
        create_dataset(actor=None, name=name, kind="supervised")
    assert not Dataset.objects.exists()


def test_lost_codes_fail_the_build_with_a_sentence() -> None:
    sample = rated([5])[0]
    sample.codes_file.storage.delete(sample.codes_file.name)
    dataset = create_dataset(actor=None, name="Lost", kind="supervised", now=True)
    assert dataset.state == "failed"
    assert "cannot be read" in dataset.error


def test_a_build_taken_up_again_leaves_no_row_twice() -> None:
    rated_prompts(3)
    whole = built()
    dataset = create_dataset(actor=None, name="Interrupted", kind="supervised")
    late = Dataset.objects.get(pk=dataset.pk)
    assert late.claim("dead:1:1")
    part = whole.clips.first()
    Clip.objects.create(
        **{f.attname: getattr(part, f.attname) for f in Clip._meta.concrete_fields if f.name not in ("id", "dataset")},
        dataset=dataset,
    )
    assert work.take_up_left_behind() == 1
    dataset.refresh_from_db()
    assert dataset.claim("host:2:2")
    assert not build(late)  # came back to life: no longer its own
    assert (dataset.items.count(), dataset.clips.get().sample_key) == (0, part.sample_key)
    assert build(dataset)
    assert dataset.content_hash == whole.content_hash and dataset.items.count() == whole.items.count() == 6
    assert not build(late)
    dataset.refresh_from_db()
    assert (dataset.state, dataset.content_hash, dataset.items.count()) == ("ready", whole.content_hash, 6)


def test_a_builder_that_lost_its_claim_writes_nothing() -> None:
    rated_prompts(2)
    rows = [item.to_row() for item in built().items.with_clips()]
    samples = AudioSample.objects.in_bulk()
    late = create_dataset(actor=None, name="Interrupted", kind="supervised")
    assert late.claim("dead:1:1")
    writer = Writer(late)
    writer.write(rows[:2], samples)
    assert work.take_up_left_behind() == 1
    with pytest.raises(ClaimLost):
        writer.write(rows[2:], samples)
    with pytest.raises(ClaimLost):
        writer.clear()
    assert (late.items.count(), late.clips.count()) == (2, 2)
    winner = Dataset.objects.get(pk=late.pk)
    assert winner.claim("host:2:2") and build(winner)
    with pytest.raises(ClaimLost):
        writer.write(rows[2:], samples)
    with pytest.raises(ClaimLost):
        writer.clear()
    assert not seal(late)
    assert late.items.count() == 4 and content_hash(late) == winner.content_hash


def test_clips_from_elsewhere_are_named_by_the_claim(stored_files: Callable[..., list[str]]) -> None:
    """Two workers that build the same dataset write files of their own, and the late one's are in no row."""
    rated_prompts(1)
    rows = [item.to_row() for item in built().items.with_clips()]
    dataset = Dataset.objects.create(name="From elsewhere", kind="supervised")
    late, winner = (Dataset.objects.get(pk=dataset.pk) for _ in range(2))
    assert late.claim("dead:1:1") and work.take_up_left_behind() == 1 and winner.claim("host:2:2")
    Writer(winner).write(rows, {})
    named = sorted(clip.codes_file.name for clip in winner.clips.all())
    assert len(named) == 2 and stored_files("datasets") == named
    with pytest.raises(ClaimLost):
        Writer(late).write(rows, {})
    assert set(stored_files("datasets")) >= set(named), "none of them is overwritten or removed"
    for clip in winner.clips.all():
        assert codes_digest(clip.load_codes()) == clip.codes_sha256


def test_the_number_of_queries_does_not_grow_with_the_rows(django_assert_max_num_queries: object) -> None:
    rated_prompts(12, scores=(5, 4, 3, 2))
    with django_assert_max_num_queries(47):  # type: ignore[operator]
        built()


def test_the_command_builds_and_says_how_to_train(capsys: pytest.CaptureFixture[str]) -> None:
    rated([5, 2])
    call_command("build_dataset", "liked", "--kind", "supervised", "--min-rating", "4")
    dataset = Dataset.objects.get()
    assert (dataset.name, dataset.row_count, dataset.filters) == ("liked", 1, {"min_rating": 4.0})
    told = capsys.readouterr().out
    assert f".venv/bin/python manage.py train --dataset {dataset.pk} --method sft" in told
    assert dataset.content_hash in told
    with pytest.raises(CommandError, match="must be from 1 to 5"):
        call_command("build_dataset", "liked", "--kind", "supervised", "--min-rating", "7")
    with pytest.raises(CommandError, match="No judged pair"):
        call_command("build_dataset", "pairs", "--kind", "preference")


def test_a_prompt_deleted_later_stays_in_the_dataset() -> None:
    prompt = PromptFactory()
    rated([5], prompt=prompt)
    dataset = built()
    type(prompt).objects.filter(pk=prompt.pk).update(deleted_at="2026-01-01T00:00Z")
    assert dataset.items.get().prompt_text == prompt.text
    assert content_hash(dataset) == dataset.content_hash
    assert Preference.objects.count() == 0
