"""What a message says to do fits the state it is said in."""

from __future__ import annotations

import shutil

import pytest
from django.urls import reverse

from generation.exceptions import ModelNotReady
from generation.listening.replay import replay_warnings
from generation.models import BaseModel, GenerationJob
from generation.services import request_fetch
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory, ModelFetchFactory
from text2song.exceptions import DomainError
from text2song.tests.clients import caller

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}

DURATIONS = {
    # what is asked for, the model's limit, long form: what is said
    "long form would help": (30, 10, False, "of {}. Shorten it, or turn on long form (up to 120 s)."),
    "long form is not enough": (121, 10, False, "of {}. Shorten it; with long form it may have up to 120 s."),
    "long form is on": (121, 10, True, "121 s is over the 120 s limit of long form. Shorten it."),
    "long form does no more": (121, 120, False, "121 s is over the 120 s limit of {}. Shorten it."),
}


@pytest.fixture(params=["form", "plan", "api"])
def said_of(request, page, user):
    """What a door says of a duration: the Create form that is sent, its plan while it is set, the API."""

    def said(model: BaseModel, duration: int, long_form: bool) -> str:
        values = {"text": "calm piano", "model": model.key, "duration": duration, "num_samples": 1}
        form = values | ({"long_form": "on"} if long_form else {})
        if request.param == "form":
            return page.post(reverse("create"), form, headers=HTMX).content.decode()
        if request.param == "plan":
            return page.get(reverse("create-plan"), form, headers=HTMX).content.decode()
        return caller(user).post("/api/v1/generate/", values | {"long_form": long_form}, "json").json()["detail"]

    return said


@pytest.mark.parametrize("case", DURATIONS)
def test_long_form_is_offered_where_it_is_off_and_helps(said_of, case):
    requested, limit, long_form, said = DURATIONS[case]
    model = BaseModelFactory(max_duration=limit, recommended_duration=limit, is_active=True)
    answer = said_of(model, requested, long_form)
    assert said.format(model.display_name) in answer


def hub_model(**values):
    return BaseModelFactory(display_name="Far", key="far", installed=False, **values)


def being_fetched():
    return ModelFetchFactory(base_model=hub_model()).base_model


MISSING = {
    "a hub model": (hub_model, "manage.py fetch_model far"),
    "one that is being fetched": (being_fetched, "They are being fetched already"),
    "a copy that is gone": (lambda: hub_model(copy_path="/gone/far"), "/gone/far is gone: it can be put back"),
    "a local folder": (
        lambda: hub_model(source=BaseModel.Source.FOLDER, location="/mine/far"),
        "Its folder is gone: put it back at /mine/far.",
    ),
    "the bundled model": (
        lambda: hub_model(source=BaseModel.Source.BUNDLED, location=""),
        "They come with the studio: install it again.",
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_model_whose_files_are_missing_says_what_brings_them(case, settings, tmp_path, user, curator_page):
    settings.BUNDLED_MODEL_DIR = tmp_path / "nothing"
    make, remedy = MISSING[case]
    model = make()
    with pytest.raises(ModelNotReady) as refused:
        model.spec()
    sample = AudioSampleFactory(job=GenerationJobFactory(base_model=model, completed=True))
    body = {"text": "calm piano", "model": model.key, "duration": 5}
    told = [
        refused.value.message,
        *replay_warnings(sample),
        caller(user).post("/api/v1/generate/", body, "json").json()["detail"],
    ]
    if model.source != BaseModel.Source.HUB:
        told.append(curator_page.get(reverse("model-card", args=[model.key])).content.decode())
    for words in told:
        assert remedy in words
        assert ("fetch" in words.lower()) is (model.source == BaseModel.Source.HUB)


@pytest.mark.parametrize("source", BaseModel.Source.values)
def test_damaged_files_are_replaced_the_way_they_came(source, settings, tmp_path, curator):
    """Files of the hub are fetched only where there are none, so that is said first."""
    settings.BUNDLED_MODEL_DIR = tmp_path / "bundled"
    model = BaseModelFactory(source=source)
    remedy = model.spec().remedy
    if source == BaseModel.Source.HUB:
        assert str(model.folder) in remedy and f"fetch_model {model.key}" in remedy
        with pytest.raises(DomainError):
            request_fetch(model=model, actor=curator)
        shutil.rmtree(model.folder)
        request_fetch(model=model, actor=curator)
    else:
        assert "fetch" not in remedy
        assert ("install it again" if source == "bundled" else str(model.folder)) in remedy


def test_the_engine_repeats_the_remedy_of_the_model_that_it_cannot_load():
    from generation.engine import Engine, ModelLoadError

    model = BaseModelFactory(source=BaseModel.Source.FOLDER)
    (model.folder / "config.json").write_text("{}")
    with pytest.raises(ModelLoadError) as error:
        Engine(model.spec(), device="cpu")
    assert "fetch" not in str(error.value)


@pytest.mark.parametrize(("clips", "said"), [(1, "Try shorter samples"), (2, "Try fewer or shorter samples")])
def test_a_job_of_one_sample_is_not_told_to_make_fewer(clips, said):
    assert said in GenerationJob(num_samples=clips).gave_up()
