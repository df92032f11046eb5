"""Choosing a taste in every door: what is refused, what is remembered, and what is sent again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from adapters.exceptions import TasteDeleted, TasteNotFound, TasteOfOthers
from adapters.models import Taste
from adapters.services.tastes import find_taste
from generation import services
from generation.jobs import worker
from generation.models import BaseModel, GenerationDefaults, GenerationJob
from generation.models.jobs import MAX_SAMPLES, MAX_SAMPLES_TO_PICK_FROM
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory, TasteFactory
from generation.tests.fake_engine import FakeEngine
from prompts.models import Prompt
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
TEXT = {"text": "calm piano at dusk", "mood": "peaceful"}
BEST = {"num_samples": 16, "keep": 4}


@pytest.fixture(autouse=True)
def model() -> BaseModel:
    return BaseModelFactory(key="tiny", display_name="Tiny", is_active=True)


@pytest.fixture
def taste(model: BaseModel) -> Taste:
    return TasteFactory(name="bright", base_model=model)


# -- refused -----------------------------------------------------------------------------------------------------------


def by_page(page: Client, asked: dict[str, Any]) -> str:
    whole = {"num_samples": 1, "duration": 5, "temperature": 1.0, "top_k": 250, "top_p": 0.0, "guidance_scale": 3.0}
    answer = page.post(reverse("create"), TEXT | whole | asked)
    assert answer.status_code == 400
    assert all(f'value="{value}"' in answer.text for name, value in asked.items() if name != "taste"), "nothing is lost"
    return answer.text


def by_api(page: Client, asked: dict[str, Any]) -> str:
    answer = page.post("/api/v1/generate/", TEXT | {"duration": 5} | asked, "application/json")
    assert 400 <= answer.status_code < 500, answer.content
    return answer.json()["detail"] + str(answer.json().get("fields", ""))


def by_command(page: Client, asked: dict[str, Any]) -> str:
    options = {"samples" if name == "num_samples" else name: value for name, value in asked.items()}
    with pytest.raises(CommandError) as refused:
        call_command("generate", TEXT["text"], duration=5, user="rita", **options)
    return str(refused.value)


DOORS = {"the page": by_page, "the API": by_api, "the command": by_command}
FIT = "Tastes that can pick for you: bright@1."
TASTES: dict[str, tuple[Callable[[BaseModel], Taste], str]] = {
    "not usable yet": (
        lambda model: TasteFactory(base_model=model, name="new", is_usable=False, report={"votes_wanted": 120}),
        f"The taste “new@1” cannot be relied on yet: it probably needs about 120 more votes. {FIT}",
    ),
    "not usable, nobody knows how long": (
        lambda model: TasteFactory(base_model=model, name="new", is_usable=False, report={"votes_wanted": None}),
        f"The taste “new@1” cannot be relied on yet. {FIT}",
    ),
    "of another model": (
        lambda model: TasteFactory(base_model=BaseModelFactory(display_name="Large"), name="large"),
        f"The taste “large@1” hears clips of Large, not those of Tiny. {FIT}",
    ),
    "of other files": (
        lambda model: TasteFactory(base_model=model, base_revision="older", name="old"),
        f"The taste “old@1” was learned with other files of Tiny than those here; fit it anew. {FIT}",
    ),
    "of somebody else": (
        lambda model: TasteFactory(base_model=model, raters=["ben"], name="his"),
        f"The taste “his@1” is the taste of ben, and not yours to use. {FIT}",
    ),
    "deleted": (
        lambda model: TasteFactory(base_model=model, name="gone", deleted_at=timezone.now()),
        f"The taste “gone@1” was deleted. {FIT}",
    ),
    "without its file": (
        lambda model: TasteFactory(base_model=model, name="lost", stored=False),
        "The files of the taste “lost@1” cannot be read; fit it anew.",
    ),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("refusal", TASTES)
def test_a_taste_that_cannot_pick_is_refused_in_a_sentence(door, refusal, page, taste, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, sentence = TASTES[refusal]
    asked = {"taste": str(make(model).pk), **BEST}
    assert sentence in DOORS[door](page, asked)
    assert not Prompt.objects.exists() and not GenerationJob.objects.exists()


NUMBERS: dict[str, tuple[dict[str, Any], str]] = {
    "too many without a taste": ({"num_samples": MAX_SAMPLES + 1}, f"from 1 to {MAX_SAMPLES}"),
    "too many with one": ({"num_samples": MAX_SAMPLES_TO_PICK_FROM + 1, "taste": "bright"}, "32"),
    "all are kept": ({"num_samples": 4, "keep": 4, "taste": "bright"}, "Keep fewer than the 4 candidates"),
    "none is kept": ({"num_samples": 4, "keep": 0, "taste": "bright"}, "1"),
    "an unknown taste": ({"num_samples": 4, "keep": 2, "taste": "nobody"}, "There is no taste “nobody”."),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("refusal", NUMBERS)
def test_numbers_that_do_not_fit_are_refused_in_a_sentence(door, refusal, page, taste, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked, sentence = NUMBERS[refusal]
    assert sentence in DOORS[door](page, asked)
    assert not Prompt.objects.exists() and not GenerationJob.objects.exists()


@pytest.mark.parametrize("door", [by_api, by_command])
def test_how_many_to_keep_needs_somebody_who_picks(door, page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Choose a taste that picks what to keep" in door(page, {"num_samples": 4, "keep": 2})


# -- accepted ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["bright", "bright@1", "id"])
def test_a_taste_is_named_by_name_version_or_id(named, page, taste):
    asked = TEXT | {"duration": 5, "taste": str(taste.pk) if named == "id" else named, **BEST}
    answer = page.post("/api/v1/generate/", asked, "application/json")
    assert answer.status_code == 202
    told = answer.json()
    assert told["taste"] == {"id": str(taste.pk), "name": "bright", "version": 1}
    assert (told["keep"], told["num_samples"], told["set_aside"]) == (4, 16, [])


def test_a_name_is_its_last_version_and_at_signs_belong_to_names(taste, model):
    newer = TasteFactory(name="bright", version=2, base_model=model)
    odd = TasteFactory(name="bright@home", base_model=model)
    assert [find_taste(given) for given in ("bright", "bright@1", "bright@home", "bright@home@1")] == [
        newer,
        taste,
        odd,
        odd,
    ]
    for unknown in ("bright@3", "bright@home@", "@", "\x00", "bright@" + "9" * 30):
        with pytest.raises(TasteNotFound):
            find_taste(unknown)


def test_ones_own_and_everybodys_may_be_used_and_curators_use_all(user, curator, model):
    own = TasteFactory(base_model=model, raters=[user.get_username()])
    for actor in (user, curator, None):
        assert services.make_music(actor=actor, prompt=TEXT, taste=own, **BEST).taste == own
    with pytest.raises(TasteOfOthers):
        services.make_music(actor=UserFactory(), prompt=TEXT, taste=own, **BEST)


def test_the_command_writes_what_is_kept(taste, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("generation.engine.EngineCache", FakeEngine)
    call_command("generate", TEXT["text"], samples=5, keep=2, taste="bright", duration=1, out=tmp_path)
    kept = GenerationJob.objects.get().samples.kept().best_first()
    assert sorted(path.stem[-1] for path in tmp_path.glob("*.flac")) == sorted(sample.label for sample in kept)
    assert len(kept) == 2 and "3 set aside" in capsys.readouterr().err


# -- sent again --------------------------------------------------------------------------------------------------------


def test_a_failed_job_is_sent_again_with_its_taste_and_refused_once_it_is_gone(user, taste, model):
    job = GenerationJobFactory(requested_by=user, base_model=model, taste=taste, failed=True, **BEST)
    again = services.retry_job(job=job, actor=user)
    assert (again.taste, again.keep, again.num_samples, again.seed) == (taste, 4, 16, job.seed)
    Taste.objects.update(deleted_at=timezone.now())
    job.refresh_from_db()
    with pytest.raises(TasteDeleted):
        services.retry_job(job=job, actor=user)


def test_relatives_and_replays_are_made_without_it(user, taste, model, page):
    job = GenerationJobFactory(requested_by=user, base_model=model, taste=taste, completed=True, **BEST)
    sample = AudioSampleFactory(job=job)
    related = services.vary_sample(sample=sample, actor=user, keep_seconds=0.2)
    assert related.taste is None and related.num_samples == 3
    assert "--taste" not in page.get(reverse("sample-detail", args=[sample.pk])).text


def test_the_idempotency_key_gives_the_same_job(user, taste):
    first = services.make_music(actor=user, prompt=TEXT, taste=taste, idempotency_key="k", **BEST)
    assert services.make_music(actor=user, prompt=TEXT, taste=taste, idempotency_key="k", **BEST) == first


def test_defaults_stay_at_what_people_listen_to():
    with pytest.raises(IntegrityError):
        GenerationDefaults.objects.create(num_samples=MAX_SAMPLES + 1)


# -- the Create page ---------------------------------------------------------------------------------------------------


def form_of(page: Client, **asked: str) -> Any:
    return page.get(reverse("create"), asked).context["form"]


def test_there_is_no_control_without_a_taste_that_can_pick(page, model):
    TasteFactory(base_model=model, is_usable=False)
    TasteFactory(base_model=model, raters=["ben"])
    TasteFactory(base_model=model, base_revision="older")
    html = page.get(reverse("create")).text
    assert 'name="taste"' not in html and 'name="keep"' not in html
    assert "Once a taste has learned enough from votes" in html


def test_there_is_one_with_it_and_other_models_tastes_cannot_be_chosen(page, taste):
    other = TasteFactory(base_model=BaseModelFactory(display_name="Large"), name="large")
    html = page.get(reverse("create")).text
    assert f'<option value="{taste.pk}"' in html and "data-no-taste hidden" in html
    line = next(line for line in html.splitlines() if f'value="{other.pk}"' in line)
    assert "disabled" in line and "large — hears Large" in line
    assert "data-best-of>" in html


def test_it_is_hidden_where_only_another_model_has_one(page):
    TasteFactory(base_model=BaseModelFactory(display_name="Large"))
    html = page.get(reverse("create")).text
    assert "data-best-of hidden" in html and "data-no-taste>" in html


def test_the_page_sends_it_and_remembers_the_choice(page, user, taste, model):
    whole = {"duration": 5, "temperature": 1.0, "top_k": 250, "top_p": 0.0, "guidance_scale": 3.0, "model": "tiny"}
    sent = page.post(reverse("create"), TEXT | whole | BEST | {"taste": str(taste.pk)})
    assert sent.status_code == 302
    job = GenerationJob.objects.get()
    assert (job.taste, job.keep, job.num_samples) == (taste, 4, 16)
    newer = TasteFactory(name="bright", version=2, base_model=model)
    form = form_of(page)
    assert [str(form[name].value()) for name in ("taste", "keep", "num_samples")] == [str(newer.pk), "4", "16"]
    assert form.picked == (16, 4)
    page.post(reverse("create"), TEXT | whole | {"num_samples": 2, "keep": 4, "taste": ""})
    form = form_of(page)
    assert (form["taste"].value(), form["num_samples"].value()) == (None, 2), "nobody is remembered too"


def test_settings_are_reused_with_the_taste_or_without_one_that_is_gone(page, user, taste, model):
    job = GenerationJobFactory(requested_by=user, base_model=model, taste=taste, completed=True, **BEST)
    form = form_of(page, job=str(job.pk))
    assert (form["taste"].value(), form["keep"].value(), form["num_samples"].value()) == (str(taste.pk), 4, 16)
    Taste.objects.update(deleted_at=timezone.now())
    form = form_of(page, job=str(job.pk))
    assert (form["taste"].value(), form["num_samples"].value()) == (None, MAX_SAMPLES)


def test_the_plan_tells_that_all_are_made(page, taste):
    asked = {"duration": "5", "num_samples": "16", "keep": "4", "taste": str(taste.pk), "model": "tiny"}
    told = "All 16 are made and heard before the best 4 are known: it takes the time of 16."
    assert told in page.get(reverse("create-plan"), asked).text
    for changes in ({"taste": ""}, {"keep": ""}, {"keep": "16"}, {"keep": "many"}):
        assert "are made and heard" not in page.get(reverse("create-plan"), asked | changes).text


# -- the card ----------------------------------------------------------------------------------------------------------


def test_a_card_that_waits_is_put_in_order_by_the_last_poll(page, user, taste, model):
    job = services.make_music(actor=user, prompt=TEXT, taste=taste, num_samples=4, keep=2, duration=1)
    assert "best 2" in page.get(reverse("job-card", args=[job.pk]), {"view": "create"}).text
    worker.drain(FakeEngine(), "host:1:1")
    answer = page.get(reverse("job-card", args=[job.pk]), {"view": "create", "have": "0-1-2-3"}).text
    assert re.search(rf'id="job-{job.pk}-samples"[^>]* data-playlist\s+hx-swap-oob="true"', answer)
    assert f'id="job-{job.pk}-aside" hx-swap-oob="true"' in answer and "Also made (2)" in answer
    best, second = job.samples.kept().best_first()
    assert answer.index(f"candidate-{best.pk}") < answer.index(f"candidate-{second.pk}")
    assert "the best of 4 for" in answer and "2 candidates" in answer


def test_a_job_without_a_taste_is_polled_as_before(page, user, model):
    job = services.make_music(actor=user, prompt=TEXT, num_samples=2, duration=1)
    worker.drain(FakeEngine(), "host:1:1")
    answer = page.get(reverse("job-card", args=[job.pk]), {"view": "create", "have": "0"}).text
    assert f'hx-swap-oob="outerHTML:#job-{job.pk}-coming-1"' in answer and "-aside" not in answer


def test_why_nothing_was_set_aside_is_said(page, api_answer, user, taste):
    job = services.make_music(actor=user, prompt=TEXT, taste=taste, num_samples=4, keep=2, duration=1)
    taste.weights.storage.delete(taste.weights.name)
    worker.drain(FakeEngine(), "host:1:1")
    html = page.get(reverse("job-detail", args=[job.pk])).text
    assert "The files of the taste “bright@1” cannot be read." in html and "Also made" not in html
    assert "All candidates were kept." in api_answer(job)["taste_note"]


@pytest.fixture
def api_answer(page: Client) -> Callable[[GenerationJob], Any]:
    return lambda job: page.get(f"/api/v1/jobs/{job.pk}/").json()
