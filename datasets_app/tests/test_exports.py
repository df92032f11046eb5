"""Datasets as files, and back."""

from __future__ import annotations

import gc
import hashlib
import json
import tracemalloc
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.utils import timezone

from datasets_app.building.writing import content_hash
from datasets_app.exceptions import DatasetNotReady, InvalidRow
from datasets_app.formats import exports, huggingface
from datasets_app.formats.exports import write_file
from datasets_app.models import Dataset, DatasetItem, Export
from datasets_app.services import create_dataset, imports, start_export
from datasets_app.services.imports import import_dataset
from datasets_app.tasks import build_datasets, write_exports
from datasets_app.tests.factories import built, compared_prompts, rated, rated_prompts, rater
from feedback.tests.factories import NoteFactory, SampleTagFactory, TagFactory
from generation.models import AudioSample
from generation.sound.files import load_codes
from prompts.tests.factories import PromptSuiteFactory
from text2song import work
from text2song.exceptions import DomainError

pytestmark = pytest.mark.django_db


def jsonl(dataset: Dataset, folder: Path) -> Path:
    path = folder / "dataset.jsonl"
    write_file(dataset, "jsonl", path)
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rewritten(path: Path, change: Any) -> Path:
    """The file with every row changed in place."""
    rows = lines(path)
    for row in rows:
        change(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# -- JSON Lines ---------------------------------------------------------------------------------------------------


def test_a_supervised_row_is_self_contained(tmp_path: Path) -> None:
    sample = rated([5])[0]
    SampleTagFactory(sample=sample, tag=TagFactory(name="groovy"))
    row = lines(jsonl(built(), tmp_path))[0]
    assert row.pop("id")
    assert row == {
        "split": "train",
        "prompt_id": str(sample.job.prompt_id),
        "prompt": sample.job.prompt.text,
        "asked": sample.job.prompt.rendered_text,
        "text": sample.rendered_text,
        "weight": 1.0,
        "votes": 1,
        "rating": 5.0,
        "tags": ["groovy"],
        "sample": {
            "sample_id": str(sample.pk),
            "audio": f"audio/{sample.pk}.flac",
            "codes": load_codes(sample).tolist(),
            "seed": sample.seed,
            "duration": 1.0,
            "sample_rate": 8000,
            "model": sample.job.base_model.key,
            "base_revision": "test-revision",
            "adapter": None,
        },
    }


@pytest.mark.parametrize(("kind", "fill"), [("supervised", rated_prompts), ("preference", compared_prompts)])
@pytest.mark.parametrize("form", ["jsonl", "huggingface"])
def test_notes_go_along_with_their_clips(kind: str, fill: Any, form: str, tmp_path: Path) -> None:
    sample = fill(2)[0][0]
    without = built(kind)
    for number, text in enumerate(("The flute is\ntoo loud.", "Great drums!")):
        NoteFactory(sample=sample, text=text, rater=rater() if number else None)
    NoteFactory(sample=sample, text="Buy my records", rater=rater(is_excluded=True))
    dataset = built(kind)
    assert dataset.content_hash != without.content_hash
    path = tmp_path / f"notes.{form}"
    write_file(dataset, form, path)
    again = import_dataset(actor=None, path=path, name="Again", worker="w")
    assert again.content_hash == dataset.content_hash
    for found in (dataset, again):
        notes = {clip.sample_key: clip.notes for clip in found.clips.all()}
        assert notes.pop(sample.pk) == ["Great drums!", "The flute is\ntoo loud."] and not any(notes.values())
    assert not any(dict(clip).get("notes") for clip in without.clips.values())


def test_a_preference_row_holds_both_clips(tmp_path: Path) -> None:
    (better, worse), *_ = compared_prompts(1)
    row = lines(jsonl(built("preference"), tmp_path))[0]
    assert (row["chosen"]["sample_id"], row["rejected"]["sample_id"]) == (str(better.pk), str(worse.pk))
    assert (row["margin"], row["votes"], row["weight"]) == (1.0, 1, 1.0)
    assert row["chosen"]["codes"] == load_codes(better).tolist() != row["rejected"]["codes"]


@pytest.mark.parametrize(("kind", "fill"), [("supervised", rated_prompts), ("preference", compared_prompts)])
def test_what_is_imported_has_the_hash_of_what_was_exported(kind: str, fill: Any, tmp_path: Path) -> None:
    fill(4)
    dataset = built(kind)
    again = import_dataset(actor=None, path=jsonl(dataset, tmp_path), name="Again", worker="w")
    assert again.content_hash == dataset.content_hash == content_hash(again)
    assert (again.is_ready, again.row_count, again.splits) == (True, dataset.row_count, dataset.splits)
    assert not again.clips.exclude(codes_file="").exists()  # this studio's own samples are recognised


def test_another_studio_gets_the_codes_along(tmp_path: Path, stored_files: Any) -> None:
    def from_elsewhere(row: dict[str, Any]) -> None:
        row["prompt_id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, row["prompt_id"]))
        for name in ("chosen", "rejected"):
            row[name]["sample_id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, row[name]["sample_id"]))
            row[name]["audio"] = f"audio/{row[name]['sample_id']}.flac"

    compared_prompts(2)
    path = rewritten(jsonl(built("preference"), tmp_path), from_elsewhere)
    dataset = import_dataset(actor=None, path=path, name="From elsewhere", worker="w")
    assert dataset.clips.filter(sample__isnull=True).count() == 4
    kept = [name for name in stored_files() if name.startswith(f"datasets/{dataset.pk}/")]
    assert len(kept) == 4
    sent = lines(path)
    exported = lines(jsonl(dataset, tmp_path))
    assert [row["chosen"] for row in exported] == [row["chosen"] for row in sent]
    write_file(dataset, "huggingface", tmp_path / "elsewhere.zip")
    assert (
        import_dataset(actor=None, path=tmp_path / "elsewhere.zip", name="Third", worker="w").content_hash
        == dataset.content_hash
    )


def _set(path: str, value: Any) -> Any:
    def change(row: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for name in parents:
            row = row[name]
        row[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("rating", 6, "row 1: rating must be a number in its range"),
        ("rating", float("nan"), "rating must be"),
        ("weight", 0, "weight must be"),
        ("split", "spare", "split must be one of train, validation, test"),
        ("prompt_id", "seven", "prompt_id must be a UUID"),
        ("sample", None, "sample must be an object"),
        ("sample.codes", [[1, 2], [3]], "sample.codes must be"),
        ("sample.codes", [[1, -2]], "sample.codes must be codes from 0"),
        ("sample.codes", "x", "sample.codes must be"),
        ("sample.seed", "1", "sample.seed must be a whole number"),
        ("split", "test", "no row in the split “train”"),
    ],
)
def test_files_that_are_no_dataset_leave_nothing(
    path: str, value: Any, words: str, tmp_path: Path, stored_files: Any
) -> None:
    rated([5, 2])
    file = rewritten(jsonl(built(), tmp_path), _set(path, value))
    before = stored_files()
    with pytest.raises(InvalidRow, match=words):
        import_dataset(actor=None, path=file, name="Bad", worker="w")
    assert Dataset.objects.count() == 1
    assert stored_files() == before


def test_imports_keep_the_rules_of_datasets(tmp_path: Path) -> None:
    prompt = rated([5, 2])[0].job.prompt
    file = jsonl(built(), tmp_path)
    twice = tmp_path / "twice.jsonl"
    twice.write_text(file.read_text() * 2)
    for path, words in ((twice, "same row twice"), (tmp_path / "empty.jsonl", "holds no rows")):
        path.touch()
        with pytest.raises(InvalidRow, match=words):
            import_dataset(actor=None, path=path, name="Bad", worker="w")
    rows = lines(file)
    rows[1]["split"] = "test"
    spread = tmp_path / "spread.jsonl"
    spread.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InvalidRow, match="several splits"):
        import_dataset(actor=None, path=spread, name="Bad", worker="w")
    PromptSuiteFactory(prompts=[prompt], frozen=True)
    with pytest.raises(InvalidRow, match="frozen suite"):
        import_dataset(actor=None, path=file, name="Bad", worker="w")
    assert Dataset.objects.count() == 1


# -- Hugging Face ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "fill"), [("supervised", rated_prompts), ("preference", compared_prompts)])
def test_the_folder_loads_with_load_dataset(kind: str, fill: Any, tmp_path: Path, monkeypatch: Any) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(huggingface, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(huggingface, "ROWS_A_FILE", 4)
    fill(12)
    dataset = built(kind, name="Zażółć: “liked”", description="First of all.")
    write_file(dataset, "huggingface", tmp_path / "dataset.zip")
    with zipfile.ZipFile(tmp_path / "dataset.zip") as archive:
        archive.extractall(tmp_path / "folder")
    assert len(list((tmp_path / "folder" / "data").glob("train-*.parquet"))) == -(-dataset.train_rows // 4) > 1
    card = (tmp_path / "folder" / "README.md").read_text()
    header = yaml.safe_load(card.split("---")[1])
    assert header["pretty_name"] == "Zażółć: “liked”"
    assert dataset.content_hash in card
    loaded = datasets.load_dataset(str(tmp_path / "folder"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {
        label.lower(): rows for label, rows in dataset.splits if rows
    }
    column, clip = ("audio", "sample") if kind == "supervised" else ("chosen_audio", "chosen")
    train = loaded["train"]
    assert isinstance(train.features[column], datasets.Audio)
    row = train.select_columns([column, clip]).cast_column(column, datasets.Audio(decode=False))[0]
    sample = AudioSample.objects.get(pk=row[clip]["sample_id"])
    assert hashlib.sha256(row[column]["bytes"]).hexdigest() == sample.sha256
    assert row[clip]["codes"] == load_codes(sample).tolist()
    again = import_dataset(actor=None, path=tmp_path / "folder", name="Again", worker="w")
    assert again.content_hash == dataset.content_hash


# -- in constant memory -----------------------------------------------------------------------------------------------


def large(rows: int) -> Dataset:
    """A built dataset of many rows with one clip, put together by hand."""
    dataset = built()
    item = dataset.items.with_clips().get()
    big = Dataset.objects.create(name="Large", kind="supervised")
    clip = item.sample
    clip.pk, clip.dataset, clip._state.adding = None, big, True
    clip.save()
    values = {
        field.attname: getattr(item, field.attname)
        for field in DatasetItem._meta.concrete_fields
        if field.name not in ("id", "dataset", "position", "row_id", "sample")
    }
    DatasetItem.objects.bulk_create(
        (DatasetItem(**values, dataset=big, sample=clip, position=n, row_id=uuid.UUID(int=n)) for n in range(rows)),
        batch_size=500,
    )
    Dataset.objects.filter(pk=big.pk).update(
        state="ready", content_hash="f" * 64, built_at=timezone.now(), train_rows=rows, statistics=dataset.statistics
    )
    big.refresh_from_db()
    return big


def peak_of_writing(dataset: Dataset, file_format: str, path: Path) -> int:
    gc.collect()
    gc.freeze()  # else garbage waits for a collection that grows rarer with all that the test process holds
    tracemalloc.start()
    try:
        write_file(dataset, file_format, path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.unfreeze()


@pytest.mark.parametrize("file_format", ["jsonl", "huggingface"])
def test_ten_times_the_rows_take_the_memory_of_one(file_format: str, tmp_path: Path) -> None:
    rated([5])
    small, big = large(250), large(2500)
    write_file(small, file_format, tmp_path / "warm-up")
    few = peak_of_writing(small, file_format, tmp_path / "small")
    many = peak_of_writing(big, file_format, tmp_path / "big")
    assert (tmp_path / "big").stat().st_size > 5 * (tmp_path / "small").stat().st_size
    assert many < 2 * few


# -- on a worker ----------------------------------------------------------------------------------------------------


def test_an_export_is_written_by_a_worker_and_kept(tmp_path: Path) -> None:
    rated([5, 2])
    dataset = built()
    export = start_export(dataset=dataset, file_format="jsonl", actor=None)
    assert start_export(dataset=dataset, file_format="jsonl", actor=None) == export
    write_exports(str(export.pk))
    export.refresh_from_db()
    assert export.is_ready
    with storages["default"].open(export.file.name) as file:
        content = file.read()
    assert content == jsonl(dataset, tmp_path).read_bytes()
    assert (export.size, export.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert start_export(dataset=dataset, file_format="jsonl", actor=None) == export
    storages["default"].delete(export.file.name)
    assert start_export(dataset=dataset, file_format="jsonl", actor=None) != export


def test_a_late_writer_leaves_the_winners_file(stored_files: Any) -> None:
    rated([5, 2])
    export = start_export(dataset=built(), file_format="jsonl", actor=None)
    assert export.claim("late:1:1")
    work.take_up_left_behind()
    winner = Export.objects.get()
    assert winner.claim("host:2:2") and exports.write(winner)
    before = stored_files("exports")
    assert before == [winner.file.name]
    exports.write(export)  # it finds its claim lost only when all is written
    assert stored_files("exports") == before
    with storages["default"].open(winner.file.name) as file:
        assert hashlib.sha256(file.read()).hexdigest() == Export.objects.get().sha256


def test_a_writer_overtaken_between_file_and_row_removes_its_own_file(
    monkeypatch: pytest.MonkeyPatch, stored_files: Any
) -> None:
    rated([5, 2])
    late = start_export(dataset=built(), file_format="jsonl", actor=None)
    assert late.claim("late:1:1")
    written: list[list[str]] = []

    def overtaken(action: Callable[[], bool]) -> bool:
        monkeypatch.undo()
        written.append(stored_files("exports"))
        work.take_up_left_behind()
        write_exports(str(late.pk))
        written.append(stored_files("exports"))
        return work.patiently(action)

    monkeypatch.setattr(exports, "patiently", overtaken)
    assert exports.write(late), "the row is ready, by the other worker"
    assert [len(names) for names in written] == [1, 2], "each claim wrote a file of its own"
    assert stored_files("exports") == [Export.objects.get().file.name] != written[0]


def test_an_export_whose_commit_was_not_answered_keeps_its_file(
    monkeypatch: pytest.MonkeyPatch, stored_files: Any
) -> None:
    rated([5, 2])
    export = start_export(dataset=built(), file_format="jsonl", actor=None)
    assert export.claim("host:1:1")

    def done_twice(action: Callable[[], bool]) -> bool:
        assert action()
        return action()

    monkeypatch.setattr(exports, "patiently", done_twice)
    assert exports.write(export)
    assert stored_files("exports") == [Export.objects.get().file.name]


@pytest.mark.parametrize("moment", ["_own_samples", "_check"])
def test_an_import_that_lost_its_claim_says_so(moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process was silent for too long: nobody goes on with it, and whoever waits for it is told."""
    rated_prompts(3)
    path = jsonl(built(), tmp_path)
    step = getattr(imports, moment)

    def silent(*args: Any) -> Any:
        assert work.take_up_left_behind() == 1
        return step(*args)

    monkeypatch.setattr(imports, moment, silent)
    with pytest.raises(DomainError, match="cut off"):
        import_dataset(actor=None, path=path, name="Again", worker="late:1:1")
    assert not Dataset.objects.filter(name="Again").exclude(state="failed").exists()


def test_an_export_of_lost_codes_fails_with_a_sentence() -> None:
    sample = rated([5])[0]
    dataset = built()
    sample.codes_file.storage.delete(sample.codes_file.name)
    export = start_export(dataset=dataset, file_format="jsonl", actor=None)
    write_exports(str(export.pk))
    export.refresh_from_db()
    assert (export.state, "cannot be read" in export.error) == ("failed", True)


def test_only_built_datasets_are_exported() -> None:
    rated([5])
    waiting = create_dataset(actor=None, name="Waiting", kind="supervised")
    with pytest.raises(DatasetNotReady):
        start_export(dataset=waiting, file_format="jsonl", actor=None)


def test_what_dead_workers_left_is_taken_up_and_done() -> None:
    rated([5])
    dataset = create_dataset(actor=None, name="Waiting", kind="supervised")
    assert Dataset.objects.get().claim("dead:1:1")
    work.take_up_left_behind()
    build_datasets(str(dataset.pk))
    dataset.refresh_from_db()
    assert (dataset.state, dataset.attempts) == ("ready", 1)
    export = start_export(dataset=dataset, file_format="jsonl", actor=None)
    assert Export.objects.get().claim("dead:1:1")
    work.take_up_left_behind()
    write_exports(str(export.pk))
    export.refresh_from_db()
    assert (export.state, export.attempts) == ("ready", 1)


def test_the_commands_export_and_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rated([5, 2])
    dataset = built()
    path = tmp_path / "liked.jsonl"
    call_command("export_dataset", str(dataset.pk), "--output", str(path))
    assert f"train --dataset {dataset.pk} --method sft" in capsys.readouterr().out
    call_command("import_dataset", str(path))
    again = Dataset.objects.exclude(pk=dataset.pk).get()
    assert (again.name, again.content_hash) == ("liked", dataset.content_hash)
    for arguments, words in (
        (["export_dataset", str(uuid.uuid4())], "There is no dataset"),
        (["export_dataset", "seven"], "not the id"),
        (["import_dataset", str(tmp_path / "gone.jsonl")], "cannot be read"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command(*arguments)
    assert Export.objects.count() == 0
