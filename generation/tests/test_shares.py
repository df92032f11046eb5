"""Links that play without an account, and tell nothing but the sound."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from generation.models import ShareLink
from generation.services import collect, delete_sample, make_collection, revoke_link, share, undo_deletion
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.exceptions import Forbidden, Refused
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def sample(user):
    return AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=user))


@pytest.fixture
def link(sample, user):
    return share(target=sample, actor=user)


def body(response) -> bytes:
    return b"".join(response) if response.streaming else response.content


def test_it_plays_and_tells_nothing_else(client, link, sample, user):
    page = client.get(f"/s/{link.token}/")
    sound = client.get(f"/s/{link.token}/1/audio", headers={"Range": "bytes=0-3"})
    assert page.status_code == 200 and sound.status_code == 206
    assert "Untitled clip" in page.text
    job = sample.job
    secrets = [
        str(sample.pk), str(job.pk), str(link.pk), sample.sha256, job.prompt.text, user.username,
        job.base_model.display_name, job.base_model.key, sample.audio_file.name,
    ]  # fmt: skip
    whole = body(client.get(f"/s/{link.token}/1/audio"))
    said = page.text + str(page.headers) + str(sound.headers)
    for secret in secrets:
        assert secret not in said
        assert secret.encode() not in whole
    for answer in (page, sound):
        assert answer["X-Robots-Tag"].startswith("noindex")
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer["Cache-Control"]
    assert '<meta name="robots" content="noindex' in page.text
    in_chinese = client.get(f"/s/{link.token}/", headers={"Accept-Language": "zh-TW"})
    assert '<html lang="en">' in page.text and '<html lang="zh-hant">' in in_chinese.text


def test_a_title_of_its_own_is_shown_and_openings_are_counted(client, link, sample):
    sample.title = "Sunday rain"
    sample.save()
    assert "Sunday rain" in client.get(f"/s/{link.token}/").text
    link.refresh_from_db()
    assert link.opened == 1 and link.last_opened_at is not None


@pytest.mark.parametrize("how", ["revoked", "expired", "deleted", "unknown", "withheld", "maker left"])
def test_every_end_is_the_same(client, link, sample, user, how):
    token = link.token
    if how == "revoked":
        revoke_link(link=link, actor=user)
    elif how == "expired":
        ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif how == "deleted":
        delete_sample(sample=sample, actor=user)
    elif how == "withheld":
        sample.job.withheld = True
        sample.job.save()
    elif how == "maker left":
        user.is_active = False
        user.save()
    else:
        token = "x" * 43
    page, sound = client.get(f"/s/{token}/"), client.get(f"/s/{token}/1/audio")
    assert page.status_code == sound.status_code == 404
    assert "Nothing to hear here" in page.text
    assert page.text == sound.text or "nonce" in page.text


def test_an_undone_deletion_opens_it_again(client, link, sample, user):
    undo_deletion(deletion=delete_sample(sample=sample, actor=user), actor=user)
    assert client.get(f"/s/{link.token}/").status_code == 200


def test_a_collection_plays_in_its_order_without_deleted_clips(client, sample, user):
    others = [AudioSampleFactory(job=sample.job) for _ in range(2)]
    collection = make_collection(actor=user, name="Mornings")
    collect(collection=collection, samples=[others[1], sample, others[0]], actor=user)
    delete_sample(sample=sample, actor=user)
    link = share(target=collection, actor=user, days=None)
    page = client.get(f"/s/{link.token}/")
    assert "Mornings" in page.text and page.text.count("<audio") == 2
    assert body(client.get(f"/s/{link.token}/1/audio")) == others[1].audio_file.read()
    assert client.get(f"/s/{link.token}/3/audio").status_code == 404


def test_owner_and_curators_share_for_known_times(sample, user, curator):
    with pytest.raises(Forbidden):
        share(target=sample, actor=UserFactory())
    with pytest.raises(Refused):
        share(target=sample, actor=user, days=5)
    assert share(target=sample, actor=curator, days=None).expires_at is None


def test_the_page_lists_and_revokes_ones_own(client, link, sample, user):
    client.force_login(UserFactory())
    assert link.token not in client.get("/shared/").text
    assert client.post(f"/shared/{link.pk}/revoke/").status_code == 404
    assert client.post(f"/samples/{sample.pk}/share/", {"days": "7"}).status_code == 403
    client.force_login(user)
    assert client.post(f"/samples/{sample.pk}/share/", {"days": "never"}).status_code == 302
    page = client.get("/shared/")
    assert link.token in page.text
    assert client.post(f"/shared/{link.pk}/revoke/").status_code == 302
    assert ShareLink.objects.open().count() == 1
    asked = client.get("/shared/revoke/")
    assert "1 link that works now" in asked.text and ShareLink.objects.open().count() == 1
    client.post("/shared/revoke/")
    assert not ShareLink.objects.open().exists()


def test_who_made_a_clip_names_and_shares_it_from_its_page(page, sample, user):
    here = f"/samples/{sample.pk}/"
    text = page.get(here).text
    assert f'action="{here}rename/"' in text and f'action="{here}share/"' in text and 'name="days"' in text
    page.post(f"{here}rename/", {"title": "Sunday rain"})
    page.post(f"{here}share/", {"days": "7"})
    assert "<h1>Sunday rain</h1>" in page.get(here).text
    assert "Sunday rain" in page.get("/palette/?q=sunday").text
    assert ShareLink.objects.get().sample == sample
    of_another = AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=UserFactory()))
    assert "/share/" not in page.get(f"/samples/{of_another.pk}/").text


def test_a_store_that_is_away_does_not_call_the_link_dead(client, link, sample, monkeypatch):
    def away(*_: object, **__: object) -> None:
        raise PermissionError("store is away")

    monkeypatch.setattr(sample.audio_file.storage.__class__, "_open", away)
    answer = client.get(f"/s/{link.token}/1/audio")
    assert answer.status_code == 503 and "just now" in answer.text and "no-store" in answer["Cache-Control"]
    monkeypatch.undo()
    sample.audio_file.storage.delete(sample.audio_file.name)
    assert client.get(f"/s/{link.token}/1/audio").status_code == 404
