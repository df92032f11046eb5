"""The registry through the API."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from adapters.models import CONFIG_FILE, WEIGHTS_FILE, Adapter, AdapterRegistration
from adapters.services.registration import accept, take_in
from adapters.tests.factories import AdapterFactory, adapter_files, adapter_zip, tiny_base
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.clients import caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(user):
    return caller(user)


def post_files(api, base, *files, **values):
    sent = files or (SimpleUploadedFile("a.zip", adapter_zip()),)
    body = {"files": list(sent), "name": "warm", "version": "1.0.0", "base_model": base.key} | values
    return api.post("/api/v1/adapters/", body, format="multipart")


def test_an_upload_is_answered_with_where_to_poll(api, user):
    base = tiny_base()
    answer = post_files(api, base, description="soft")
    assert answer.status_code == 202 and answer["Location"] == answer.json()["url"]
    assert answer.json()["state"] == "queued" and answer.json()["adapter"] is None
    registration = AdapterRegistration.objects.get()
    assert registration.created_by == user
    assert registration.claim("host:1:1")
    assert api.get(answer["Location"]).json()["state"] == "checking"
    take_in(registration)
    assert accept(registration)
    polled = api.get(answer["Location"]).json()
    assert (polled["state"], polled["adapter"]) == ("registered", str(registration.pk))
    adapter = api.get(f"/api/v1/adapters/{polled['adapter']}/").json()
    assert (adapter["name"], adapter["version"], adapter["usage_count"]) == ("warm", "1.0.0", 0)
    assert adapter["base_model"]["key"] == base.key and adapter["base_model"]["max_duration"] == base.max_duration
    assert adapter["sha256"] == registration.sha256 and adapter["config"]["r"] == 2


@pytest.mark.parametrize("missing", ["version", "name", "base_model", "files"])
def test_what_an_upload_lacks_is_named(api, missing):
    body = {"files": [SimpleUploadedFile("a.zip", adapter_zip())], "name": "warm", "version": "1.0.0"}
    body |= {"base_model": tiny_base().key}
    del body[missing]
    answer = api.post("/api/v1/adapters/", body, format="multipart")
    assert answer.status_code == 400 and list(answer.json()["fields"]) == [missing], answer.content
    assert not AdapterRegistration.objects.exists()


def test_loose_files_are_taken_too(api):
    files = [SimpleUploadedFile(name, content) for name, content in adapter_files().items()]
    assert post_files(api, tiny_base(), *files).status_code == 202


def test_what_is_wrong_is_told_at_once(api, stored_files):
    base = tiny_base()
    AdapterFactory(name="warm", stored=False)
    taken = post_files(api, base)
    assert taken.status_code == 409 and "next free one is 1.0.1" in taken.json()["detail"]
    for body, field in (
        ({"name": ""}, "name"),
        ({"version": "one"}, "version"),
        ({"base_model": "nope"}, "base_model"),
        ({"surprise": "x"}, "surprise"),
    ):
        refused = post_files(api, base, **body)
        assert refused.status_code == 400 and field in refused.json()["fields"], body
    pickle = post_files(api, base, SimpleUploadedFile("a.zip", adapter_zip({"adapter_model.bin": b"x"})), name="b")
    assert pickle.status_code == 400 and "pickle" in pickle.json()["fields"]["files"][0]
    assert api.post("/api/v1/adapters/", {"name": "x"}).status_code == 415
    assert stored_files() == [] and not AdapterRegistration.objects.exists()


def test_others_do_not_see_ones_uploads(api, curator):
    answer = post_files(api, tiny_base())
    stranger = caller(AdapterFactory(stored=False).created_by)
    assert stranger.get(answer["Location"]).status_code == 404
    assert caller(curator).get(answer["Location"]).status_code == 200
    assert api.get("/api/v1/adapter-registrations/").json()["count"] == 1


def test_the_list_filters_groups_and_counts(api, django_assert_max_num_queries):
    base = tiny_base()
    old = AdapterFactory(name="a", version="1.0.0", base_model=base, stored=False)
    new = AdapterFactory(name="a", version="1.1.0", base_model=base, stored=False)
    off = AdapterFactory(name="b", is_active=False, description="breathy flute", stored=False)
    job = GenerationJobFactory(base_model=base, adapter=old, completed=True)
    AudioSampleFactory(job=job), AudioSampleFactory(job=job)
    AudioSampleFactory(job=GenerationJobFactory(base_model=base, adapter=old, deleted_at="2026-01-01T00:00Z"))

    def names(query=""):
        return [f"{a['name']}@{a['version']}" for a in api.get(f"/api/v1/adapters/{query}").json()["results"]]

    with django_assert_max_num_queries(4):
        assert names() == [off.label, new.label, old.label]
    assert names("?active=true") == [new.label, old.label]
    assert names(f"?base_model={base.key}") == [new.label, old.label]
    assert names("?q=flute") == [off.label]
    assert names("?ordering=name")[0] == old.label or names("?ordering=name")[0] == new.label
    assert api.get("/api/v1/adapters/?nope=1").status_code == 400
    found = api.get(f"/api/v1/adapters/{old.pk}/").json()
    assert (found["usage_count"], found["job_count"]) == (2, 1)
    Adapter.objects.filter(pk=old.pk).update(is_default=True)
    groups = api.get("/api/v1/adapters/?group_by_name=true").json()
    assert groups["count"] == 2
    assert [(g["name"], [v["version"] for v in g["versions"]]) for g in groups["results"]] == [
        ("a", ["1.0.0", "1.1.0"]),
        ("b", ["1.0.0"]),
    ]


def test_changing_switching_and_deleting(api, user, curator):
    adapter = AdapterFactory(created_by=user, stored=False)
    url = f"/api/v1/adapters/{adapter.pk}/"
    renamed = api.patch(url, {"name": "velvet"})
    assert renamed.status_code == 200 and renamed.json()["name"] == "velvet"
    assert api.patch(url, {"is_default": True}).status_code == 400
    assert api.patch(url, {"name": AdapterFactory(stored=False).name}).status_code == 409
    assert api.post(f"{url}deactivate/").json()["is_active"] is False
    assert api.post(f"{url}activate/").json()["is_active"] is True
    assert api.post(f"{url}default/").status_code == 403
    assert caller(curator).post(f"{url}default/").json()["is_default"] is True
    assert caller(curator).post(f"{url}roll-back/").json()["is_default"] is False
    assert caller(curator).post(f"{url}roll-back/").status_code == 409
    assert api.delete(url).status_code == 204
    assert api.delete(url).status_code == 404 and api.get(url).status_code == 404


def test_the_download_holds_what_was_registered(api, storage_backend):
    adapter = AdapterFactory()
    answer = api.get(f"/api/v1/adapters/{adapter.pk}/download/")
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        assert sorted(archive.namelist()) == [CONFIG_FILE, WEIGHTS_FILE]
        assert archive.read(CONFIG_FILE) == adapter.config_bytes
    missing = api.get(f"/api/v1/adapters/{AdapterFactory(stored=False).pk}/download/")
    assert missing.status_code == 503 and missing.json()["code"] == "adapter_files_unavailable"
