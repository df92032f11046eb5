"""What a model reads of a prompt: by the bundled model's own tokenizer, and through the door that people use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings

from generation import services
from generation.base_models.reading import read_by_model
from generation.jobs import worker
from generation.jobs.reading import NO_TOKENIZER, NOT_HERE, TextReader, read_by
from generation.models import AudioSample, BaseModel, GenerationJob
from generation.sound.files import load_codes
from generation.tests.factories import BaseModelFactory
from prompts.services import create_prompt
from prompts.wording.reading import Reading
from prompts.wording.rendering import render_prompt

BUNDLED = settings.BUNDLED_MODEL_DIR
LONG = " ".join(["calm"] * 68)


@pytest.fixture
def reader() -> TextReader:
    return TextReader(BUNDLED)


def test_a_text_that_fits_is_read_whole(reader: TextReader) -> None:
    reading = reader.read(render_prompt("calm piano at dusk", style="jazz", tempo=60))
    assert reading == Reading("jazz, calm piano at dusk, 60 BPM", known_words=7)


def test_the_free_text_is_shortened_and_every_attribute_survives(reader: TextReader) -> None:
    rendered = render_prompt(LONG, style="jazz", tempo=60, primary_instruments=["violin"])
    reading = reader.read(rendered)
    assert reading.text.startswith("jazz, calm calm") and reading.text.endswith("calm, featuring violin, 60 BPM")
    kept = reading.text.count("calm")
    assert reading.cut == " ".join(["calm"] * (68 - kept)) and reading.cut_attributes == ""
    assert kept == 64 - 1 - len(["jazz", "featuring", "violin", "60", "bpm"]), "as much as fits, the end token included"


def test_the_reader_agrees_with_the_engines_tokenizer(reader: TextReader) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BUNDLED)
    text = reader.read(render_prompt(LONG, tempo=60, primary_instruments=["violin"])).text
    ids = tokenizer(text).input_ids
    assert len(ids) == tokenizer.model_max_length == reader.limit
    assert tokenizer(text, truncation=True, max_length=reader.limit).input_ids == ids, "nothing is left to cut"


def with_limit(folder: Path, limit: object) -> Path:
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_bytes((BUNDLED / "tokenizer.json").read_bytes())
    config = json.loads((BUNDLED / "tokenizer_config.json").read_text()) | {"model_max_length": limit}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def test_attributes_are_cut_from_the_end_only_when_nothing_else_is_left(tmp_path: Path) -> None:
    rendered = render_prompt("calm piano", style="jazz", tempo=60, primary_instruments=["violin"])
    reading = TextReader(with_limit(tmp_path, 4)).read(rendered)
    assert (reading.text, reading.cut, reading.cut_attributes) == ("jazz, featuring violin", "calm piano", "60 BPM")


def test_no_model_is_given_more_than_512_tokens(tmp_path: Path) -> None:
    assert TextReader(with_limit(tmp_path, 10**30)).limit == 512
    (tmp_path / "tokenizer_config.json").unlink()
    assert TextReader(tmp_path).limit == 512


def test_a_script_without_blanks_is_cut_between_characters(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 80}))
    reading = TextReader(tmp_path).read(render_prompt("静" * 100, tempo=60))
    assert reading.text == "静" * 72 + ", 60 BPM" and reading.cut == "静" * 28


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("calm piano, café & 90 BPM!", ("café", "90")),
        ("静かな ピアノ", ("静かな", "ピアノ")),
        ("тихий вечер", ("тихий", "вечер")),
        ("🎹 piano 🎹", ("🎹",)),
        ("calm zzyzx. piano", ("zzyzx",)),
        ("lo-zzyzx piano", ("lo-zzyzx",)),
        ("пианоpiano calm", ("пианоpiano",)),
    ],
)
def test_words_that_the_vocabulary_lacks_are_told(reader: TextReader, text: str, unknown: tuple[str, ...]) -> None:
    known = {"café", "90"} if "café" in text else set()
    found = reader.read(render_prompt(text)).unknown_words
    assert set(unknown) - known <= set(found) and len(found) == len(set(found))
    assert "piano" not in found and "calm" not in found and "&" not in found


def test_what_cannot_be_known_is_not_claimed(tmp_path: Path) -> None:
    rendered = render_prompt(LONG, tempo=60)
    assert read_by(tmp_path, rendered) == Reading(str(rendered), not_known=NOT_HERE)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "spiece.model").write_bytes(b"x")
    assert read_by(tmp_path, rendered) == Reading(str(rendered), not_known=NO_TOKENIZER)
    (tmp_path / "tokenizer.json").write_text('{"model": {}}')
    assert read_by(tmp_path, rendered).not_known == NO_TOKENIZER


def bundled_model(**values: Any) -> BaseModel:
    """A row for the shipped model, whose folder the factory must not write to."""
    return BaseModelFactory(key="studio-tiny", source=BaseModel.Source.BUNDLED, installed=False, **values)


@pytest.mark.django_db
def test_the_active_model_reads_unless_one_is_named() -> None:
    bundled_model(is_active=True)
    BaseModelFactory(key="musicgen-small", source=BaseModel.Source.HUB, installed=False)
    whole = Reading("calm piano", known_words=2)
    assert read_by_model(render_prompt("calm piano"), "") == whole
    assert read_by_model(render_prompt("calm piano"), "studio-tiny") == whole
    assert read_by_model(render_prompt("calm piano"), "musicgen-small").not_known == NOT_HERE


def made(text: str, **attributes: Any) -> AudioSample:
    """A clip, by the way that a person's request takes: prompt, job, worker, engine."""
    from generation.engine import EngineCache

    model = BaseModel.objects.filter(key="studio-tiny").first() or bundled_model()
    prompt = create_prompt(actor=None, text=text, **attributes)
    job = services.make_music(actor=None, prompt=prompt, base_model=model, seed=7, duration=1, num_samples=1)
    assert worker.drain(EngineCache(), "host:1:1") == 1
    job.refresh_from_db()
    assert job.state == GenerationJob.State.COMPLETED, job.error
    return job.samples.get()


@pytest.mark.django_db
def test_attributes_of_a_long_prompt_are_heard() -> None:
    one = made(LONG, primary_instruments=["violin"], tempo=60)
    other = made(LONG, primary_instruments=["909-drums"], tempo=180)
    assert not np.array_equal(load_codes(one), load_codes(other))
    assert one.rendered_text.endswith(", featuring violin, 60 BPM") and len(one.rendered_text.split()) < 68
    one = AudioSample.objects.get(pk=one.pk)
    assert one.reading.text == one.rendered_text and set(one.reading.cut.split()) == {"calm"}
    assert one.reading == one.job.reading


@pytest.mark.django_db
def test_a_clip_of_an_older_studio_says_that_its_reading_is_not_recorded() -> None:
    sample = AudioSample(rendered_text="a walk")
    assert sample.reading.text == "a walk" and "not recorded" in sample.reading.not_known
