"""What may enter the registry, what is refused and why, and what is left behind."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from safetensors.numpy import save

from adapters.exceptions import AdapterExists, AdapterFilesRefused, AdapterFilesUnavailable
from adapters.files.keeping import local_folder
from adapters.models import CONFIG_FILE, WEIGHTS_FILE, Adapter, AdapterRegistration
from adapters.services.registration import accept, receive_adapter, request_registration, take_in
from adapters.tests.factories import (
    LAYER,
    AdapterFactory,
    adapter_files,
    adapter_folder,
    adapter_zip,
    lora_tensors,
    tiny_base,
)
from generation.exceptions import ModelNotReady
from generation.tests.factories import BaseModelFactory
from text2song.exceptions import Refused
from text2song.work import ClaimLost

pytestmark = pytest.mark.django_db


@pytest.fixture
def base():
    return tiny_base(revision="a" * 64)


def upload(content: bytes, name: str = "adapter.zip") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def receive(base, files=None, **values):
    files = [upload(adapter_zip())] if files is None else files
    values = {"actor": None, "base_model": base, "name": "warm", "version": "1.0.0"} | values
    if isinstance(files, Path):
        return receive_adapter(files=files, worker="host:1:1", **values)
    return request_registration(files=files, **values)


def receive_and_take_in(base, files=None, **values):
    """As a worker has it when it tries the adapter."""
    registration = receive(base, files, **values)
    assert isinstance(files, Path) or registration.claim("host:1:1")
    take_in(registration)
    return registration


def test_a_zip_becomes_a_registration_with_its_files_and_facts(base, user, stored_files):
    registration = request_registration(
        actor=user, files=[upload(adapter_zip(folder="warm/"))], name=" warm ", version="1.0.0", base_model=base
    )
    assert (registration.state, registration.name, registration.created_by) == ("queued", "warm", user)
    assert registration.base_revision == base.revision
    assert registration.claim("host:1:1")
    take_in(registration)
    assert (registration.rank, registration.alpha, registration.trained_parameters) == (2, 4, 64)
    assert stored_files("adapters") == [f"{registration.files}/{name}" for name in (CONFIG_FILE, WEIGHTS_FILE)]


@pytest.mark.parametrize("kind", ["folder", "zip on disk", "loose files"])
def test_other_ways_of_giving_the_same_files(base, tmp_path, kind):
    folder = adapter_folder(tmp_path / "warm", adapter_files() | {"README.md": b"# Warm"})
    given = {
        "folder": folder,
        "zip on disk": tmp_path / "warm.zip",
        "loose files": [upload(file.read_bytes(), file.name) for file in folder.iterdir()],
    }[kind]
    (tmp_path / "warm.zip").write_bytes(adapter_zip())
    registration = receive_and_take_in(base, given)
    loaded = local_folder(registration)
    assert (loaded / WEIGHTS_FILE).read_bytes() == adapter_files()[WEIGHTS_FILE]
    assert json.loads((loaded / CONFIG_FILE).read_bytes())["revision"] == base.revision


@pytest.mark.parametrize("kind", ["folder", "zip", "loose files"])
def test_what_a_trainer_leaves_beside_an_adapter_is_left_alone(base, tmp_path, kind):
    beside = {"training_args.bin": b"\x80\x04 never opened", "optimizer.pt": b"x", "trainer_state.json": b"{}"}
    folder = adapter_folder(tmp_path / "checkpoint-40", adapter_files() | beside)
    given = {
        "folder": folder,
        "zip": [upload(adapter_zip(adapter_files() | beside))],
        "loose files": [upload(file.read_bytes(), file.name) for file in folder.iterdir()],
    }[kind]
    registration = receive_and_take_in(base, given)
    assert {file.name for file in local_folder(registration).iterdir()} == {CONFIG_FILE, WEIGHTS_FILE}


def links_out() -> bytes:
    import io

    buffer = io.BytesIO(adapter_zip())
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("README.md")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


def with_entry(name: str, content: bytes = b"x") -> bytes:
    return adapter_zip(adapter_files() | {name: content})


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (b"PK not really", "no zip file"),
        (adapter_zip()[:-40], "no zip file"),
        (with_entry("../../etc/cron.d/x"), "outside of itself"),
        (with_entry("/etc/passwd"), "outside of itself"),
        (with_entry("..\\evil.txt"), "outside of itself"),
        (with_entry("C:\\evil.txt"), "outside of itself"),
        (links_out(), "a link"),
        (with_entry("adapter_model.bin"), "pickle"),
        (with_entry("old/adapter_model.PT"), "pickle"),
        (adapter_zip({f"{i}.txt": b"" for i in range(201)}), "201 files"),
        (adapter_zip({}), f"no {CONFIG_FILE}"),
        (with_entry(f"other/{CONFIG_FILE}"), f"2 {CONFIG_FILE}"),
        (adapter_zip({CONFIG_FILE: b"{}"}), f"no {WEIGHTS_FILE}"),
        (with_entry(CONFIG_FILE, b" " * (1 << 20) + b"{}"), "over 1 MB"),
    ],
)
def test_archives_that_are_refused(base, archive, reason, stored_files):
    with pytest.raises(AdapterFilesRefused, match=reason):
        receive(base, [upload(archive)])
    assert stored_files() == [] and not AdapterRegistration.objects.exists()


def test_a_bomb_is_refused_before_it_is_unpacked(base, settings):
    settings.ADAPTER_MAX_BYTES = 1_000_000
    bomb = adapter_zip(adapter_files() | {"README.md": b"\x00" * 5_000_000})
    assert len(bomb) < 20_000
    with pytest.raises(AdapterFilesRefused, match="up to"):
        receive(base, [upload(bomb)])


def test_a_size_that_lies_is_refused_while_it_is_unpacked(base, settings):
    """The directory announces 1000 bytes of weights; more come."""
    settings.ADAPTER_MAX_BYTES = 5_000
    big = adapter_files() | {WEIGHTS_FILE: b"\x00" * 300_000}
    lying = bytearray(adapter_zip(big))
    size = (300_000).to_bytes(4, "little")
    assert lying.count(size) == 2
    with pytest.raises(AdapterFilesRefused):
        receive(base, [upload(bytes(lying).replace(size, (1000).to_bytes(4, "little")))])


def test_uploads_over_the_limit_are_refused(base, settings):
    settings.ADAPTER_MAX_BYTES = 100
    with pytest.raises(AdapterFilesRefused, match="up to 100"):
        receive(base, [upload(b"x" * 101, WEIGHTS_FILE), upload(b"{}", CONFIG_FILE)])
    with pytest.raises(AdapterFilesRefused, match="Send adapter_config"):
        receive(base, [])


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"peft_type": "IA3"}, "does not describe a LoRA"),
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_heads"]}, "modules_to_save"),
        ({"megatron_config": {"x": 1}}, "megatron_config"),
        ({"bias": "all"}, "biases"),
        ({"init_lora_weights": "pissa"}, "changed base weights"),
        ({"r": 0}, "rank"),
        ({"r": 10**9}, "rank"),
        ({"r": "8"}, "rank"),
        ({"rank_pattern": {"q_proj": True}}, "rank"),
        ({"rank_pattern": ["q_proj"]}, "rank_pattern"),
        ({"lora_alpha": -1}, "lora_alpha"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"target_modules": "(a+)+$"}, "target_modules"),
        ({"target_modules": ["(a+)+$"]}, "plain module names"),
        ({"alpha_pattern": {"(a+": 3}}, "no regular expression"),
        ({"layers_to_transform": ["x"]}, "layer numbers"),
        ({"revision": "b" * 64}, "revision bbbbbbbbbbbb"),
    ],
)
def test_configurations_that_are_refused(base, config, reason):
    with pytest.raises(AdapterFilesRefused, match=reason):
        receive(base, [upload(adapter_zip(adapter_files(config)))])


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b'{"r": NaN}', b"[" * 100_000])
def test_a_configuration_that_is_no_json_object_is_refused(base, text):
    with pytest.raises(AdapterFilesRefused, match=CONFIG_FILE):
        receive(base, [upload(adapter_zip(adapter_files() | {CONFIG_FILE: text}))])


def one_tensor_more(name: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    return lora_tensors() | {name: np.ones(shape, np.float32)}


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({}, "no tensors"),
        (lora_tensors(width=16), "do not fit"),
        (
            one_tensor_more("base_model.model.model.decoder.layers.7.fc1.lora_A.weight", (2, 8)),
            "made for another model",
        ),
        (one_tensor_more(f"base_model.model.{LAYER}.q_proj.lora_magnitude_vector", (8,)), "no part of a plain LoRA"),
        (one_tensor_more("lm_heads.0.weight", (8, 8)), "no part of a plain LoRA"),
        (dict(list(lora_tensors().items())[:3]), "do not fit"),
    ],
)
def test_tensors_that_do_not_fit_the_base_are_refused(base, tensors, reason):
    with pytest.raises(AdapterFilesRefused, match=reason):
        receive(base, [upload(adapter_zip(adapter_files(tensors=tensors)))])


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", save(lora_tensors())[:-50]])
def test_weights_that_are_no_safetensors_are_refused(base, content):
    with pytest.raises(AdapterFilesRefused, match="no safetensors file"):
        receive(base, [upload(adapter_zip(adapter_files() | {WEIGHTS_FILE: content}))])


def test_an_adapter_that_names_another_known_base_is_refused(base):
    other = BaseModelFactory(display_name="Grand")
    with pytest.raises(AdapterFilesRefused, match="made for Grand"):
        receive(base, [upload(adapter_zip(adapter_files({"base_model_name_or_path": other.location})))])
    receive(base, [upload(adapter_zip(adapter_files({"base_model_name_or_path": "/home/somebody/runs/7"})))])


def test_the_base_must_be_here_and_of_the_revision_asked_for(base):
    with pytest.raises(ModelNotReady):
        receive(BaseModelFactory(installed=False))
    with pytest.raises(AdapterFilesRefused, match="revision cccccccccccc"):
        receive(base, base_revision="c" * 64)
    receive(base, base_revision=base.revision)


@pytest.mark.parametrize(
    "values", [{"name": " "}, {"name": "x" * 101}, {"name": "a\nb"}, {"version": "1.0"}, {"version": "v1.0.0"}]
)
def test_names_and_versions_out_of_range_are_refused(base, values):
    with pytest.raises(ValidationError):
        receive(base, **values)


def test_a_taken_version_is_refused_with_the_next_free_one(base):
    AdapterFactory(name="warm", version="1.0.0"), AdapterFactory(name="warm", version="1.10.9")
    with pytest.raises(AdapterExists, match=r"next free one is 1\.10\.10") as refused:
        receive(base)
    assert refused.value.free_version == "1.10.10"
    receive(base, version="1.10.10")
    with pytest.raises(AdapterExists, match=r"1\.10\.11"):  # the one that waits for its check counts as taken
        receive(base, version="1.10.10")
    assert AdapterRegistration.objects.get().claim("host:1:1")
    with pytest.raises(AdapterExists, match=r"1\.10\.11"):  # and the one being checked
        receive(base, version="1.10.10")


def test_a_parent_must_be_a_living_adapter_of_the_same_base(base):
    with pytest.raises(Refused, match="no adapter of"):
        receive(base, parent=AdapterFactory())
    parent = AdapterFactory(base_model=base)
    assert receive(base, parent=parent).parent == parent


def test_a_store_that_refuses_leaves_nothing(base, monkeypatch, stored_files, tmp_path):
    from django.core.files.storage import FileSystemStorage

    save_file = FileSystemStorage._save

    def refuse_weights(self, name, content):
        if name.endswith(WEIGHTS_FILE):
            raise OSError(5, "Input/output error")
        return save_file(self, name, content)

    monkeypatch.setattr(FileSystemStorage, "_save", refuse_weights)
    with pytest.raises(AdapterFilesUnavailable, match="store refused"):
        receive(base, adapter_folder(tmp_path / "warm"))
    assert stored_files() == [] and not AdapterRegistration.objects.exists()


def test_accepted_it_is_an_adapter_with_the_same_id_and_files(base, storage_backend):
    registration = receive_and_take_in(base, description="soft\r\nkeys")
    other = AdapterRegistration.objects.get()
    with pytest.raises(ClaimLost):  # another has claimed it
        accept(other)
    adapter = accept(registration)
    assert Adapter.objects.get() == adapter
    assert (adapter.pk, adapter.files, adapter.sha256) == (registration.pk, registration.files, registration.sha256)
    assert adapter.is_active and not adapter.is_default and adapter.description == "soft\nkeys"
    assert registration.state == "registered" and registration.adapter == adapter
    with pytest.raises(ClaimLost):  # a second worker finds it ended
        accept(registration)
    assert (local_folder(adapter) / WEIGHTS_FILE).is_file()


def test_refused_it_leaves_a_reason_and_no_files(base, stored_files, django_capture_on_commit_callbacks):
    registration = receive_and_take_in(base)
    with django_capture_on_commit_callbacks() as after_commit:
        assert registration.fail("It changes nothing.")
    assert stored_files(), "files go once the row says so for good"
    for callback in after_commit:
        callback()
    assert (registration.state, registration.error) == ("refused", "It changes nothing.")
    with pytest.raises(ClaimLost):
        accept(registration)
    assert stored_files() == [] and not Adapter.objects.exists()


def test_a_name_taken_while_it_was_checked_refuses_it(base):
    registration = receive_and_take_in(base)
    AdapterFactory(name="warm", version="1.0.0")
    registration.perform(accept, str)
    assert registration.state == "refused" and "next free one is 1.0.1" in registration.error


def test_an_adapter_is_listed_and_the_work_that_made_it_ended_or_neither(base, tmp_path):
    registration = receive(base, adapter_folder(tmp_path / "warm"))

    def fail(adapter):
        assert Adapter.objects.get() == adapter
        raise ClaimLost

    with pytest.raises(ClaimLost):
        accept(registration, fail)
    assert not Adapter.objects.exists() and AdapterRegistration.objects.get().state == "checking"
    ended = []
    assert accept(registration, ended.append) == Adapter.objects.get() == ended[0]


def test_files_of_this_machine_get_the_next_free_version(base, tmp_path):
    AdapterFactory(name="warm", version="1.0.3")
    assert receive(base, adapter_folder(tmp_path / "warm"), version=None).version == "1.0.4"


def test_files_missing_or_changed_on_the_store_are_told(base):
    from django.core.files.base import ContentFile
    from django.core.files.storage import storages

    adapter = AdapterFactory(base_model=base)
    storages["default"].save(adapter.file_name(WEIGHTS_FILE), ContentFile(save(lora_tensors(99))))
    with pytest.raises(AdapterFilesUnavailable, match="damaged"):
        local_folder(adapter)
    with pytest.raises(AdapterFilesUnavailable, match="not on the store"):
        local_folder(AdapterFactory(stored=False))


def test_the_local_copy_is_one_folder_for_one_content(base, settings):
    adapter = AdapterFactory(base_model=base)
    folder = local_folder(adapter)
    assert folder == local_folder(adapter) and [f.name for f in settings.ADAPTERS_DIR.iterdir()] == [folder.name]
    adapter.peft_config = adapter.peft_config | {"lora_alpha": 9}
    assert local_folder(adapter) != folder, "the same weights at another alpha are another adapter"
