"""Settings: the state of the system, and keys that are shown once."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from text2song import api_keys
from text2song.exceptions import Conflict, Forbidden, Refused
from text2song.models import ApiKey, WorkerPresence
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def shown_key(html: str) -> str:
    return re.search(r'<code id="new-key">([^<]+)</code>', html)[1]


def with_key(key: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


def test_the_system_page_names_every_part(page):
    WorkerPresence.objects.create(name="host:1:1", cluster="generation")
    html = page.get(reverse("settings")).content.decode()
    for words in ("Database", "Storage", "Queue", "Disk", "Memory", "host:1:1", "no queue worker is running"):
        assert words in html
    for name in ("models", "settings-generation", "settings-keys"):
        assert reverse(name) in html


def test_a_part_that_is_down_says_what_to_do(page, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("read-only")

    monkeypatch.setattr(storages["default"], "save", refuse)
    html = page.get(reverse("settings")).content.decode()
    assert "Does not work" in html
    assert "Files cannot be written" in html
    assert "read-only" not in html


def test_a_key_is_shown_once_and_stored_hashed(page, user):
    made = page.post(reverse("settings-keys"), {"name": "notebook", "scopes": ["read"], "expires_days": "30"})
    token = shown_key(made.content.decode())
    key = ApiKey.objects.get()
    assert token.startswith("t2s_")
    assert token not in (key.digest, key.token_key)
    assert key.scopes == ["read"]
    assert timedelta(days=29) < key.expiry - timezone.now() <= timedelta(days=30)
    again = page.get(reverse("settings-keys"))
    assert token not in again.content.decode()
    assert "notebook" in again.content.decode()
    assert "no-store" in again["Cache-Control"]


def test_a_key_opens_what_its_scopes_allow(user):
    _, token = api_keys.create_key(user=user, name="reader", scopes=["read"])
    assert with_key(token).get("/api/v1/prompts/").status_code == 200
    refused = with_key(token).post("/api/v1/prompts/", {"text": "calm piano"}, format="json")
    assert refused.status_code == 403
    _, token = api_keys.create_key(user=user, name="writer")
    assert with_key(token).post("/api/v1/prompts/", {"text": "calm piano"}, format="json").status_code == 201


def test_a_revoked_key_is_refused_at_once(page, user):
    key, token = api_keys.create_key(user=user, name="old")
    address = reverse("settings-key-revoke", args=[key.pk])
    question = page.get(address).content.decode()
    assert "Revoke the key “old”?" in question
    assert ApiKey.objects.exists(), "asking destroys nothing"
    assert page.post(address).url == reverse("settings-keys")
    assert with_key(token).get("/api/v1/prompts/").status_code == 401


def test_the_question_is_a_fragment_for_the_dialog(page, user):
    key, _ = api_keys.create_key(user=user, name="old")
    html = page.get(reverse("settings-key-revoke", args=[key.pk]), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in html
    assert 'id="dialog-title"' in html


def test_an_expired_key_is_refused(user):
    key, token = api_keys.create_key(user=user, name="brief", expires_days=1)
    ApiKey.objects.filter(pk=key.pk).update(expiry=timezone.now() - timedelta(seconds=1))
    assert with_key(token).get("/api/v1/prompts/").status_code == 401


def test_another_users_key_is_out_of_reach(page, user):
    key, _ = api_keys.create_key(user=UserFactory(), name="theirs")
    assert page.post(reverse("settings-key-revoke", args=[key.pk])).status_code == 404
    assert "theirs" not in page.get(reverse("settings-keys")).content.decode()
    with pytest.raises(Forbidden):
        api_keys.revoke_key(key=key, by=user)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "", "scopes": ["read"]}, "required"),
        ({"name": "x", "scopes": []}, "Choose at least one scope"),
        ({"name": "x", "scopes": ["root"]}, "root"),
        ({"name": "taken", "scopes": ["read"]}, "already"),
        ({"name": "x" * 101, "scopes": ["read"]}, "100"),
        ({"name": "x", "scopes": ["read"], "expires_days": "9999999"}, "9999999"),
    ],
)
def test_a_refused_key_keeps_what_was_typed(page, user, values, words):
    api_keys.create_key(user=user, name="taken")
    answer = page.post(reverse("settings-keys"), values)
    assert answer.status_code == 400
    html = answer.content.decode()
    assert words in html
    assert f'value="{values["name"]}"' in html or not values["name"]
    assert ApiKey.objects.count() == 1


def test_the_service_holds_the_rules(user):
    for values in ({"name": " "}, {"name": "x", "scopes": ["root"]}, {"name": "x", "scopes": []}):
        with pytest.raises(Refused):
            api_keys.create_key(user=user, **values)
    with pytest.raises(Refused):
        api_keys.create_key(user=user, name="x", expires_days=0)
    api_keys.create_key(user=user, name="x")
    with pytest.raises(Conflict):
        api_keys.create_key(user=user, name="x")
    api_keys.create_key(user=UserFactory(), name="x")


def test_the_command_prints_the_key_alone(user):
    out, err = StringIO(), StringIO()
    call_command("create_api_key", "rita", "--name", "nightly", "--scope", "read", stdout=out, stderr=err)
    token = out.getvalue().strip().splitlines()[-1]
    assert with_key(token).get("/api/v1/prompts/").status_code == 200
    assert ApiKey.objects.get().scopes == ["read"]
    assert "nightly" in err.getvalue()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("nobody", "--name", "x"), "no user called"), (("rita", "--name", "x", "--expires-days", "0"), "1 to 3650")],
)
def test_the_command_says_what_is_wrong(user, arguments, words):
    with pytest.raises(CommandError, match=words):
        call_command("create_api_key", *arguments)


def test_curators_revoke_keys_in_the_admin(curator_page, user):
    key, token = api_keys.create_key(user=user, name="leaked")
    listed = curator_page.get("/admin/text2song/apikey/?q=leaked").content.decode()
    assert "leaked" in listed
    curator_page.post("/admin/text2song/apikey/", {"action": "revoke", "_selected_action": [key.pk]})
    assert with_key(token).get("/api/v1/prompts/").status_code == 401


def test_curators_see_workers(curator_page):
    WorkerPresence.objects.create(name="host:1:1", cluster="default")
    WorkerPresence.objects.create(
        name="host:2:2", cluster="default", seen_at=timezone.now() - WorkerPresence.TIMEOUT * 2
    )
    html = curator_page.get("/admin/text2song/workerpresence/").content.decode()
    assert html.count("icon-yes") == 1
    assert html.count("icon-no") == 1


def test_keys_and_workers_are_looked_at_not_typed(curator_page, user):
    key, _ = api_keys.create_key(user=user, name="mine")
    worker = WorkerPresence.objects.create(name="host:1:1", cluster="default")
    for kind, pk in (("apikey", key.pk), ("workerpresence", worker.pk)):
        html = curator_page.get(f"/admin/text2song/{kind}/{pk}/change/").text
        assert all(name not in html for name in ("_save", "deletelink", 'name="name"'))
        assert curator_page.get(f"/admin/text2song/{kind}/add/").status_code == 403


def test_the_admin_is_closed_to_others(page):
    assert page.get("/admin/text2song/apikey/").status_code == 302
    assert Client().get("/admin/").status_code == 302
