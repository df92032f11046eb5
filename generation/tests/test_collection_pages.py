"""Collections on their pages: found, made, filled, put in order, downloaded, shared, deleted and brought back."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.core import serializers
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generation.listening import archives
from generation.models import AudioSample, Collection, CollectionItem, Deletion, ShareLink
from generation.services import collect, delete_sample, make_collection, share
from generation.services import collections as services
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory, PromptFactory
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def samples(user: Any) -> list[AudioSample]:
    job = GenerationJobFactory(completed=True, requested_by=user, prompt=PromptFactory(text="Calm piano over rain"))
    return [AudioSampleFactory(job=job, index=index) for index in range(3)]


@pytest.fixture
def mornings(user: Any, samples: list[AudioSample]) -> Collection:
    collection = make_collection(actor=user, name="Mornings")
    collect(collection=collection, samples=samples, actor=user)
    return collection


@pytest.fixture
def other_page(db: None) -> Client:
    client = Client()
    client.force_login(UserFactory(username="otto"))
    return client


def at(name: str, collection: Collection, *rest: str) -> str:
    return reverse(f"collection-{name}", args=[collection.pk, *rest])


def order(collection: Collection) -> list[int]:
    return list(collection.items.values_list("sample__index", flat=True))


def toasts(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


# -- the list --------------------------------------------------------------------------------------------------------


def test_the_list_has_ones_own_first_then_what_others_share(page, other_page, mornings, user):
    make_collection(actor=user, name="Evenings")
    otto = UserFactory(username="paula")
    make_collection(actor=otto, name="Another's", is_shared=True)
    make_collection(actor=otto, name="Hidden")
    text = page.get(reverse("collections")).text
    assert "Hidden" not in text and "paula" in text
    assert text.index("Yours") < text.index("Evenings") < text.index("Mornings") < text.index("Shared by others")
    assert text.index("Shared by others") < text.index("Another&#x27;s")
    assert "3 clips" in text and "private" in text
    theirs = other_page.get(reverse("collections")).text
    assert "Mornings" not in theirs and "Yours" not in theirs
    Collection.objects.filter(is_shared=True).delete()
    assert "No collection yet" in other_page.get(reverse("collections")).text


def test_one_is_made_in_place_and_a_taken_name_is_told_and_kept(page, mornings, user):
    made = page.post(reverse("collections"), {"name": " Late  nights "})
    assert made.url == at("detail", Collection.objects.get(name="Late nights"))
    refused = page.post(reverse("collections"), {"name": "Mornings"})
    assert refused.status_code == 400 and 'value="Mornings"' in refused.text
    assert "already" in refused.text and Collection.objects.count() == 2
    assert page.post(reverse("collections"), {"name": " "}).status_code == 400


def test_the_figures_leave_out_what_is_not_shown(page, mornings, samples):
    samples[0].job.withheld = True
    samples[0].job.save()
    assert "0 clips" in page.get(reverse("collections")).text
    assert samples[0].name not in page.get(at("detail", mornings)).text


def test_the_palette_finds_those_that_may_be_seen(page, other_page, mornings):
    find = f"{reverse('palette')}?q=morn"
    assert at("detail", mornings) in page.get(find).text
    assert at("detail", mornings) not in other_page.get(find).text


# -- the page of one -------------------------------------------------------------------------------------------------


def test_the_page_plays_its_clips_in_order(page, mornings, samples):
    text = page.get(at("detail", mornings)).text
    places = [text.index(f'id="sample-{sample.pk}"') for sample in samples]
    assert places == sorted(places)
    assert text.count("data-playlist") == 1 and "data-play-all" in text
    assert 'aria-label="Breadcrumb"' in text and reverse("collections") in text


def test_nothing_is_learned_by_knowing_an_id(other_page, mornings, samples):
    doors = [("detail", "get", {}), ("change", "post", {"name": "Mine"}), ("order", "post", {"order": []})]
    doors += [("take-out", "post", {"ids": [samples[0].pk]}), ("delete", "post", {}), ("share", "post", {"days": "7"})]
    for name, method, body in doors:
        assert getattr(other_page, method)(at(name, mornings), body).status_code == 404, name
    assert other_page.get(at("download", mornings, "flac")).status_code == 404
    assert other_page.post(reverse("collect"), {"ids": samples[0].pk, "collection": mornings.pk}).status_code == 404
    assert Collection.objects.get().name == "Mornings" and order(mornings) == [0, 1, 2]


def test_a_shared_one_is_read_by_others_and_changed_by_its_owner_and_curators(page, other_page, curator_page, mornings):
    page.post(at("change", mornings), {"is_shared": "1"})
    text = other_page.get(at("detail", mornings)).text
    assert "data-play-all" in text and "Rename" not in text and "data-grip" not in text and "Take out" not in text
    for name, body in (("change", {"name": "Mine"}), ("order", {}), ("delete", {}), ("share", {"days": "7"})):
        assert other_page.post(at(name, mornings), body).status_code == 403, name
    assert curator_page.post(at("change", mornings), {"name": "Better"}).status_code == 302
    mornings.refresh_from_db()
    assert mornings.name == "Better" and mornings.is_shared
    page.post(at("change", mornings), {"is_shared": "0"})
    assert other_page.get(at("detail", mornings)).status_code == 404


def test_a_name_that_is_taken_stays_in_its_field(page, mornings, user):
    make_collection(actor=user, name="Evenings")
    refused = page.post(at("change", mornings), {"name": "Evenings"})
    assert refused.status_code == 400 and 'value="Evenings"' in refused.text and "<h1>Mornings</h1>" in refused.text


def test_clips_are_moved_without_script_and_sent_in_an_order_with_it(page, mornings, samples):
    a, b, c = (str(sample.pk) for sample in samples)
    page.post(at("order", mornings), {"move": c, "by": "-1"})
    assert order(mornings) == [0, 2, 1]
    page.post(at("order", mornings), {"move": a, "by": "-1"})
    assert order(mornings) == [0, 2, 1], "the first one has nowhere to go"
    answer = page.post(at("order", mornings), {"order": [b, a, c]}, headers={"HX-Request": "true"})
    assert answer.status_code == 204 and order(mornings) == [1, 0, 2]


def test_a_deleted_clip_keeps_its_place_while_others_move(page, mornings, samples):
    AudioSample.objects.filter(pk=samples[1].pk).update(deleted_at=timezone.now())
    page.post(at("order", mornings), {"move": samples[2].pk, "by": "-1"})
    assert order(mornings) == [2, 1, 0]


def test_clips_are_taken_out_and_undo_puts_them_back_in_place(page, mornings, samples):
    answer = page.post(at("take-out", mornings), {"ids": [samples[0].pk, samples[1].pk]}, follow=True)
    assert "2 clips were taken out" in toasts(answer) and order(mornings) == [2]
    deletion = Deletion.objects.get()
    page.post(reverse("deletion-undo", args=[deletion.pk]))
    assert order(mornings) == [0, 1, 2] and AudioSample.objects.visible().count() == 3


# -- deleting --------------------------------------------------------------------------------------------------------


def everything() -> list[str]:
    return [
        serializers.serialize("json", kind.objects.order_by("pk")) for kind in (Collection, CollectionItem, ShareLink)
    ]


def test_a_deleted_collection_comes_back_as_it_was_with_its_links(page, client, mornings, user):
    link = share(target=mornings, actor=user)
    before = everything()
    answer = page.post(at("delete", mornings), follow=True)
    assert "Mornings" in toasts(answer) and not Collection.objects.exists()
    assert client.get(f"/s/{link.token}/").status_code == 404
    undo = reverse("deletion-undo", args=[Deletion.objects.get().pk])
    assert f'action="{undo}?next=' in answer.text
    assert page.post(f"{undo}?next={at('detail', mornings)}").url == at("detail", mornings)
    assert everything() == before
    assert client.get(f"/s/{link.token}/").status_code == 200


def test_its_name_taken_meanwhile_it_comes_back_under_another(page, mornings, user):
    page.post(at("delete", mornings))
    make_collection(actor=user, name="Mornings")
    page.post(reverse("deletion-undo", args=[Deletion.objects.get().pk]))
    mornings.refresh_from_db()
    assert mornings.name == "Mornings (2)" and order(mornings) == [0, 1, 2]


def test_only_who_deleted_it_undoes_it_and_only_for_a_while(page, other_page, mornings):
    page.post(at("delete", mornings))
    undo = reverse("deletion-undo", args=[Deletion.objects.get().pk])
    assert other_page.post(undo).status_code == 404
    Deletion.objects.update(created_at=timezone.now() - Deletion.GRACE - timedelta(seconds=1))
    answer = page.post(undo, follow=True)
    assert "too late" in toasts(answer) and not Collection.objects.exists()


# -- sharing by a link -----------------------------------------------------------------------------------------------


def test_a_link_is_made_listed_and_revoked(page, client, mornings):
    assert page.post(at("share", mornings), {"days": "7"}).url == reverse("shared-links")
    link = ShareLink.objects.get()
    listed = page.get(reverse("shared-links")).text
    assert "Mornings" in listed and link.token in listed
    assert client.get(f"/s/{link.token}/").text.count("<audio") == 3
    page.post(reverse("shared-link-revoke", args=[link.pk]))
    assert client.get(f"/s/{link.token}/").status_code == 404
    assert "Choose how long" in toasts(page.post(at("share", mornings), {"days": "soon"}, follow=True))


def test_a_link_plays_only_what_its_maker_may_share(page, client, mornings, user):
    of_another = AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=UserFactory()))
    collect(collection=mornings, samples=[of_another], actor=user)
    assert "1 clip that somebody else made is left out" in page.get(at("detail", mornings)).text
    page.post(at("share", mornings), {"days": "7"})
    token = ShareLink.objects.get().token
    assert client.get(f"/s/{token}/").text.count("<audio") == 3
    assert client.get(f"/s/{token}/4/audio").status_code == 404


# -- adding ----------------------------------------------------------------------------------------------------------


def test_clips_are_added_to_one_of_ones_own_or_to_a_new_one(page, mornings, samples, user):
    more = [AudioSampleFactory(job=samples[0].job, index=index, stored=False) for index in (3, 4)]
    address = f"{reverse('collect')}?ids={more[0].pk}&ids={more[1].pk}&next=/library/?q=piano"
    asked = page.get(address)
    assert "Mornings" in asked.text and "2 clips" in asked.text and 'value="/library/?q=piano"' in asked.text
    assert "dialog-title" in page.get(address, headers={"HX-Request": "true"}).text
    added = page.post(address, {"collection": mornings.pk}, follow=True)
    assert added.redirect_chain[0][0] == "/library/?q=piano"
    assert f'2 clips were added to <a href="{at("detail", mornings)}">Mornings</a>' in added.text
    assert "already" in toasts(page.post(address, {"collection": mornings.pk}, follow=True))
    page.post(address, {"name": "Evenings"})
    assert Collection.objects.get(name="Evenings").items.count() == 2 and order(mornings) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("sent", ["collection", "name"])
def test_a_dialog_closes_and_the_page_under_it_stays(page, mornings, samples, sent):
    address = f"{reverse('collect')}?ids={samples[0].pk}"
    htmx = {"HX-Request": "true"}
    assert page.get(address, headers=htmx).text.count('hx-target="#dialog"') == 2
    answer = page.post(address, {"collection": mornings.pk} if sent == "collection" else {"name": "Late"}, headers=htmx)
    assert (answer.status_code, answer["HX-Reswap"]) == (200, "none")
    assert json.loads(answer["HX-Trigger-After-Swap"]) == {"dialog-done": {}}
    assert 'hx-swap-oob="beforeend:#toasts"' in answer.text and "<html" not in answer.text
    refused = page.post(address, {"name": "Mornings"}, headers=htmx)
    assert refused.status_code == 400 and 'role="alert"' in refused.text and "<html" not in refused.text
    assert "HX-Trigger-After-Swap" not in refused.headers and 'value="Mornings"' in refused.text


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_a_full_collection_is_told_where_it_was_chosen(page, mornings, samples, monkeypatch, headers):
    monkeypatch.setattr(services, "MOST_CLIPS", 3)
    more = AudioSampleFactory(job=samples[0].job, index=3, stored=False)
    answer = page.post(f"{reverse('collect')}?ids={more.pk}", {"collection": mornings.pk}, headers=headers)
    assert answer.status_code == 400 and order(mornings) == [0, 1, 2]
    assert '<p class="errorlist" role="alert">A collection holds up to 3 clips.</p>' in answer.text
    assert toasts(page.get("/")) == ""


def test_what_was_chosen_and_deleted_meanwhile_closes_the_dialog(page, mornings, samples, user):
    address = f"{reverse('collect')}?ids={samples[0].pk}"
    delete_sample(sample=samples[0], actor=samples[0].job.requested_by or user)
    answer = page.post(address, {"collection": mornings.pk}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Reswap"]) == (200, "none")
    assert "dialog-done" in answer["HX-Trigger-After-Swap"]
    assert "<html" not in answer.text and "toast-error" in answer.text


def test_wrong_names_and_nothing_chosen_are_told(page, mornings, samples):
    address = f"{reverse('collect')}?ids={samples[0].pk}"
    for name in ("", "Mornings"):
        refused = page.post(address, {"name": name})
        assert refused.status_code == 400 and 'role="alert"' in refused.text
    for ids in ("", "not-an-id", str(uuid.uuid4())):
        answer = page.get(f"{reverse('collect')}?ids={ids}", follow=True)
        assert answer.redirect_chain and toasts(answer)
    assert page.post(address, {"collection": "not-an-id"}).status_code == 404


def test_names_are_text_never_markup(page, samples, user):
    collection = make_collection(actor=user, name="<b>bold</b>")
    answer = page.post(f"{reverse('collect')}?ids={samples[0].pk}", {"collection": collection.pk}, follow=True)
    assert "<b>bold" not in answer.text and "&lt;b&gt;bold" in answer.text


# -- archives --------------------------------------------------------------------------------------------------------


def unzipped(answer: Any) -> zipfile.ZipFile:
    assert answer.status_code == 200 and answer.streaming and answer["Content-Type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer)))
    assert archive.testzip() is None
    return archive


@pytest.mark.parametrize("file_format", ["flac", "wav"])
def test_the_archive_has_numbered_files_and_lists(storage_backend, page, mornings, samples, file_format):
    AudioSample.objects.filter(pk=samples[1].pk).update(title='Rain / "drops"?\u202e')
    answer = page.get(at("download", mornings, file_format))
    assert answer["Content-Disposition"] == 'attachment; filename="Mornings.zip"'
    archive = unzipped(answer)
    assert archive.namelist() == [
        f"01 Calm piano over rain, take A.{file_format}",
        f"02 Rain drops.{file_format}",
        f"03 Calm piano over rain, take C.{file_format}",
        "tracklist.txt",
        "tracklist.m3u8",
    ]
    head = archive.read(archive.namelist()[0])[:4]
    assert head == (b"fLaC" if file_format == "flac" else b"RIFF")
    text = archive.read("tracklist.txt").decode()
    assert "Calm piano over rain" in text and samples[0].job.base_model.display_name in text and "0:0" in text
    lines = archive.read("tracklist.m3u8").decode().splitlines()
    assert lines[0] == "#EXTM3U" and f"02 Rain drops.{file_format}" in lines
    assert sum(line.startswith("#EXTINF:") for line in lines) == 3


def test_one_that_cannot_be_read_is_named_and_the_others_come(page, mornings, samples):
    samples[1].audio_file.storage.delete(samples[1].audio_file.name)
    archive = unzipped(page.get(at("download", mornings, "flac")))
    assert [name[:2] for name in archive.namelist() if name.endswith("flac")] == ["01", "03"]
    assert "02 Calm piano" in archive.read("unreadable.txt").decode()
    samples[0].audio_file.storage.delete(samples[0].audio_file.name)
    refused = page.get(at("download", mornings, "flac"))
    assert refused.status_code == 503 and "cannot be read" in refused.text


def test_what_is_too_much_is_told_before(page, mornings, monkeypatch, user):
    assert page.get(at("download", mornings, "mp3")).status_code == 400
    empty = make_collection(actor=user, name="Empty")
    assert page.get(at("download", empty, "flac")).status_code == 400
    monkeypatch.setattr(archives, "MOST_SECONDS", 1)
    refused = page.get(at("download", mornings, "flac"))
    assert refused.status_code == 400 and "Download them in parts" in refused.text
    monkeypatch.setattr(archives, "MOST_CLIPS", 2)
    assert "up to 2 clips" in page.get(at("download", mornings, "flac")).text


@pytest.mark.parametrize(
    ("title", "name"),
    [("a/b\\c:d", "a b c d"), ("...", "Clip"), ("x" * 200, "x" * 80), ("\x00\n夜の雨. ", "夜の雨"), ("e\u0301", "é")],
)
def test_names_are_safe_on_every_system(title, name):
    assert archives.safe_name(title, "Clip") == name


def test_an_archive_holds_one_clip_at_a_time(mornings, samples, monkeypatch):
    made: list[int] = []
    original = archives.make_download

    def counted(sample: Any, file_format: str) -> Any:
        made.append(sample.index)
        return original(sample, file_format)

    monkeypatch.setattr(archives, "make_download", counted)
    parts = archives.make_archive(list(AudioSample.objects.with_context().order_by("index")), "flac", "Mornings")
    assert made == [0]
    next(iter(parts))
    assert made == [0], "the next one is read when the first is sent"
