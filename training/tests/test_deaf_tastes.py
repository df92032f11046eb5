"""A taste whose encoder is gone is offered by no door, and each says what to do when it is named."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from adapters.models import Taste
from adapters.services.tastes import usable_tastes
from datasets_app.models import Dataset
from datasets_app.tests.factories import compared_prompts, heard_prompts, seed_that_trains_on, taste
from generation.engine import EngineCache
from generation.jobs.best_of import _judge
from generation.models import ClipScore, GenerationJob
from generation.services import activate_encoder, deactivate_encoder, make_music, remove_encoder
from generation.tests.factories import AudioSampleFactory, EncoderFactory
from prompts.tests.factories import PromptFactory
from text2song.exceptions import DomainError
from text2song.tests.clients import caller
from text2song.tests.html import flat
from training.rounds.exceptions import NotNow
from training.rounds.progress import advance
from training.rounds.services import go_on
from training.rounds.tests.factories import USABLE, at, begun, end, judge, make_clips, taste_of
from training.tastes.telling import verdict

pytestmark = pytest.mark.django_db
WHY = "listens with the encoder “Waves”, which is not active, so it scores no new clips. Activate it, or fit the"


@pytest.fixture
def waves() -> Any:
    return EncoderFactory(key="waves", display_name="Waves")


@pytest.fixture
def judged(waves: Any) -> list[Any]:
    clips = compared_prompts(6)
    base = clips[0][0].job.base_model
    base.activate()
    return [*clips, *heard_prompts(2, base)]


@pytest.fixture
def ears(judged: list[Any], waves: Any) -> Taste:
    """A taste of everybody's votes that reads the sound itself, and is told to listen with an encoder too."""
    made = taste(judged[0][0].job.base_model, name="ears", filters={}, report=USABLE)
    Taste.objects.filter(pk=made.pk).update(described={**made.described, "kinds": [*made.kinds, waves.kind]})
    return Taste.objects.get(pk=made.pk)


Door = Callable[[Taste, Any, list[Any]], str]
"""What it says of a taste that is named; empty where the taste is taken."""


def page_of(person: Any) -> Client:
    page = Client()
    page.force_login(person)
    return page


def by_page(named: Taste, person: Any, judged: list[Any]) -> str:
    sent = {"text": "a tune", "model": named.base_model.key, "num_samples": 4, "taste": str(named.pk), "keep": 2}
    sent |= {"duration": 2, "temperature": 1, "top_k": 250, "top_p": 0, "guidance_scale": 3, "adapter_strength": 1}
    answer = page_of(person).post(reverse("create"), sent, follow=True)
    return "" if GenerationJob.objects.filter(taste=named).exists() else flat(answer.content.decode())


def by_api(named: Taste, person: Any, judged: list[Any]) -> str:
    body = {"text": "a tune", "model": named.base_model.key, "taste": str(named.pk), "num_samples": 2}
    answer = caller(person).post("/api/v1/generate/", body)
    return "" if answer.status_code == 202 else json.dumps(answer.json(), ensure_ascii=False)


def by_command(named: Taste, person: Any, judged: list[Any]) -> str:
    try:
        call_command("generate", "a tune", taste=named.label, keep=2, samples=4, stdout=io.StringIO())
    except CommandError as error:
        return str(error)
    return ""


def by_service(named: Taste, person: Any, judged: list[Any]) -> str:
    try:
        make_music(actor=None, prompt=PromptFactory(), base_model=named.base_model, taste=named)
    except DomainError as error:
        return error.message
    return ""


def _filters(named: Taste, judged: list[Any]) -> dict[str, Any]:
    return {
        "name": "More pairs", "kind": "preference", "taste": str(named.pk), "seed": seed_that_trains_on(judged),
    }  # fmt: skip


def by_dataset_form(named: Taste, person: Any, judged: list[Any]) -> str:
    sent = _filters(named, judged) | {"taste_share": "0.8", "taste_pairs": "4"}
    answer = page_of(person).post(reverse("dataset-create"), sent, follow=True)
    return "" if Dataset.objects.exists() else flat(answer.content.decode())


def by_dataset_api(named: Taste, person: Any, judged: list[Any]) -> str:
    sent = _filters(named, judged)
    body = {"name": sent["name"], "kind": "preference", "filters": {"taste": sent["taste"]}, "seed": sent["seed"]}
    answer = caller(person).post("/api/v1/datasets/", body)
    return "" if answer.status_code in (201, 202) else json.dumps(answer.json(), ensure_ascii=False)


def by_dataset_command(named: Taste, person: Any, judged: list[Any]) -> str:
    sent = _filters(named, judged)
    try:
        call_command(
            "build_dataset", "pairs", kind="preference", taste=named.label, seed=sent["seed"], count=True,
            stdout=io.StringIO(),
        )  # fmt: skip
    except CommandError as error:
        return str(error)
    return ""


DOORS: dict[str, Door] = {
    "Create": by_page,
    "API": by_api,
    "command": by_command,
    "service": by_service,
    "dataset form": by_dataset_form,
    "dataset API": by_dataset_api,
    "dataset command": by_dataset_command,
}


@pytest.mark.parametrize("door", DOORS)
def test_a_taste_that_is_named_is_refused_with_what_to_do(door, ears, waves, judged, curator):
    deactivate_encoder(encoder=waves, actor=curator)
    told = DOORS[door](ears, curator, judged)
    assert WHY in told, told
    activate_encoder(encoder=waves, actor=curator)
    assert WHY not in DOORS[door](ears, curator, judged)


def in_create(person: Any) -> str:
    return page_of(person).get(reverse("create")).content.decode()


def in_dataset_form(person: Any) -> str:
    return page_of(person).get(reverse("dataset-create")).content.decode()


def in_the_list_of_usable_ones(person: Any) -> str:
    return json.dumps(caller(person).get("/api/v1/tastes/?usable=true").json())


def in_the_service(person: Any) -> str:
    return " ".join(str(found.pk) for found in usable_tastes(person, Taste.objects.get().base_model))


@pytest.mark.parametrize("offers", [in_create, in_dataset_form, in_the_list_of_usable_ones, in_the_service])
def test_it_is_offered_only_while_it_hears_new_clips(offers, ears, waves, judged, curator):
    assert str(ears.pk) in offers(curator)
    deactivate_encoder(encoder=waves, actor=curator)
    assert str(ears.pk) not in offers(curator)
    activate_encoder(encoder=waves, actor=curator)
    waves.cannot_be_loaded("Its files are damaged.")
    assert str(ears.pk) not in offers(curator)
    remove_encoder(encoder=waves, actor=curator)
    assert str(ears.pk) not in offers(curator)


def test_what_it_has_scored_can_still_be_put_in_order(ears, waves, judged, curator):
    ClipScore.objects.create(taste=ears, sample=judged[0][1], score=3.0)
    deactivate_encoder(encoder=waves, actor=curator)
    answer = page_of(curator).get(reverse("library"), {"by_taste": ears.pk})
    assert "Best first for ears@1 (it hears no new clips)" in answer.content.decode()
    assert answer.context["page"].object_list[0].pk == judged[0][1].pk


def test_pages_and_the_api_say_that_it_cannot_be_used_now(ears, waves, curator):
    deactivate_encoder(encoder=waves, actor=curator)
    ears.refresh_from_db()
    assert verdict(ears).startswith("It cannot be used now. ears@1 listens with") and WHY in verdict(ears)
    told = caller(curator).get(f"/api/v1/tastes/{ears.pk}/").json()
    assert told["is_usable"] is False and WHY in told["verdict"]
    assert "Hears no new clips" in page_of(curator).get(reverse("tastes")).content.decode()


def test_a_job_that_was_accepted_before_says_why_nothing_was_picked(ears, waves, curator):
    job = make_music(actor=None, prompt=PromptFactory(), base_model=ears.base_model, taste=ears, num_samples=2, keep=1)
    deactivate_encoder(encoder=waves, actor=curator)
    GenerationJob.objects.filter(pk=job.pk).update(state="running")
    samples = [AudioSampleFactory(job=job, index=index) for index in range(2)]
    assert WHY in _judge(job, ears, EngineCache()).note and len(samples) == 2


def test_a_round_does_not_go_on_by_a_taste_that_hears_nothing(user, waves, curator):
    round_ = judge(make_clips(begun(user)))
    made = taste_of(round_)
    Taste.objects.filter(pk=made.pk).update(described={**made.described, "kinds": [waves.kind]})
    deactivate_encoder(encoder=waves, actor=curator)
    end(round_.fit, state="completed", taste=made)
    advance(round_.pk)
    round_ = at(round_, "understood", "waiting")
    with pytest.raises(NotNow, match=r"fit the taste anew\. Or train on your votes alone"):
        go_on(actor=user, round_=round_, trains_on="taste")
    assert "Train on this taste" not in page_of(user).get(reverse("round-detail", args=[round_.pk])).content.decode()
    go_on(actor=user, round_=round_, trains_on="votes")
    at(round_, "building")


@pytest.mark.parametrize("door", ["page", "api"])
def test_encoders_are_asked_about_once_however_many_tastes_are_listed(door, ears, judged, curator):
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            address = reverse("tastes") if door == "page" else "/api/v1/tastes/"
            assert (page_of(curator) if door == "page" else caller(curator)).get(address).status_code == 200
        return sum('FROM "generation_encoder"' in query["sql"] for query in queries)

    few = asked()
    for number in range(4):
        other = taste(ears.base_model, name=f"other{number}", filters={}, report=USABLE)
        Taste.objects.filter(pk=other.pk).update(described=ears.described)
    assert asked() == few > 0
