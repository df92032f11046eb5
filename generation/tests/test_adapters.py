"""Adapters in generation: what the engine is given, what is recorded, what is inherited, what is refused."""

from __future__ import annotations

import json

import pytest

from adapters.models import Adapter
from adapters.services import deactivate_adapter, delete_adapter
from adapters.tests.factories import AdapterFactory
from generation import services
from generation.jobs import worker
from generation.listening.downloads import provenance
from generation.listening.replay import replay_body, replay_command, replay_warnings
from generation.models import AudioSample, GenerationJob
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory, PromptFactory
from generation.tests.fake_engine import FakeEngine
from text2song.tests.clients import caller

pytestmark = pytest.mark.django_db
ME = "host:1:1"


@pytest.fixture
def model():
    return BaseModelFactory(is_active=True, display_name="Tiny")


@pytest.fixture
def adapter(model):
    return AdapterFactory(name="warm", version="1.2.0", base_model=model)


def sent(model, adapter=None, strength=1.0, **values):
    values = {"duration": 2, "num_samples": 1, **values}
    return services.make_music(
        actor=None, prompt=PromptFactory(), base_model=model, adapter=adapter, adapter_strength=strength, **values
    )


def test_a_mixed_batch_gets_its_adapters_and_samples_record_them(storage_backend, model, adapter, settings):
    other = AdapterFactory(base_model=model)
    jobs = [sent(model), sent(model, adapter, 0.7), sent(model, other)]
    engine = FakeEngine()
    worker.drain(engine, ME)
    (batch,) = engine.batches
    given = {spec.job_id: spec.adapters for spec in batch}
    assert given[str(jobs[0].pk)] == ()
    (spec,) = given[str(jobs[1].pk)]
    assert (spec.sha256, spec.strength) == (adapter.sha256, 0.7)
    assert spec.path == str(settings.ADAPTERS_DIR / adapter.content_hash)
    hashes = {sample.job_id: sample.adapter_sha256 for sample in AudioSample.objects.all()}
    assert hashes == {jobs[0].pk: "", jobs[1].pk: adapter.sha256, jobs[2].pk: other.sha256}


def test_missing_files_fail_the_one_job_with_a_sentence(model):
    fine, lost = sent(model), sent(model, AdapterFactory(name="lost", base_model=model, stored=False))
    worker.drain(FakeEngine(), ME)
    fine.refresh_from_db(), lost.refresh_from_db()
    assert (fine.state, lost.state) == ("completed", "failed")
    assert "“lost@1.0.0” are not on the store" in lost.error


def test_a_job_sent_before_the_adapter_was_switched_off_finishes_with_it(model, adapter, curator):
    job = sent(model, adapter)
    deactivate_adapter(adapter=adapter, actor=curator)
    worker.drain(FakeEngine(), ME)
    job.refresh_from_db()
    assert job.state == "completed" and job.samples.get().adapter_sha256 == adapter.sha256


def test_relatives_and_retries_inherit_the_adapter(model, adapter, user):
    sample = AudioSampleFactory(
        job=GenerationJobFactory(base_model=model, adapter=adapter, adapter_strength=0.6, failed=True)
    )
    relatives = (
        services.extend_sample(sample=sample, actor=user, seconds=2),
        services.vary_sample(sample=sample, actor=user, keep_seconds=0.4),
        services.retry_job(job=sample.job, actor=user),
    )
    assert {(job.adapter, job.adapter_strength) for job in relatives} == {(adapter, 0.6)}


@pytest.mark.parametrize("strength", [-0.1, 1.6, float("nan")])
def test_a_strength_out_of_range_is_refused(model, adapter, user, strength):
    from django.core.exceptions import ValidationError

    with pytest.raises(ValidationError):
        sent(model, adapter, strength)


def test_the_api_takes_shows_and_filters_by_adapter(model, adapter, user):
    api = caller(user)
    body = {"text": "calm piano", "adapter": str(adapter.pk), "adapter_strength": 0.8, "duration": 2}
    answer = api.post("/api/v1/generate/", body)
    assert answer.status_code == 202
    assert answer.json()["adapter"] == {"id": str(adapter.pk), "name": "warm", "version": "1.2.0"}
    assert answer.json()["adapter_strength"] == 0.8
    plain = sent(model)
    worker.drain(FakeEngine(), ME)

    def found(address):
        return [row.get("job", row["id"]) for row in api.get(f"/api/v1/{address}").json()["results"]]

    assert str(found(f"jobs/?adapter={adapter.pk}")[0]) == answer.json()["id"]
    assert found("jobs/?adapter=null") == [str(plain.pk)]
    assert found(f"audio/?adapter={adapter.pk}") == [answer.json()["id"]]
    (clip,) = api.get(f"/api/v1/audio/?adapter={adapter.pk}").json()["results"]
    assert clip["adapter"]["version"] == "1.2.0" and clip["adapter_sha256"] == adapter.sha256
    assert clip["settings"]["adapter_strength"] == 0.8
    assert api.get("/api/v1/jobs/?adapter=nope").status_code == 400


def test_the_api_refuses_what_does_not_fit_by_name_and_makes_no_job(model, adapter, user, curator):
    api = caller(user)
    grand = BaseModelFactory(display_name="Grand")
    foreign = AdapterFactory(name="foreign", base_model=grand)

    def refusal(which):
        answer = api.post("/api/v1/generate/", {"text": "calm piano", "adapter": str(which.pk), "duration": 2})
        assert not GenerationJob.objects.exists()
        return answer.status_code, answer.json()

    status, told = refusal(foreign)
    assert status == 400 and told["code"] == "adapter_of_another_base" and "adapter" in told["fields"]
    for words in ("foreign@1.0.0", "Grand", "Tiny", "warm@1.2.0"):
        assert words in told["detail"]
    deactivate_adapter(adapter=adapter, actor=curator)
    assert refusal(adapter)[1]["code"] == "adapter_inactive"
    delete_adapter(adapter=adapter, actor=curator)
    status, told = refusal(adapter)
    assert (status, told["code"]) == (400, "adapter_deleted") and "“warm@1.2.0” was deleted" in told["detail"]
    unknown = api.post("/api/v1/generate/", {"text": "x", "adapter": "00000000-0000-0000-0000-000000000000"})
    assert unknown.status_code == 404


def test_deleted_the_old_jobs_stay_and_say_so(model, adapter, page, user, curator):
    sample = AudioSampleFactory(job=GenerationJobFactory(base_model=model, adapter=adapter, completed=True))
    assert "warm@1.2.0" in page.get("/jobs/").text
    delete_adapter(adapter=adapter, actor=curator)
    for address in ("/jobs/", f"/jobs/{sample.job_id}/", f"/samples/{sample.pk}/", "/library/"):
        answer = page.get(address)
        assert answer.status_code == 200 and "Deleted Adapter" in answer.text, address
    told = caller(user).get(f"/api/v1/audio/{sample.pk}/").json()
    assert told["adapter"]["name"] == "Deleted Adapter"


def test_provenance_and_replay_name_the_adapter(model, adapter, curator):
    sample = AudioSampleFactory(
        job=GenerationJobFactory(base_model=model, adapter=adapter, adapter_strength=0.75, completed=True),
        adapter_sha256=adapter.sha256,
    )
    tags = provenance(sample)
    assert tags["adapter"] == "warm@1.2.0, strength 0.75" and tags["adapter_sha256"] == adapter.sha256
    assert f"--adapter {adapter.pk} --strength 0.75" in replay_command(sample)
    body = json.loads(replay_body(sample))
    assert (body["adapter"], body["adapter_strength"]) == (str(adapter.pk), 0.75)
    assert replay_warnings(sample) == []
    deactivate_adapter(adapter=adapter, actor=curator)
    assert "warm@1.2.0 is not active" in replay_warnings(AudioSample.objects.get(pk=sample.pk))[0]
    plain = AudioSampleFactory(job=GenerationJobFactory(base_model=model, completed=True))
    assert provenance(plain)["adapter"] == "Base Model" and "--adapter" not in replay_command(plain)


# -- the Create page ---------------------------------------------------------------------------------------------------


def test_create_offers_what_fits_and_names_what_the_rest_requires(page, model, adapter):
    grand = BaseModelFactory(display_name="Grand")
    AdapterFactory(name="foreign", base_model=grand)
    AdapterFactory(name="off", base_model=model, is_active=False)
    AdapterFactory(name="stale", base_model=model, base_revision="older")
    html = page.get("/create/").text
    select = html[html.index('<select name="adapter"') :].partition("</select>")[0]
    assert select.index("None (base model)") < select.index("warm@1.2.0")
    assert "foreign@1.0.0 — requires Grand" in select
    foreign = next(line for line in select.split("<option") if "foreign" in line)
    assert " disabled" in foreign and " disabled" not in select.split("foreign")[0]
    assert "off@" not in select and "stale@" not in select


def test_with_no_fitting_adapter_create_says_how_to_get_one(page, model):
    html = page.get("/create/").text
    assert "No adapter fits this model yet" in html and 'href="/adapters/"' in html


def test_create_preselects_the_default_or_the_one_asked_for(page, model, adapter):
    def chosen(address):
        form = page.get(address).context["form"]
        return form["model"].value(), form["adapter"].value()

    assert chosen("/create/") == (model.key, "")
    default = AdapterFactory(base_model=model, is_default=True)
    assert chosen("/create/") == (model.key, str(default.pk))
    assert chosen(f"/create/?adapter={adapter.pk}") == (model.key, str(adapter.pk))
    foreign = AdapterFactory()
    assert chosen(f"/create/?adapter={foreign.pk}") == (foreign.base_model.key, str(foreign.pk))
    assert chosen("/create/?adapter=nonsense") == (model.key, str(default.pk))
    job = GenerationJobFactory(base_model=model)
    assert chosen(f"/create/?job={job.pk}") == (model.key, "")


def test_create_sends_the_adapter_with_its_strength(page, model, adapter):
    form = {"text": "calm piano", "model": model.key, "num_samples": 1, "duration": 2, "temperature": 1}
    form |= {"top_k": 250, "top_p": 0, "guidance_scale": 3}
    page.post("/create/", form | {"adapter": str(adapter.pk), "adapter_strength": "0.85"})
    job = GenerationJob.objects.get()
    assert (job.adapter, job.adapter_strength) == (adapter, 0.85)
    refused = page.post("/create/", form | {"adapter": str(adapter.pk), "adapter_strength": "1.6"})
    assert refused.status_code == 400 and "Strength must be a number from 0 to 1.5" in refused.text
    Adapter.objects.filter(pk=adapter.pk).update(is_active=False)
    refused = page.post("/create/", form | {"adapter": str(adapter.pk)})
    assert refused.status_code == 400 and "“warm@1.2.0” is not active" in refused.text
    assert "calm piano" in refused.text and GenerationJob.objects.count() == 1
