"""A real peft adapter on studio-tiny: registered, refused, generated with, and taken away again as peft's own."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from peft import PeftModel

from adapters.files.keeping import local_folder, write_zip
from adapters.models import WEIGHTS_FILE, Adapter, AdapterRegistration
from adapters.services.registration import request_registration
from adapters.tests.factories import AdapterRegistrationFactory
from generation import services, tasks
from generation.base_models.catalogue import STUDIO_TINY, sync_catalogue
from generation.engine import Engine, EngineCache
from generation.engine.adapters import PROBE_STEPS, PROBE_TEXT, AdapterProbe, changes_of
from generation.engine.tests.conftest import BUNDLED, load_reference
from generation.engine.tests.test_adapter_check import with_tensors
from generation.engine.tests.test_adapters import save_adapter
from generation.jobs import adapter_check
from generation.jobs.adapter_check import check_waiting
from generation.models import AudioSample, BaseModel
from generation.services.adapters import register_adapter
from generation.sound.files import load_codes
from generation.specs import AdapterSpec, SampleSpec, SamplingSpec
from prompts.tests.factories import PromptFactory
from text2song.work import oldest_waiting, take_up_left_behind

ME = "host:1:1"
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def engines() -> EngineCache:
    """One engine for all tests of this file; the CPU, whatever this machine has."""
    torch.set_num_threads(1)
    return EngineCache(make=lambda model: Engine(model, device="cpu"))


@pytest.fixture(scope="module")
def lora(tmp_path_factory) -> AdapterSpec:
    config = {"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj", "fc1"]}
    return save_adapter(BUNDLED, tmp_path_factory.mktemp("lora") / "lora", 21, **config)


@pytest.fixture
def base() -> BaseModel:
    sync_catalogue()
    return BaseModel.objects.get(key=STUDIO_TINY)


def zipped(folder: str) -> SimpleUploadedFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in Path(folder).iterdir():
            archive.write(file, f"lora/{file.name}")
    return SimpleUploadedFile("lora.zip", buffer.getvalue())


def uploaded(user, base, lora, **values) -> AdapterRegistration:
    values = {"name": "warm", "version": "1.0.0"} | values
    return request_registration(actor=user, files=[zipped(lora.path)], base_model=base, **values)


def test_an_upload_is_tried_by_the_worker_and_registered(user, base, lora, engines, monkeypatch):
    registration = uploaded(user, base, lora)
    monkeypatch.setattr(tasks, "engines", lambda: engines)
    tasks.check_adapter(str(registration.pk))
    registration.refresh_from_db()
    assert (registration.state, registration.attempts) == ("registered", 0)
    assert Adapter.objects.get() == registration.adapter


def test_an_adapter_that_changes_nothing_is_refused_with_the_reason(
    user, base, lora, engines, tmp_path, stored_files, django_capture_on_commit_callbacks
):
    empty = with_tensors(lora, tmp_path / "empty", lambda n, t: torch.zeros_like(t) if "lora_B" in n else t)
    registration = uploaded(user, base, empty)
    with django_capture_on_commit_callbacks(execute=True):
        check_waiting(engines, ME)
    registration.refresh_from_db()
    assert registration.state == "refused" and "“warm@1.0.0” changes nothing" in registration.error
    assert not Adapter.objects.exists() and stored_files("adapters") == []


def test_an_adapter_that_peft_cannot_attach_is_refused(user, base, lora, engines, tmp_path):
    """Shapes fit, but the configuration names other modules than the tensors."""
    import json

    odd = with_tensors(lora, tmp_path / "odd", lambda name, tensor: tensor)
    config = Path(odd.path) / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"target_modules": ["k_proj"]}))
    registration = uploaded(user, base, odd)
    check_waiting(engines, ME)
    registration.refresh_from_db()
    assert registration.state == "refused" and "made for another model" in registration.error


def test_after_too_many_dead_workers_it_is_refused(base):
    registration = AdapterRegistrationFactory(base_model=base, attempts=AdapterRegistration.MAX_ATTEMPTS - 1)
    assert registration.claim(ME)
    take_up_left_behind()
    registration.refresh_from_db()
    assert registration.state == "refused" and "died each time" in registration.error


def test_one_left_behind_is_found_by_a_generation_worker(base, engines):
    AdapterRegistrationFactory(base_model=base).claim("dead:1:1")
    take_up_left_behind()
    waiting = oldest_waiting("generation")
    assert waiting == AdapterRegistration.objects.get() and waiting.task == "generation.tasks.check_adapter"
    assert oldest_waiting("training") is None


def test_the_command_registers_and_says_why_not(base, lora, tmp_path, capsys):
    arguments = ["register_adapter", lora.path, "--name", "warm", "--model", STUDIO_TINY]
    call_command(*arguments)
    first = Adapter.objects.get()
    assert (first.label, first.source, first.base_revision) == ("warm@1.0.0", "command", base.revision)
    assert first.sha256 in capsys.readouterr().out
    call_command(*arguments, "--parent", "warm@1.0.0", "--inactive")
    second = Adapter.objects.get(version="1.0.1")
    assert second.parent == first and not second.is_active
    for wrong, words in (
        (["--adapter-version", "1.0.0"], "next free one is 1.0.2"),
        (["--base-revision", "f" * 64], "revision ffffffffffff"),
        (["--parent", "nope@1.0.0"], "no adapter “nope@1.0.0”"),
        (["--user", "nobody"], "no user"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command(*arguments, *wrong)
    with pytest.raises(CommandError, match="no folder or file"):
        call_command("register_adapter", str(tmp_path / "gone"), "--name", "x")


def test_nobody_takes_up_what_a_command_is_trying(base, lora, monkeypatch):
    measure = adapter_check.measure_effect

    def look_meanwhile(registration, engines):
        assert take_up_left_behind() == 0 and registration.is_mine()
        return measure(registration, engines)

    monkeypatch.setattr(adapter_check, "measure_effect", look_meanwhile)
    adapter = register_adapter(actor=None, files=Path(lora.path), name="warm", base_model=base, source="training")
    assert adapter.label == "warm@1.0.0"


def test_generating_with_it_sounds_different_and_strength_zero_does_not(user, base, lora, engines):
    registration = uploaded(user, base, lora)
    check_waiting(engines, ME)
    registration.refresh_from_db()
    prompt = PromptFactory()

    def codes(**values):
        job = services.make_music(
            actor=user, prompt=prompt, base_model=base, seed=3, duration=1, num_samples=1, **values
        )
        tasks.worker.drain(engines, "host:1:1")
        job.refresh_from_db()
        assert job.state == "completed", job.error
        return load_codes(AudioSample.objects.get(job=job))

    plain, adapted = codes(), codes(adapter=registration.adapter)
    assert not np.array_equal(plain, adapted)
    np.testing.assert_array_equal(plain, codes(adapter=registration.adapter, adapter_strength=0.0))
    np.testing.assert_array_equal(adapted, codes(adapter=registration.adapter))


def test_the_downloaded_folder_is_what_peft_loads_and_the_engine_applies(user, base, lora, engines, tmp_path):
    """Round trip: the archive's folder, loaded by peft alone, gives the logits of the engine's own application."""
    registration = uploaded(user, base, lora)
    check_waiting(engines, ME)
    registration.refresh_from_db()
    folder = tmp_path / "downloaded"
    with zipfile.ZipFile(tmp_path / "adapter.zip", "w") as archive:
        write_zip(registration.adapter, archive)
    with zipfile.ZipFile(tmp_path / "adapter.zip") as archive:
        archive.extractall(folder)
    assert (folder / WEIGHTS_FILE).read_bytes() == (Path(lora.path) / WEIGHTS_FILE).read_bytes()

    model = load_reference(BUNDLED)
    engine = engines.get(base.spec())
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(engine._layout.codes, (PROBE_STEPS, 1, engine.facts.codebooks), generator=generator)
    tokens[0] = engine._layout.pad_token
    from transformers import AutoTokenizer

    text = AutoTokenizer.from_pretrained(BUNDLED)(PROBE_TEXT, return_tensors="pt")

    def logits() -> torch.Tensor:
        with torch.no_grad():
            return model(**text, decoder_input_ids=tokens[:, 0].T.contiguous()).logits

    plain = logits()
    PeftModel.from_pretrained(model.decoder, str(folder))
    spec = AdapterSpec(str(local_folder(registration.adapter)), registration.sha256)
    assert engine.adapter_effect(spec) == pytest.approx(float((logits() - plain).abs().max()), rel=1e-3)

    probe = AdapterProbe(engine._model, engine._tokenizer, engine._layout)
    ours = probe.logits(changes_of(engine._model, [spec]))
    theirs = logits().transpose(0, 1)  # [K, T, V] -> [T, K, V]
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)


def test_each_sample_of_a_job_is_drawn_with_its_own_seed(user, base, lora, engines):
    """Sample i of a job is what the engine makes alone of seed + i: with an adapter, and at its strength."""
    registration = uploaded(user, base, lora)
    check_waiting(engines, ME)
    registration.refresh_from_db()
    job = services.make_music(
        actor=user,
        prompt=PromptFactory(),
        base_model=base,
        seed=3,
        duration=1,
        num_samples=3,
        adapter=registration.adapter,
        adapter_strength=0.5,
    )
    tasks.worker.drain(engines, "host:1:1")
    folder = str(local_folder(registration.adapter))
    for sample in AudioSample.objects.filter(job=job):
        spec = SampleSpec(
            "alone",
            0,
            job.prompt.rendered_text,
            3 + sample.index,
            1,
            SamplingSpec(job.temperature, job.top_k, job.top_p, job.guidance_scale),
            (AdapterSpec(folder, registration.sha256, 0.5),),
        )
        (alone,) = engines.get(base.spec()).generate([spec])
        np.testing.assert_array_equal(load_codes(sample), alone.codes)
    assert AudioSample.objects.filter(job=job).count() == 3
