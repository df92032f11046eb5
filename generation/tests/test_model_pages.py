"""Pages of models and of the defaults: what is known, what is here, who may change it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import numpy as np
import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from huggingface_hub import HfApi
from safetensors.numpy import save_file

from generation.base_models.catalogue import sync_catalogue
from generation.base_models.fetching import fetch_waiting
from generation.models import BaseModel, GenerationDefaults, GenerationJob, ModelFetch
from generation.tests.factories import BaseModelFactory, GenerationJobFactory, ModelFetchFactory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
LIST = "/settings/models/"
DEFAULTS = "/settings/generation/"


def card(html: str, key: str) -> str:
    return " ".join(html[html.index(f'id="model-{key}"') :].partition("</article>")[0].split())


def words_of(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# -- the list ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "facts"),
    [
        ("musicgen-small", ("up to 30 s, 10 s recommended", "4 GB", "32 kHz mono", "CC-BY-NC 4.0", "Files not here")),
        ("musicgen-medium", ("up to 30 s, 15 s recommended", "8 GB", "32 kHz mono")),
        ("musicgen-large", ("up to 30 s, 10 s recommended", "16 GB", "32 kHz mono")),
        ("musicgen-stereo-small", ("32 kHz stereo", "With a stereo image".lower())),
    ],
)
def test_known_models_are_listed_with_what_they_can_do(page, key, facts):
    sync_catalogue()
    html = card(page.get(LIST).content.decode(), key)
    for fact in facts:
        assert fact in html


def test_the_active_model_is_marked_and_others_can_take_its_place(curator_page):
    BaseModelFactory(key="one", is_active=True)
    two = BaseModelFactory(key="two", display_name="Second")
    assert "(Active)" in card(curator_page.get(LIST).content.decode(), "one")
    response = curator_page.post(reverse("model-activate", args=["two"]))
    assert words_of(response) == ["Second is the active model now."]
    html = curator_page.get(LIST).content.decode()
    assert "(Active)" in card(html, "two")
    assert "(Active)" not in card(html, "one")
    assert f"{two.display_name} (Active)" in curator_page.get("/create/").content.decode()


def test_jobs_already_sent_keep_their_model(curator_page):
    job = GenerationJobFactory(base_model=BaseModelFactory(is_active=True))
    curator_page.post(reverse("model-activate", args=[BaseModelFactory(key="next").key]))
    before = job.base_model_id
    job.refresh_from_db()
    assert job.base_model_id == before


def test_a_model_without_its_files_cannot_be_made_active(curator_page):
    BaseModelFactory(key="absent", display_name="Absent", installed=False)
    response = curator_page.post(reverse("model-activate", args=["absent"]))
    assert words_of(response)[0].startswith("The files of Absent are not on this machine.")
    assert not BaseModel.objects.filter(is_active=True).exists()


def test_an_unknown_model_is_not_found(curator_page):
    for name in ("model-activate", "model-fetch", "model-remove"):
        assert curator_page.post(reverse(name, args=["nothing"])).status_code == 404
    assert curator_page.get(reverse("model-card", args=["nothing"])).status_code == 404


def test_only_curators_change_models(page):
    BaseModelFactory(key="here")
    fetch = ModelFetchFactory(base_model=BaseModelFactory(key="away", installed=False), running=True)
    addresses = [reverse(name, args=["here"]) for name in ("model-activate", "model-fetch", "model-remove")]
    addresses += [reverse("model-fetch-cancel", args=[fetch.pk]), reverse("model-add-folder")]
    for address in addresses:
        assert page.post(address, {"path": "/tmp"}).status_code == 403
    html = page.get(LIST).content.decode()
    assert "Make active" not in html
    assert "Add a local folder" not in html
    fetch.refresh_from_db()
    assert fetch.state == "running"


def test_the_number_of_queries_does_not_grow_with_models(page, django_assert_max_num_queries):
    def queries() -> int:
        with django_assert_max_num_queries(20) as counted:
            page.get(LIST)
        return len(counted)

    ModelFetchFactory(running=True)
    few = queries()
    ModelFetchFactory.create_batch(3, running=True)
    GenerationJobFactory()
    assert queries() == few


# -- fetching ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("workers")
def test_fetching_is_queued_and_shown(curator_page):
    BaseModelFactory(key="absent", installed=False)
    html = curator_page.post(reverse("model-fetch", args=["absent"]), headers=HTMX).content.decode()
    assert ModelFetch.objects.get().state == "queued"
    assert "Waiting for a worker" in html
    assert 'hx-trigger="every 1s"' in html
    assert "<html" not in html


@pytest.mark.usefixtures("workers")
def test_progress_is_shown_and_found_again(page):
    fetch = ModelFetchFactory(running=True)
    for address in (LIST, reverse("model-card", args=[fetch.base_model.key])):
        html = page.get(address).content.decode().replace("\xa0", " ")
        for part in ("Fetching model.safetensors", "file 4 of 7", "50 %", "1.1 GB of 2.2 GB", "23.8 MB/s"):
            assert part in html
        assert "every 1s" in html


def test_a_second_fetch_is_refused_with_the_progress_of_the_first(curator_page):
    fetch = ModelFetchFactory(running=True)
    response = curator_page.post(reverse("model-fetch", args=[fetch.base_model.key]))
    assert words_of(response) == [f"{fetch.base_model.display_name} is being fetched already (50 % so far)."]
    assert ModelFetch.objects.count() == 1


def test_a_fetch_is_cancelled(curator_page):
    fetch = ModelFetchFactory(running=True)
    html = curator_page.post(reverse("model-fetch-cancel", args=[fetch.pk]), headers=HTMX).content.decode()
    fetch.refresh_from_db()
    assert fetch.state == "cancelled"
    assert "it goes on from there" in html
    assert "every 1s" not in html
    response = curator_page.post(reverse("model-fetch-cancel", args=[fetch.pk]))
    assert words_of(response)[-1] == "The fetch is already cancelled."


def test_without_a_network_the_page_says_in_one_sentence_what_to_do(curator_page, monkeypatch):
    def no_network(*args: object, **kwargs: object) -> None:
        raise httpx.ConnectError("Name or service not known")

    monkeypatch.setattr(HfApi, "model_info", no_network)
    here = BaseModelFactory(key="here", is_active=True)
    model = BaseModelFactory(key="absent", installed=False, location="facebook/musicgen-small")
    curator_page.post(reverse("model-fetch", args=["absent"]))
    fetch_waiting("host:1:1")
    html = card(curator_page.get(LIST).content.decode(), "absent")
    sentence = (
        "The files of facebook/musicgen-small are missing and this machine cannot reach the model hub: connect it to "
        "the internet and fetch again, or copy the model here and add its folder; installed models go on working."
    )
    assert sentence in html
    assert "Fetch again" in html
    assert "Traceback" not in html
    assert here.is_ready
    assert not model.is_ready


def test_models_that_are_here_need_no_fetch(curator_page):
    BaseModelFactory(key="here", display_name="Here")
    response = curator_page.post(reverse("model-fetch", args=["here"]))
    assert words_of(response) == ["The files of Here are here already."]
    assert "Fetch" not in card(curator_page.get(LIST).content.decode(), "here")


# -- local folders ---------------------------------------------------------------------------------------------


def musicgen_folder(folder: Path) -> Path:
    """The least that passes for a MusicGen folder: configurations, tokenizer, and a tensor of each part."""
    folder.mkdir()
    config = {
        "model_type": "musicgen",
        "text_encoder": {"model_type": "t5", "d_model": 8},
        "audio_encoder": {
            "model_type": "encodec",
            "sampling_rate": 16000,
            "codebook_size": 64,
            "upsampling_ratios": [8, 8, 5],
        },
        "decoder": {
            "model_type": "musicgen_decoder",
            "num_codebooks": 4,
            "audio_channels": 1,
            "max_position_embeddings": 2048,
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"max_length": 500}))
    (folder / "tokenizer.json").write_text("{}")
    weights = {f"{part}.w": np.zeros((2, 2), np.float32) for part in ("text_encoder", "audio_encoder", "decoder")}
    save_file(weights, folder / "model.safetensors")
    return folder


def test_a_folder_becomes_a_model_like_the_others(curator_page, tmp_path):
    folder = musicgen_folder(tmp_path / "mine")
    response = curator_page.post(reverse("model-add-folder"), {"path": str(folder), "display_name": "Mine"})
    model = BaseModel.objects.get()
    assert response["Location"] == f"{LIST}#model-{model.key}"
    assert (model.display_name, model.sample_rate, model.is_ready) == ("Mine", 16000, True)
    assert model.max_duration == 10  # 500 frames at 50 a second
    html = card(curator_page.get(LIST).content.decode(), model.key)
    assert "Files here" in html
    assert str(folder) in html


BROKEN = {
    "nothing there": lambda folder: None,
    "no weights": lambda folder: (musicgen_folder(folder) / "model.safetensors").unlink(),
    "weights cut short": lambda folder: (musicgen_folder(folder) / "model.safetensors").write_bytes(b"\x08"),
    "not a model": lambda folder: (musicgen_folder(folder) / "config.json").write_text('{"model_type": "bert"}'),
    "not JSON": lambda folder: (musicgen_folder(folder) / "config.json").write_text("{"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_folder_is_refused_with_the_reason_and_the_path_kept(curator_page, tmp_path, broken):
    folder = tmp_path / "broken"
    BROKEN[broken](folder)
    response = curator_page.post(reverse("model-add-folder"), {"path": str(folder), "display_name": "Kept name"})
    html = response.content.decode()
    assert response.status_code == 400
    assert f'value="{folder}"' in html
    assert 'value="Kept name"' in html
    assert re.search(r'class="errorlist[^>]*id="id_path_error"><li>.+</li>', html)
    assert not BaseModel.objects.exists()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "absolute path"),
        ("models/mine", "absolute path"),
        ("~nobody-of-this-name/model", "absolute path"),
        ("/" + "x" * 600, "500"),
        ("/tmp/\x00", "Null characters"),
    ],
)
def test_odd_paths_are_refused(curator_page, path, message):
    response = curator_page.post(reverse("model-add-folder"), {"path": path})
    assert response.status_code == 400
    assert message in response.content.decode()


def test_an_unused_folder_is_removed_after_asking_and_its_files_stay(curator_page):
    model = BaseModelFactory(key="mine", source=BaseModel.Source.FOLDER)
    url = reverse("model-remove", args=["mine"])
    assert str(model.folder) in curator_page.get(url).content.decode()
    assert BaseModel.objects.exists()
    curator_page.post(url)
    assert not BaseModel.objects.exists()
    assert model.folder.exists()


def test_a_model_in_use_cannot_be_removed(curator_page):
    BaseModelFactory(key="active", source=BaseModel.Source.FOLDER, is_active=True)
    GenerationJobFactory(base_model=BaseModelFactory(key="busy", source=BaseModel.Source.FOLDER))
    BaseModelFactory(key="hub")
    for key, reason in (("active", "is the active model"), ("busy", "unfinished job"), ("hub", "Only models added")):
        response = curator_page.post(reverse("model-remove", args=[key]))
        assert reason in words_of(response)[-1]
    assert BaseModel.objects.count() == 3


# -- defaults --------------------------------------------------------------------------------------------------

VALUES = {
    "num_samples": "4",
    "duration": "6",
    "temperature": "0.7",
    "top_k": "150",
    "top_p": "0.9",
    "guidance_scale": "3.5",
}


def test_defaults_take_effect_once_saved(curator_page):
    BaseModelFactory(is_active=True)
    response = curator_page.post(DEFAULTS, VALUES)
    assert response["Location"] == DEFAULTS
    defaults = GenerationDefaults.load()
    assert (defaults.num_samples, defaults.duration, defaults.preset) == (4, 6, "best")
    html = curator_page.get("/create/").content.decode()
    assert re.search(r'name="num_samples" value="4"', html)
    assert re.search(r'value="best"[^>]* checked', html)


def test_the_defaults_name_a_model_or_leave_it_to_the_active_one(curator_page):
    active = BaseModelFactory(key="tiny", display_name="Tiny", is_active=True)
    other = BaseModelFactory(key="wide", display_name="Wide")
    absent = BaseModelFactory(key="absent", display_name="Absent One", installed=False)
    html = curator_page.get(DEFAULTS).text
    assert "The active model" in html and "Tiny (Active)" in html and "Absent One — files not here" in html
    chosen = r'<option value="{}"[^>]* selected'
    assert re.search(chosen.format("tiny"), curator_page.get("/create/").text)
    curator_page.post(DEFAULTS, {**VALUES, "base_model": str(other.pk)})
    assert re.search(chosen.format("wide"), curator_page.get("/create/").text)
    other.activate()
    active.activate()
    assert re.search(chosen.format("wide"), curator_page.get("/create/").text), "named is named, whichever is active"
    assert curator_page.post(DEFAULTS, {**VALUES, "base_model": str(absent.pk)}).status_code == 400
    GenerationDefaults.objects.update(base_model=absent)
    assert re.search(chosen.format("tiny"), curator_page.get("/create/").text), "its files went away"
    curator_page.post(DEFAULTS, {**VALUES, "base_model": ""})
    assert GenerationDefaults.load().base_model is None


def test_a_preset_chosen_for_the_defaults_sets_what_is_drawn(curator_page):
    html = curator_page.get(DEFAULTS).content.decode()
    assert re.search(r'<option value="balanced" selected', html) and 'name="preset_shown" value="balanced"' in html
    curator_page.post(DEFAULTS, {**VALUES, "preset": "draft", "preset_shown": "balanced"})
    defaults = GenerationDefaults.load()
    assert (defaults.preset, defaults.temperature, defaults.top_k) == ("draft", 0.9, 200)
    curator_page.post(DEFAULTS, {**VALUES, "preset": "draft", "preset_shown": "draft", "temperature": "0.5"})
    defaults.refresh_from_db()
    assert (defaults.preset, defaults.temperature) == ("custom", 0.5), "values of one's own win over a name"
    html = curator_page.post(DEFAULTS, {**VALUES, "preset": "best", "preset_shown": "custom", "duration": "0"}).text
    assert 'name="preset_shown" value="best"' in html and GenerationDefaults.load().preset == "custom"


@pytest.mark.parametrize(
    ("change", "message"),
    [({"num_samples": "9"}, "from 1 to 8, not 9"), ({"top_k": ""}, "from 1 to 1000"), ({"duration": "121"}, "121")],
)
def test_wrong_defaults_are_refused_and_kept(curator_page, change, message):
    response = curator_page.post(DEFAULTS, {**VALUES, **change})
    html = response.content.decode()
    assert response.status_code == 400
    assert message in html
    assert 'value="0.7"' in html
    assert GenerationDefaults.load().num_samples == 2


def test_everybody_sees_the_defaults_and_curators_change_them(page):
    html = page.get(DEFAULTS).content.decode()
    assert "disabled" in html
    assert "Save defaults" not in html
    assert page.post(DEFAULTS, VALUES).status_code == 403
    assert GenerationDefaults.load().num_samples == 2
    assert not GenerationJob.objects.exists()
