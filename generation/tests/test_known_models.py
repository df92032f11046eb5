"""Folders that are a known model, whatever they are called, and folders that are here already."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from adapters.exceptions import AdapterFilesRefused
from adapters.files.inspection import fitting_config
from adapters.tests.factories import CONFIG as ADAPTER_CONFIG
from generation.base_models.architecture import Architecture
from generation.base_models.catalogue import ARCHITECTURES, HUB_MODELS, sync_catalogue
from generation.base_models.folder import content_revision, inspect_model_folder
from generation.exceptions import ModelExists, ModelInUse
from generation.models import BaseModel
from generation.services import add_folder_model, remove_model
from generation.tests.factories import GenerationJobFactory
from text2song.doctor.model_files import model_files
from text2song.tests.clients import caller

pytestmark = pytest.mark.django_db
COMMIT = "4c8334b02c6ec4e8664a91979669a501ec497792"


@pytest.fixture(autouse=True)
def _catalogue():
    BaseModel.objects.all().delete()
    sync_catalogue()


def config_of(known: Architecture) -> dict[str, Any]:
    """As it stands in the folders on the hub, values like the defaults left out or not."""
    decoder = {
        "model_type": "musicgen_decoder",
        "hidden_size": known.hidden_size,
        "num_hidden_layers": known.layers,
        "num_attention_heads": known.heads,
        "ffn_dim": known.feed_forward,
        "num_codebooks": known.codebooks,
        "audio_channels": known.channels,
    }
    text = {"model_type": "t5", "d_model": 768, "d_ff": 3072, "num_layers": 12, "num_heads": 12}
    codec = {"sampling_rate": 32_000, "codebook_size": 2048, "upsampling_ratios": [8, 5, 4, 4]}
    return {"model_type": "musicgen", "text_encoder": text, "audio_encoder": codec, "decoder": decoder}


def shapes_of(known: Architecture) -> dict[str, list[int]]:
    """The weights that tell of the sizes, and one of the codec."""
    decoder, text = "decoder.model.decoder", "text_encoder.encoder.block"
    shapes = {f"{decoder}.layers.{n}.fc1.weight": [known.feed_forward, known.hidden_size] for n in range(known.layers)}
    for n in range(known.codebooks):
        shapes[f"{decoder}.embed_tokens.{n}.weight"] = [2049, known.hidden_size]
        shapes[f"decoder.lm_heads.{n}.weight"] = [2048, known.hidden_size]
    shapes |= {f"{text}.{n}.layer.1.DenseReluDense.wi.weight": [3072, 768] for n in range(12)}
    return shapes | {"text_encoder.shared.weight": [32_128, 768], "audio_encoder.b": [5]}


def adapter_shapes(known: Architecture) -> dict[str, list[int]]:
    """A LoRA of rank 4 on one layer."""
    module = "base_model.model.model.decoder.layers.0.fc1"
    return {f"{module}.lora_A.weight": [4, known.hidden_size], f"{module}.lora_B.weight": [known.feed_forward, 4]}


def write_weights(file: Path, shapes: dict[str, list[int]], dtype: str = "U8") -> None:
    """Zeros of one byte each, which take no room on the disk."""
    header, end = {}, 0
    for name, shape in shapes.items():
        size = shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text)
    os.truncate(file, 8 + len(text) + end)


def make_folder(
    folder: Path, key: str = "musicgen-small", change: Callable[[dict[str, Any], dict[str, list[int]]], object] = id
) -> Path:
    """A copy of a known model as it is on the hub, under a name that says nothing; `change` alters it before."""
    known = ARCHITECTURES[key]
    config, shapes = config_of(known), shapes_of(known)
    if change is not id:
        change(config, shapes)
    folder.mkdir(parents=True)
    write_weights(folder / "model.safetensors", shapes)
    for name, content in {"config.json": config, "tokenizer.json": {}, "tokenizer_config.json": {}}.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def test_every_hub_model_is_told_from_every_other():
    assert set(ARCHITECTURES) == set(HUB_MODELS)
    assert len({tuple(asdict(known).items()) for known in ARCHITECTURES.values()}) == len(HUB_MODELS)
    for key, known in ARCHITECTURES.items():
        facts = HUB_MODELS[key]
        assert (known.channels, known.codebooks) == (facts["channels"], facts["codebooks"])


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_a_folder_is_known_by_its_sizes(tmp_path, key):
    folder = make_folder(tmp_path / "x", key)
    assert inspect_model_folder(folder).architecture == ARCHITECTURES[key]


CHANGES: dict[str, Callable[[dict[str, Any], dict[str, list[int]]], object]] = {
    "another hidden size": lambda config, shapes: config["decoder"].update(hidden_size=1280),
    "fewer layers stated": lambda config, shapes: config["decoder"].update(num_hidden_layers=23),
    "more layers stated": lambda config, shapes: config["decoder"].update(num_hidden_layers=25),
    "other heads": lambda config, shapes: config["decoder"].update(num_attention_heads=8),
    "another vocabulary": lambda config, shapes: config["decoder"].update(vocab_size=4096),
    "stereo stated": lambda config, shapes: config["decoder"].update(audio_channels=2),
    "another text encoder": lambda config, shapes: config["text_encoder"].update(d_model=1024),
    "other words": lambda config, shapes: shapes.update({"text_encoder.shared.weight": [32_100, 768]}),
    "a codec of another rate": lambda config, shapes: config["audio_encoder"].update(sampling_rate=24_000),
    "a layer missing": lambda config, shapes: shapes.pop("decoder.model.decoder.layers.7.fc1.weight"),
    "a wider layer": lambda config, shapes: shapes.update({"decoder.model.decoder.layers.7.fc1.weight": [4096, 1025]}),
    "a layer more": lambda config, shapes: shapes.update({"decoder.model.decoder.layers.24.fc1.weight": [4096, 1024]}),
    "a codebook more": lambda config, shapes: shapes.update({"decoder.lm_heads.4.weight": [2048, 1024]}),
    "no end of layers": lambda config, shapes: config["decoder"].update(num_hidden_layers=10**9),
    "layers in words": lambda config, shapes: config["decoder"].update(num_hidden_layers="many"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_only_looks_like_a_known_model_is_a_model_of_its_own(tmp_path, curator, change):
    folder = make_folder(tmp_path / "musicgen-small", change=CHANGES[change])
    model = add_folder_model(path=str(folder), actor=curator)
    assert (model.source, model.location) == (BaseModel.Source.FOLDER, str(folder))
    assert not BaseModel.objects.get(key="musicgen-small").is_ready


def test_a_copy_becomes_the_model_it_is_and_adapters_that_name_it_fit(tmp_path, curator):
    folder = make_folder(tmp_path / "brought on a stick")
    count = BaseModel.objects.count()
    model = add_folder_model(path=str(folder), actor=curator, display_name="Anything")
    assert BaseModel.objects.count() == count
    model = BaseModel.objects.get(pk=model.pk)
    assert (model.key, model.display_name, model.location) == (
        "musicgen-small",
        "MusicGen Small",
        "facebook/musicgen-small",
    )
    assert model.is_ready and model.folder == folder and model.revision == content_revision(folder)
    assert model.max_duration == 30 and model.spec().path == str(folder)
    named = ADAPTER_CONFIG | {"base_model_name_or_path": "facebook/musicgen-small"}
    shapes = adapter_shapes(ARCHITECTURES["musicgen-small"])
    for revision in (None, COMMIT):
        config = fitting_config(json.dumps(named | {"revision": revision}).encode(), shapes, model)
        assert config["base_model_name_or_path"] == "facebook/musicgen-small"
    with pytest.raises(AdapterFilesRefused, match="made for MusicGen Small"):
        fitting_config(json.dumps(named).encode(), shapes, BaseModel.objects.get(key="musicgen-medium"))


def test_an_adapter_of_other_content_is_still_refused(tmp_path, curator):
    model = add_folder_model(path=str(make_folder(tmp_path / "x")), actor=curator)
    named = ADAPTER_CONFIG | {"base_model_name_or_path": "facebook/musicgen-small", "revision": "0" * 64}
    with pytest.raises(AdapterFilesRefused, match="revision 000000000000"):
        fitting_config(json.dumps(named).encode(), adapter_shapes(ARCHITECTURES["musicgen-small"]), model)


def test_one_trained_further_can_be_added_as_its_own(tmp_path, curator):
    folder = make_folder(tmp_path / "my tune")
    model = add_folder_model(path=str(folder), actor=curator, of_its_own=True, max_duration=12)
    assert (model.key, model.source, model.max_duration) == ("my-tune", "folder", 12)
    assert not BaseModel.objects.get(key="musicgen-small").is_ready
    copy = add_folder_model(
        path=str(make_folder(tmp_path / "b", change=lambda _, shapes: shapes.update({"audio_encoder.b": [6]}))),
        actor=curator,
        max_duration=8,
    )
    assert (copy.key, copy.max_duration, copy.recommended_duration) == ("musicgen-small", 8, 8)
    third = make_folder(tmp_path / "c", change=lambda _, shapes: shapes.update({"audio_encoder.b": [7]}))
    assert add_folder_model(path=str(third), actor=curator).key == "c", "the known one is here: this is another"


def test_the_same_folder_twice_is_a_conflict_at_every_door(tmp_path, curator, curator_page):
    curator.username = "studio"
    curator.save()
    folder = make_folder(tmp_path / "x", change=lambda config, _: config["decoder"].update(num_attention_heads=8))
    call_command("add_model", str(folder), name="Mine")
    alike = shutil.copytree(folder, tmp_path / "y")
    link = tmp_path / "z"
    link.symlink_to(folder)
    count = BaseModel.objects.count()
    for again in (folder, alike, link):
        with pytest.raises(ModelExists, match="it is Mine"):
            add_folder_model(path=str(again), actor=curator)
        with pytest.raises(CommandError, match="in the studio already: it is Mine"):
            call_command("add_model", str(again))
        answer = caller(curator).post("/api/v1/models/", {"path": str(again)})
        assert answer.status_code == 409 and answer.json()["code"] == "model_exists"
        assert "remove it before adding the folder again" in answer.json()["detail"]
        shown = curator_page.post(reverse("model-add-folder"), {"path": str(again)})
        assert shown.status_code == 409 and "in the studio already: it is Mine" in shown.content.decode()
    assert BaseModel.objects.count() == count


def test_a_copy_of_what_was_fetched_or_bundled_is_a_conflict(tmp_path, curator, settings):
    fetched = make_folder(settings.MODELS_DIR / "musicgen-small")
    BaseModel.objects.filter(key="musicgen-small").update(revision=COMMIT)
    with pytest.raises(ModelExists, match="it is MusicGen Small"):
        add_folder_model(path=str(shutil.copytree(fetched, tmp_path / "x")), actor=curator)
    with pytest.raises(ModelExists, match="it is studio-tiny"):
        add_folder_model(path=str(shutil.copytree(settings.BUNDLED_MODEL_DIR, tmp_path / "y")), actor=curator)


def test_every_door_adds_a_copy_as_the_known_model(tmp_path, curator, curator_page):
    curator.username = "studio"
    curator.save()
    small, medium, large = (
        make_folder(tmp_path / key, f"musicgen-{key}") for key in ("small", "stereo-small", "stereo-medium")
    )
    made = caller(curator).post("/api/v1/models/", {"path": str(small)})
    assert made.status_code == 201 and made.json()["key"] == "musicgen-small"
    assert made.json()["hub_id"] == "facebook/musicgen-small" and str(tmp_path) not in made.text
    moved = curator_page.post(reverse("model-add-folder"), {"path": str(medium)})
    assert moved["Location"].endswith("#model-musicgen-stereo-small")
    assert [str(m) for m in get_messages(moved.wsgi_request)] == ["MusicGen Stereo Small was added."]
    assert str(medium) in curator_page.get("/settings/models/").content.decode()
    call_command("add_model", str(large), of_its_own=True)
    assert BaseModel.objects.get(key="stereo-medium").source == "folder"
    own = make_folder(tmp_path / "own", "musicgen-large")
    curator_page.post(reverse("model-add-folder"), {"path": str(own), "display_name": "Own", "of_its_own": "on"})
    assert BaseModel.objects.get(key="own").folder == own


def test_removing_a_copy_leaves_the_known_model_to_be_fetched(tmp_path, curator, curator_page):
    folder = make_folder(tmp_path / "x")
    model = add_folder_model(path=str(folder), actor=curator)
    job = GenerationJobFactory(base_model=model)
    with pytest.raises(ModelInUse, match="unfinished"):
        remove_model(model=model, actor=curator)
    job.cancel()
    assert reverse("model-remove", args=[model.key]) in curator_page.get("/settings/models/").content.decode()
    curator_page.post(reverse("model-remove", args=[model.key]))
    model.refresh_from_db()
    assert (model.copy_path, model.revision, model.is_ready, folder.exists()) == ("", "", False, True)
    assert add_folder_model(path=str(folder), actor=curator).pk == model.pk


def test_the_doctor_knows_a_copy_that_changed(tmp_path, curator):
    folder = make_folder(tmp_path / "x")
    model = add_folder_model(path=str(folder), actor=curator)
    model.activate()
    (finding,) = (found for found in model_files(deep=True) if "MusicGen Small" in found.found)
    assert finding.level == "ok", finding
    (folder / "tokenizer.json").write_text('{"a": 1}')
    (finding,) = (found for found in model_files(deep=True) if "MusicGen Small" in found.found)
    assert "not those it was added with" in finding.found


def test_what_is_fetched_after_a_copy_went_takes_its_place(tmp_path, curator, settings):
    from generation.base_models.fetching import _put_in_place

    folder = make_folder(tmp_path / "x")
    model = add_folder_model(path=str(folder), actor=curator)
    shutil.rmtree(folder)
    partial = make_folder(settings.MODELS_DIR / ".partial")
    _put_in_place(model, partial, COMMIT)
    model.refresh_from_db()
    assert (model.copy_path, model.revision) == ("", COMMIT)
    assert model.is_ready and model.folder == settings.MODELS_DIR / "musicgen-small" and not folder.exists()


def test_nobody_else_adds_models(tmp_path, user):
    with pytest.raises(CommandError, match="Only curators"):
        call_command("add_model", str(tmp_path), user=user.username)
    with pytest.raises(CommandError, match="no user"):
        call_command("add_model", str(tmp_path), user="nobody at all")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_who_add_a_folder_at_once_add_it_once(tmp_path, curator):
    if connection.vendor != "postgresql":
        pytest.skip("run with TEST_DATABASE=postgres")
    folder = make_folder(tmp_path / "x", change=lambda config, _: config["decoder"].update(num_attention_heads=8))

    def add(_: int) -> str:
        try:
            return add_folder_model(path=str(folder), actor=curator).key
        except ModelExists as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as people:
        assert sorted(people.map(add, range(2))) == ["model_exists", "x"]
