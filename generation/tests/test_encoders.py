"""Audio encoders through every door: added from folders, listened with or not, removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.urls import reverse
from django_q.models import OrmQ

from adapters.models import Taste
from generation.exceptions import EncoderExists, ModelFolderRefused
from generation.models import ClipFeatures, Encoder, HearingFailure
from generation.services import activate_encoder, add_encoder, deactivate_encoder, remove_encoder
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, EncoderFactory
from text2song.exceptions import Forbidden
from text2song.tests.clients import caller

pytestmark = pytest.mark.django_db
LIST = "/settings/models/encoders/"
API = "/api/v1/encoders/"


@pytest.fixture(scope="session")
def wave_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from generation.engine.tests.encoders import save_encoder

    return save_encoder(tmp_path_factory.mktemp("encoders") / "small-ears", "hubert", licence="apache-2.0")


@pytest.fixture
def copied(wave_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(wave_folder, tmp_path / "other-ears"))


def configure(folder: Path, **values: Any) -> None:
    stored = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(stored | values))


def heard(encoder: Encoder, clips: int = 1) -> None:
    for _ in range(clips):
        ClipFeatures.objects.create(sample=AudioSampleFactory(stored=False), kind=encoder.kind, vector=bytes(8))


def taste_with(encoder: Encoder, name: str = "mine", **values: Any) -> Taste:
    model = BaseModelFactory()
    described = {"kinds": ["audio-1", encoder.kind], "sizes": [1, 2]}
    return Taste.objects.create(name=name, base_model=model, votes=9, described=described, **values)


def card(html: str, key: str) -> str:
    return " ".join(html[html.index(f'id="encoder-{key}"') :].partition("</article>")[0].split())


def words_of(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# -- the services ----------------------------------------------------------------------------------------------------


def test_a_folder_becomes_an_encoder_with_what_it_says(curator, wave_folder):
    encoder = add_encoder(path=str(wave_folder), actor=curator)
    encoder.refresh_from_db()
    assert (encoder.key, encoder.display_name, encoder.architecture) == ("small-ears", "small-ears", "HubertModel")
    assert (encoder.sample_rate, encoder.licence, encoder.is_listening) == (8000, "apache-2.0", True)
    assert encoder.size == (wave_folder / "model.safetensors").stat().st_size and len(encoder.revision) == 64
    assert encoder.kind == f"encoder:small-ears:{encoder.revision[:12]}"
    assert OrmQ.objects.count() == 1, "a worker is woken to hear the clips that are there"


def test_the_same_content_is_there_once_and_names_may_repeat(curator, wave_folder, copied):
    add_encoder(path=str(wave_folder), actor=curator, display_name="Ears")
    with pytest.raises(EncoderExists, match="it is Ears, whose files are in"):
        add_encoder(path=str(copied), actor=curator)
    configure(copied, layerdrop=0.2)
    assert add_encoder(path=str(copied), actor=curator, display_name="Ears").key == "ears-2"


@pytest.mark.parametrize("path", ["ears", "/nowhere/at/all", "/tmp/\0", "/etc/passwd"])
def test_a_path_that_is_no_folder_is_refused(curator, path):
    with pytest.raises(ModelFolderRefused) as refused:
        add_encoder(path=path, actor=curator)
    assert refused.value.fields["path"] and not Encoder.objects.exists()


def test_a_folder_that_needs_code_is_refused(curator, copied):
    configure(copied, auto_map={"AutoModel": "modeling.Ears"})
    with pytest.raises(ModelFolderRefused, match="needs code from elsewhere"):
        add_encoder(path=str(copied), actor=curator)


def test_a_name_that_is_too_long_is_refused(curator, wave_folder):
    with pytest.raises(ValidationError):
        add_encoder(path=str(wave_folder), actor=curator, display_name="x" * 101)
    assert not Encoder.objects.exists()


def test_only_curators_change_encoders(user, wave_folder):
    encoder = EncoderFactory()
    for service in (activate_encoder, deactivate_encoder, remove_encoder):
        with pytest.raises(Forbidden):
            service(encoder=encoder, actor=user)
    with pytest.raises(Forbidden):
        add_encoder(path=str(wave_folder), actor=user)
    assert Encoder.objects.get().is_active


def test_what_a_removed_encoder_heard_goes_and_nothing_else(curator, wave_folder):
    encoder, other = add_encoder(path=str(wave_folder), actor=curator), EncoderFactory()
    heard(encoder, 3), heard(other)
    clip = AudioSampleFactory(stored=False)
    HearingFailure.objects.create(sample=clip, kind=encoder.kind)
    HearingFailure.objects.create(sample=clip, kind=other.kind)
    remove_encoder(encoder=encoder, actor=curator)
    assert [row.kind for row in ClipFeatures.objects.all()] == [other.kind]
    assert [row.kind for row in HearingFailure.objects.all()] == [other.kind]
    assert list(Encoder.objects.all()) == [other] and (wave_folder / "config.json").is_file()
    assert add_encoder(path=str(wave_folder), actor=curator).kind == encoder.kind, "added again it hears the same"


def test_a_deactivated_encoder_keeps_what_it_heard_and_one_with_a_problem_is_tried_again(curator):
    encoder = EncoderFactory(problem="Its files are damaged.")
    heard(encoder)
    deactivate_encoder(encoder=encoder, actor=curator)
    assert not Encoder.objects.listening().exists() and ClipFeatures.objects.count() == 1
    activate_encoder(encoder=encoder, actor=curator)
    assert Encoder.objects.listening().get().problem == "" and OrmQ.objects.count() == 1


# -- the page --------------------------------------------------------------------------------------------------------


def test_the_page_tells_what_there_is(page, user):
    first = EncoderFactory(key="one", display_name="First ears", licence="", size=4_000_000)
    EncoderFactory(key="two", is_active=False)
    broken = EncoderFactory(key="three", problem="The files have changed.")
    heard(first, 2)
    taste_with(broken, "everybody", filters={})
    taste_with(broken, "of others", filters={"raters": ["somebody"]})
    html = page.get(LIST).content.decode()
    for fact in ("First ears", "HubertModel", "8 kHz", "3.8 MB", "not stated", "2 clips", "Listening"):
        assert fact in card(html, "one"), fact
    assert "Not active" in card(html, "two") and "Tastes that listen" not in card(html, "two")
    assert "Cannot be loaded" in card(html, "three") and "The files have changed." in card(html, "three")
    assert "everybody@1" in card(html, "three") and "score no new clips" in card(html, "three")
    assert "of others" not in html, "whose taste there is, is no one else's business"
    assert "Add a local folder" not in html and "Remove" not in html


def test_the_page_of_nothing_says_what_belongs_here(page, curator_page):
    assert "An encoder is a model that hears" in page.get(LIST).content.decode()
    html = curator_page.get(LIST).content.decode()
    assert "CLAP" in html and "Add encoder" in html
    assert reverse("encoders") in curator_page.get(reverse("models")).content.decode()


def test_a_folder_is_added_on_the_page_and_its_refusal_keeps_what_was_typed(curator_page, wave_folder, copied):
    (copied / "preprocessor_config.json").unlink()
    answer = curator_page.post(f"{LIST}add/", {"path": str(copied), "display_name": "My ears"})
    html = answer.content.decode()
    assert answer.status_code == 400 and "does not say how sound is prepared" in html
    assert str(copied) in html and "My ears" in html
    assert curator_page.post(f"{LIST}add/", {"path": ""}).status_code == 400
    answer = curator_page.post(f"{LIST}add/", {"path": str(wave_folder), "display_name": "My ears"})
    assert (answer.status_code, answer.url) == (302, f"{LIST}#encoder-my-ears")
    assert words_of(answer) == ["My ears was added. Clips are heard with it while no job waits."]
    assert curator_page.post(f"{LIST}add/", {"path": str(wave_folder)}).status_code == 409


def test_the_page_deactivates_activates_and_asks_before_it_removes(curator_page):
    encoder = EncoderFactory(key="ears", display_name="Ears")
    heard(encoder, 2)
    taste_with(encoder)
    curator_page.post(reverse("encoder-deactivate", args=["ears"]))
    assert not Encoder.objects.get().is_active
    curator_page.post(reverse("encoder-activate", args=["ears"]))
    assert Encoder.objects.get().is_active
    question = curator_page.get(reverse("encoder-remove", args=["ears"])).content.decode()
    assert "what it heard in 2 clips" in question and "the taste mine@1, which listens with it" in question
    assert Encoder.objects.exists()
    assert words_of(curator_page.post(reverse("encoder-remove", args=["ears"]))) == ["Ears was removed."]
    assert not Encoder.objects.exists() and not ClipFeatures.objects.exists()


def test_others_only_look(page):
    EncoderFactory(key="ears")
    for name in ("encoder-activate", "encoder-deactivate", "encoder-remove"):
        assert page.post(reverse(name, args=["ears"])).status_code == 403
    assert page.get(reverse("encoder-remove", args=["ears"])).status_code == 403
    assert page.post(f"{LIST}add/", {"path": "/tmp"}).status_code == 403
    assert page.post(reverse("encoder-activate", args=["nothing"])).status_code == 404
    assert Encoder.objects.get().is_active


def test_the_number_of_queries_does_not_grow_with_encoders(page, django_assert_max_num_queries):
    def queries() -> int:
        with django_assert_max_num_queries(20) as counted:
            page.get(LIST)
        return len(counted)

    taste_with(EncoderFactory())
    few = queries()
    for encoder in EncoderFactory.create_batch(3):
        taste_with(encoder, encoder.key)
        heard(encoder)
    assert queries() == few


# -- the API, the command, the admin ----------------------------------------------------------------------------------


def test_the_api_adds_lists_switches_and_removes(curator, user, wave_folder):
    client, reader = caller(curator), caller(user)
    made = client.post(API, {"path": str(wave_folder), "display_name": "Ears"})
    assert made.status_code == 201 and made.json()["licence"] == "apache-2.0"
    assert client.post(API, {"path": str(wave_folder)}).json()["code"] == "encoder_exists"
    assert client.post(API, {"path": str(wave_folder)}).status_code == 409
    assert client.post(API, {"path": "ears"}).json()["fields"]["path"] == ["Give the absolute path."]
    assert [row["key"] for row in reader.get(API).json()["results"]] == ["ears"]
    assert client.post(f"{API}ears/deactivate/").json()["is_listening"] is False
    assert client.post(f"{API}ears/activate/").json()["is_listening"] is True
    assert "Known encoders: ears." in reader.get(f"{API}nose/").json()["detail"]
    for answer in (reader.post(API, {}), reader.delete(f"{API}ears/"), reader.post(f"{API}ears/deactivate/")):
        assert answer.status_code == 403
    assert client.delete(f"{API}ears/").status_code == 204
    assert reader.get(f"{API}ears/").status_code == 404


def test_the_command_adds_and_says_what_is_wrong(curator, user, wave_folder, tmp_path, capsys):
    call_command("add_encoder", str(wave_folder), name="Ears", user=curator.username)
    told = capsys.readouterr().out
    assert "its key is ears" in told and "licence apache-2.0" in told
    for folder, who, sentence in (
        (wave_folder, curator.username, "in the studio already"),
        (tmp_path / "gone", curator.username, "There is no folder"),
        (wave_folder, user.username, "Only curators"),
        (wave_folder, "nobody", "There is no user"),
    ):
        with pytest.raises(CommandError, match=sentence):
            call_command("add_encoder", str(folder), user=who)


def test_the_admin_switches_and_removes_through_services(curator_page):
    ears, other = EncoderFactory(), EncoderFactory()
    address = reverse("admin:generation_encoder_changelist")

    def act(action: str, *rows: Encoder) -> list[str]:
        chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
        return words_of(curator_page.post(address, chosen, follow=True))

    heard(ears)
    assert act("deactivate", ears, other) == ["Encoders deactivated: 2."]
    assert act("activate", ears) == ["Encoders activated: 1."]
    assert Encoder.objects.listening().get() == ears
    assert act("remove", ears) == ["Encoders removed; their files stay: 1."]
    assert list(Encoder.objects.all()) == [other] and not ClipFeatures.objects.exists()
    change = reverse("admin:generation_encoder_change", args=[other.pk])
    assert (
        curator_page.post(change, {"display_name": "Renamed", "licence": "mit", "key": "hijacked"}).status_code == 302
    )
    other.refresh_from_db()
    assert (other.display_name, other.key) == ("Renamed", other.path.rpartition("/")[2])
    desk, request = admin.site._registry[Encoder], curator_page.get(address).wsgi_request
    assert not desk.has_add_permission(request) and not desk.has_delete_permission(request)
