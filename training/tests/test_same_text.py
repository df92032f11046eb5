"""Splits and suites go by what was asked, whatever prompt it came with, in every door from votes to training."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from datasets_app.building.filters import FilterSpec
from datasets_app.building.selection import count_rows, readiness
from datasets_app.building.writing import content_hash
from datasets_app.exceptions import InvalidRow, NoRows
from datasets_app.formats.exports import write_file
from datasets_app.formats.rows import to_json
from datasets_app.models import Dataset, DatasetItem
from datasets_app.services.imports import import_dataset
from datasets_app.tests.factories import built, clips, prefer, rated, rater
from generation.tests.factories import BaseModelFactory
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from training.config import Method
from training.runs.items import load_items

pytestmark = pytest.mark.django_db
SPELLINGS = ("Calm piano", "calm piano.", " CALM  PIANO ", "calm piano!", "ｃａｌｍ piano", "calm\npiano")


def asked(text: str) -> Any:
    return PromptFactory(text=text)


def same_text_in_many_prompts(kind: str) -> None:
    """One text in six prompts, and eight more texts; one base model, one rater."""
    judge, base = rater(), BaseModelFactory()
    for text in (*SPELLINGS, *(f"tune number {n}" for n in range(8))):
        if kind == "supervised":
            rated([5, 2], [judge], prompt=asked(text), base_model=base)
        else:
            prefer(*clips(2, prompt=asked(text), base_model=base), judge)


KINDS = pytest.mark.parametrize("kind", ["supervised", "preference"])


@KINDS
@pytest.mark.parametrize("seed", range(4))
def test_one_text_is_in_one_split(kind: str, seed: int) -> None:
    same_text_in_many_prompts(kind)
    dataset = built(kind, seed=seed)
    splits: dict[str, set[str]] = {}
    for item in dataset.items.select_related("prompt"):
        splits.setdefault(item.prompt.text_key, set()).add(item.split)
    assert len(splits) == 9 and all(len(found) == 1 for found in splits.values())
    figures = dataset.statistics
    assert (figures["prompts"], figures["largest_prompt"]) == (9, 12 if kind == "supervised" else 6)
    assert sum(split["prompts"] for split in figures["splits"].values()) == 9


@KINDS
def test_a_text_of_a_frozen_suite_enters_under_no_prompt(kind: str) -> None:
    same_text_in_many_prompts(kind)
    PromptSuiteFactory(prompts=[asked("calm piano")], frozen=True)
    dataset = built(kind)
    assert not [text for text in dataset.items.values_list("asked", flat=True) if "number" not in text]
    assert count_rows(kind, FilterSpec()) == dataset.row_count == (16 if kind == "supervised" else 8)
    assert readiness(None)[0 if kind == "supervised" else 1].have == 8
    PromptSuiteFactory(prompts=[asked(f"Tune number {n}!") for n in range(8)], frozen=True)
    with pytest.raises(NoRows):
        built(kind)


def test_votes_on_clips_of_two_prompts_are_one_pair() -> None:
    """Whichever of the two was shown first, and however the texts are batched."""
    base = BaseModelFactory()
    first, second = (clips(1, prompt=asked("calm piano"), base_model=base)[0] for _ in range(2))
    for n in range(25):
        prefer(*clips(2, prompt=asked(f"tune {n}"), base_model=base))
    prefer(first, second, rater(1.0))
    prefer(second, first, rater(0.5), winner="b")
    prefer(second, first, rater(0.2))
    item = built("preference").items.get(votes=3)
    assert (item.chosen.sample, item.rejected.sample) == (first, second)


def test_the_whole_prompt_decides_and_not_what_was_read_of_it() -> None:
    base = BaseModelFactory()
    for n in range(12):
        (sample,) = rated([5], prompt=asked(f"a long story, chapter {n}"), base_model=base)
        type(sample).objects.filter(pk=sample.pk).update(rendered_text="a long story")
    dataset = built(seed=3)
    assert dataset.items.values("text_key").distinct().count() == dataset.statistics["prompts"] == 12
    assert set(dataset.items.values_list("text", flat=True)) == {"a long story"}
    assert len([rows for _, rows in dataset.splits if rows]) > 1
    items = load_items(dataset, Method.SFT)
    assert items.training and not items.validation, "the model reads one text, so there is nothing to validate on"


# -- files -------------------------------------------------------------------------------------------------------------


def exported(tmp_path: Path, kind: str = "supervised", form: str = "jsonl") -> tuple[Dataset, Path]:
    dataset = built(kind)
    path = tmp_path / f"{kind}.{form}"
    write_file(dataset, form, path)
    return dataset, path


def changed(path: Path, **values: Any) -> Path:
    """The same rows, of which the last has these values, or lacks those that are None."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[-1] = {name: value for name, value in (rows[-1] | values).items() if value is not None}
    other = path.with_name("changed.jsonl")
    other.write_text("\n".join(map(json.dumps, rows)))
    return other


DOORS = {
    "import": lambda path: import_dataset(actor=None, path=path, name="File", worker="w"),
    "train": lambda path: load_items(path, Method.SFT),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_file_with_a_text_in_two_splits_is_refused(door: str, tmp_path: Path) -> None:
    rated([5], prompt=asked("calm piano"))
    rated([5], prompt=asked("calm piano at night"))
    rated([4], prompt=asked("Calm piano!"))
    _, path = exported(tmp_path)
    same = next(row for row in map(json.loads, path.read_text().splitlines()) if row["asked"] == "Calm piano!")
    others = [line for line in path.read_text().splitlines() if json.loads(line)["id"] != same["id"]]
    path.write_text("\n".join([*others, json.dumps(same | {"split": "validation"})]))
    with pytest.raises(InvalidRow, match="in several splits"):
        DOORS[door](path)
    assert Dataset.objects.count() == 1


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "values",
    [{"asked": "CALM piano."}, {"asked": None, "text": "Calm  piano"}, {"text": "calm piano"}],
    ids=["asked", "of an earlier release", "read"],
)
def test_a_file_with_a_text_of_a_frozen_suite_is_refused(door: str, values: dict[str, Any], tmp_path: Path) -> None:
    rated([5], prompt=asked("a tune"))
    rated([5], prompt=asked("another tune"))
    _, path = exported(tmp_path)
    PromptSuiteFactory(prompts=[asked("calm piano")], frozen=True)
    DOORS[door](path)
    with pytest.raises(InvalidRow, match="frozen suite"):
        DOORS[door](changed(path, prompt_id="7f0a2c5e-9d3b-5c8a-9a53-6d1b7c6a4e21", **values))


@KINDS
@pytest.mark.parametrize("form", ["jsonl", "huggingface"])
def test_what_was_asked_goes_along_with_the_rows(kind: str, form: str, tmp_path: Path) -> None:
    same_text_in_many_prompts(kind)
    dataset, path = exported(tmp_path, kind, form)
    again = import_dataset(actor=None, path=path, name="Again", worker="w")
    assert again.content_hash == dataset.content_hash
    both = [set(d.items.values_list("row_id", "asked", "text_key", "split")) for d in (dataset, again)]
    assert both[0] == both[1]
    assert {item.to_row(codes=False).asked for item in again.items.all()} >= {"Calm piano", "tune number 3"}


def test_datasets_of_earlier_releases_keep_their_hash_and_validate_on_no_text_they_train_on() -> None:
    """They held out by the prompts' ids, and their rows do not say what was asked."""
    base = BaseModelFactory()
    for text in ("calm piano", "Calm piano.", "a tune"):
        rated([5], prompt=asked(text), base_model=base)
    dataset = built()
    items = DatasetItem.objects.filter(dataset=dataset)
    Dataset.objects.filter(pk=dataset.pk).update(state="building", content_hash="", built_at=None)
    items.update(asked="", text_key="", split="train")
    items.exclude(prompt__text="calm piano").update(split="validation")
    old_hash = content_hash(dataset)
    importlib.import_module("datasets_app.migrations.0004_text_key_and_notes").fill(apps, None)
    Dataset.objects.filter(pk=dataset.pk).update(state="ready", content_hash=old_hash, built_at=dataset.built_at)
    assert items.values("text_key").distinct().count() == 2
    assert content_hash(dataset) == old_hash
    assert not any("asked" in to_json(item.to_row(codes=False)) for item in items)
    dataset.refresh_from_db()
    found = load_items(dataset, Method.SFT)
    assert [item.text for item in found.training] == ["calm piano"]
    assert [item.text for item in found.validation] == ["a tune"]
