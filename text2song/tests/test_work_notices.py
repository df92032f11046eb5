"""Whoever looks at unfinished work is told when nobody is working on it, wherever they look."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from adapters.tests.factories import AdapterFactory, AdapterRegistrationFactory
from datasets_app.models import Export
from datasets_app.tests.factories import built, rated_prompts
from feedback.listening_tests.services import lifecycle
from feedback.listening_tests.tests.listening import draft
from feedback.models import ListeningTest
from generation.models import GenerationJob
from generation.tests.factories import BaseModelFactory, GenerationJobFactory, ModelFetchFactory
from text2song.models import WorkerPresence
from text2song.tests.clients import caller
from text2song.tests.factories import WorkerPresenceFactory
from text2song.tests.html import flat
from text2song.work import Work
from training.models import Promotion
from training.tests.factories import DatasetFactory, ExperimentFactory, TrainingRunFactory

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(minutes=2)
NOTICE = re.compile(r'<p class="notice notice-warning small unattended">(.*?)</p>', re.DOTALL)
MOVING = ("<progress", "state-running", "in the queue", " left<", " left\n", "/s<")
"""What only work has that goes on."""


class Place(NamedTuple):
    """Where work is shown: a page, a fragment that polls, or an answer of the API (`notice` of the object)."""

    address: str
    fragment: bool = False
    api: bool = False


def notices(html: str) -> list[str]:
    """What the component says, as it is read."""
    found = NOTICE.findall(html)
    assert not any("`" in words for words in found)
    return [re.sub(r"<[^>]+>", "", words).strip() for words in found]


def a_job(user: Any) -> tuple[Work, list[Place]]:
    job = GenerationJobFactory(requested_by=user)
    return job, [
        Place(reverse("create")),
        Place("/jobs/"),
        Place(reverse("job-detail", args=[job.pk])),
        Place(f"{reverse('job-card', args=[job.pk])}?view=create", fragment=True),
        Place(f"{reverse('job-card', args=[job.pk])}?view=detail&have=", fragment=True),
        Place(f"/api/v1/generate/{job.pk}/", api=True),
        Place(f"/api/v1/jobs/{job.pk}/", api=True),
    ]


def a_run(user: Any) -> tuple[Work, list[Place]]:
    run = TrainingRunFactory(experiment=ExperimentFactory(created_by=user))
    return run, [
        Place(reverse("training")),
        Place(reverse("experiment-detail", args=[run.experiment_id])),
        Place(reverse("run-detail", args=[run.pk])),
        Place(reverse("run-status", args=[run.pk]), fragment=True),
        Place(f"/api/v1/runs/{run.pk}/", api=True),
    ]


def a_dataset(user: Any) -> tuple[Work, list[Place]]:
    dataset = DatasetFactory(state="queued", built_at=None, content_hash="", created_by=user)
    return dataset, [
        Place(reverse("datasets")),
        Place(reverse("dataset-detail", args=[dataset.pk])),
        Place(reverse("dataset-status", args=[dataset.pk]), fragment=True),
        Place(f"/api/v1/datasets/{dataset.pk}/", api=True),
    ]


def an_export(user: Any) -> tuple[Work, list[Place]]:
    rated_prompts(3)
    export = Export.objects.create(dataset=built(), format=Export.Format.JSONL)
    return export, [
        Place(reverse("dataset-detail", args=[export.dataset_id])),
        Place(reverse("dataset-exports", args=[export.dataset_id]), fragment=True),
        Place(f"/api/v1/dataset-exports/{export.pk}/", api=True),
    ]


def a_registration(user: Any) -> tuple[Work, list[Place]]:
    registration = AdapterRegistrationFactory(created_by=user)
    address = reverse("adapter-registration", args=[registration.pk])
    return registration, [
        Place(reverse("adapters")),
        Place(address),
        Place(address, fragment=True),
        Place(f"/api/v1/adapter-registrations/{registration.pk}/", api=True),
    ]


def a_fetch(user: Any) -> tuple[Work, list[Place]]:
    fetch = ModelFetchFactory()
    return fetch, [
        Place(reverse("models")),
        Place(reverse("model-card", args=[fetch.base_model.key]), fragment=True),
        Place(f"/api/v1/models/{fetch.base_model.key}/fetch/", api=True),
    ]


def a_promotion(user: Any) -> tuple[Work, list[Place]]:
    base = BaseModelFactory()
    adapter, opponent = (AdapterFactory(base_model=base, stored=False) for _ in range(2))
    test = draft()
    ListeningTest.objects.filter(pk=test.pk).update(state="completed", finished_at=timezone.now() - LONG_AGO)
    promotion = Promotion.objects.create(adapter=adapter, opponent=opponent, test=test)
    return promotion, [
        Place(reverse("adapter-detail", args=[adapter.pk])),
        Place(f"/api/v1/promotions/{promotion.pk}/", api=True),
    ]


def a_test(user: Any) -> tuple[Work, list[Place]]:
    test = draft()
    lifecycle.start_test(actor=test.created_by, test=test)
    return GenerationJob.objects.order_by("queued_at").first(), [
        Place(reverse("test-detail", args=[test.pk])),
        Place(reverse("test-progress", args=[test.pk]), fragment=True),
    ]


KINDS = (a_job, a_run, a_dataset, an_export, a_registration, a_fetch, a_promotion, a_test)


def nobody(work: Work) -> None:
    WorkerPresence.objects.all().delete()


def hangs(work: Work) -> None:
    WorkerPresence.objects.all().delete()
    WorkerPresenceFactory(cluster=work.CLUSTER, hangs=True)


def idles(work: Work) -> None:
    """A worker that has been idle for minutes, and what waits has waited for as long."""
    type(work)._base_manager.update(queued_at=timezone.now() - LONG_AGO)


SITUATIONS = {
    nobody: "no {} worker is running",
    hangs: "the {} worker does not move",
    idles: "work waits beside an idle {} worker",
}


def problem(situation: Callable[[Work], None], work: Work) -> str:
    return SITUATIONS[situation].format("queue" if work.CLUSTER == "default" else work.CLUSTER)


def look(client: Client, user: Any, place: Place) -> tuple[str, list[str]]:
    """What is there, and the notices in it."""
    if place.api:
        told = caller(user).get(place.address).json()["notice"]
        return "", [told] if told else []
    answer = client.get(place.address, headers={"HX-Request": "true"} if place.fragment else {})
    assert answer.status_code == 200, place
    html = answer.content.decode()
    html = re.sub(r'<progress[^>]* (aria-label="Ready for training"|aria-hidden="true")>', "", html)  # bars of charts
    html = re.sub(r'<section class="studio-status".*?</section>', "", html, flags=re.S)  # of all that is mine
    return html, notices(html)


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_waits_is_told_where_it_is_shown(kind: Callable[..., Any], curator: Any, curator_page: Client):
    work, places = kind(curator)
    type(work)._base_manager.update(queued_at=timezone.now())
    if kind is not a_promotion:  # it has waited since its test ended
        for place in places:
            assert look(curator_page, curator, place)[1] == [], f"all is well, but {place}"
    for situation in (idles, hangs, nobody):
        situation(work)
        for place in places:
            html, found = look(curator_page, curator, place)
            assert found, f"{situation.__name__}: nothing at {place}"
            for words in found:
                assert re.match(r"Nobody is working on (this|what waits): ", words), words
                assert problem(situation, work) in words, f"{situation.__name__}: {words}"
            for part in MOVING:
                assert part not in html, f"{situation.__name__}: {part} at {place}"


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize("kind", KINDS[:-1], ids=lambda kind: kind.__name__)
def test_what_was_taken_up_and_stands_still_is_told(kind: Callable[..., Any], curator: Any, curator_page: Client):
    work, places = kind(curator)
    name = "host:1:1"
    assert work.claim(name)
    for place in places:
        assert look(curator_page, curator, place)[1] == [], f"all is well, but {place}"
    WorkerPresence.objects.filter(name=name).delete()
    WorkerPresence.objects.filter(cluster=work.CLUSTER).delete()
    WorkerPresenceFactory(name=name, cluster=work.CLUSTER, hangs=True)
    for place in places:
        html, found = look(curator_page, curator, place)
        assert found and all(problem(hangs, work) in words for words in found), place
        for part in MOVING:
            assert part not in html, f"{part} at {place}"


@pytest.mark.usefixtures("workers")
def test_work_of_a_worker_that_hangs_beside_one_that_moves(page: Client):
    stuck, fine = GenerationJobFactory(running=True, worker="host:9:1"), GenerationJobFactory(running=True)
    WorkerPresenceFactory(name="host:9:1", hangs=True)
    (words,) = notices(page.get(reverse("job-card", args=[stuck.pk])).content.decode())
    assert words.startswith("Nobody is working on this: its worker does not move.")
    assert notices(page.get(reverse("job-card", args=[fine.pk])).content.decode()) == []
    assert "stands still" not in page.get(reverse("studio-status")).content.decode(), "generation goes on"


def test_it_goes_by_itself_when_a_worker_is_back(page: Client):
    job = GenerationJobFactory()
    poll = f"{reverse('job-card', args=[job.pk])}?view=create&have="
    html = page.get(poll).content.decode()
    assert notices(html) and 'hx-trigger="every 1s"' in html
    assert "stands still" in page.get(reverse("studio-status")).content.decode()
    WorkerPresenceFactory()
    html = page.get(poll).content.decode()
    assert notices(html) == [] and "next in the queue" in html
    assert "stands still" not in page.get(reverse("studio-status")).content.decode()


def test_the_sentence_says_what_to_do(page: Client, user: Any):
    job = GenerationJobFactory(requested_by=user)
    html = page.get(reverse("job-detail", args=[job.pk])).content.decode()
    assert "starts it with <code>make run</code> or <code>docker compose up</code>." in html
    assert f'href="{reverse("settings")}#workers"' in html
    told = caller(user).get(f"/api/v1/generate/{job.pk}/").json()
    assert told["notice"] == (
        "Nobody is working on this: no generation worker is running. Nothing is lost: it goes on once one runs. "
        "Whoever runs the studio starts it with make run or docker compose up."
    )
    GenerationJobFactory(completed=True)
    assert [body["notice"] != "" for body in caller(user).get("/api/v1/jobs/").json()["results"]] == [False, True]


def test_nobody_can_tell_when_it_ends(user: Any):
    job, run = GenerationJobFactory(running=True), TrainingRunFactory(running=True)
    for address in (f"/api/v1/generate/{job.pk}/", f"/api/v1/runs/{run.pk}/"):
        assert caller(user).get(address).json()["seconds_left"] is None
    WorkerPresenceFactory()
    for address in (f"/api/v1/generate/{job.pk}/", f"/api/v1/runs/{run.pk}/"):
        assert caller(user).get(address).json()["seconds_left"] > 0


def test_a_test_that_takes_votes_waits_for_raters_alone(curator: Any, curator_page: Client):
    _, places = a_promotion(curator)
    ListeningTest.objects.update(state="active", finished_at=None)
    assert not any(look(curator_page, curator, place)[1] for place in places)
    assert "stands still" not in curator_page.get(reverse("studio-status")).content.decode()


# -- the studio as a whole -----------------------------------------------------------------------------------------


def test_the_status_says_so_on_every_page_and_leads_to_what_helps(page: Client, curator_page: Client):
    assert "still" not in page.get(reverse("studio-status")).content.decode(), "nothing waits"
    GenerationJobFactory()
    for client, address in ((page, "/jobs/?state=active"), (curator_page, f"{reverse('settings')}#workers")):
        for name in ("studio-status", "library", "settings"):
            told = status_on(client.get(reverse(name)).content.decode())
            assert f'<a href="{address}"><span class="state state-down">Generation stands still' in flat(told), name
            assert "state-running" not in told
            assert 'hx-trigger="every 5s,' in told, "it looks again soon"
    TrainingRunFactory()
    ModelFetchFactory()
    html = page.get(reverse("studio-status")).content.decode()
    assert "3 queues stand still" in html


def status_on(html: str) -> str:
    return html.partition('id="studio-status"')[2].partition("</section>")[0]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.__name__)
def test_the_overviews_next_step_is_about_that(situation: Callable[[Work], None], page: Client, user: Any):
    WorkerPresenceFactory()
    job = GenerationJobFactory(requested_by=user)
    assert "Watch your music being made" in page.get(reverse("overview")).content.decode()
    situation(job)
    for name in ("overview", "overview-loop"):
        html = page.get(reverse(name)).content.decode()
        step, loop = (html.partition(f'id="{part}"')[2].partition("</section>")[0] for part in ("next-step", "loop"))
        assert "Generation stands still" in step and "Watch your music" not in step
        assert f"Nobody is working on what waits: {problem(situation, job)}." in step
        assert 'hx-trigger="every 3s"' in loop and "1 stands still" in loop
        assert "state-running" not in loop and "station-at-work" not in loop


def test_settings_tell_what_each_worker_does_and_what_waits(page: Client):
    WorkerPresenceFactory(name="far:1:1", doing="run_job 1234")
    WorkerPresenceFactory(name="far:2:1", cluster="training", hangs=True)
    WorkerPresenceFactory(name="far:3:1", cluster="default")
    WorkerPresenceFactory(name="gone:4:1", seen_at=timezone.now() - LONG_AGO)
    GenerationJobFactory.create_batch(2, queued_at=timezone.now() - timedelta(minutes=7))
    html = page.get(reverse("settings")).content.decode()
    cells = [
        [
            re.sub(r"<[^>]+>|a second ago|[0-9] seconds ago", "", cell).strip().replace("\xa0", " ") or "now"
            for cell in re.findall(r"<t[dh][ >].*?</t[dh]>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr>.*?</tr>", html.partition('id="workers-title"')[2], re.DOTALL)
    ]
    assert ["generation", "At work", "2", "7 minutes ago"] in [row[:4] for row in cells]
    assert ["training", "The training worker does not move", "0", "nothing waits"] in cells
    assert ["default", "Ready", "0", "nothing waits"] in cells
    assert ["generation", "far:1:1", "run_job 1234", "now", "now"] in cells
    assert ["training", "far:2:1", "Hangs", "a minute ago", "now"] in cells
    assert ["default", "far:3:1", "idle", "now", "now"] in cells
    assert "gone:4:1" not in html


def test_the_admin_tells_it_too(curator_page: Client):
    WorkerPresenceFactory(doing="run_job 1234")
    WorkerPresenceFactory(hangs=True)
    WorkerPresenceFactory()
    WorkerPresenceFactory(seen_at=timezone.now() - LONG_AGO)
    html = curator_page.get("/admin/text2song/workerpresence/").content.decode()
    told = re.findall(r'class="field-what_it_does">([^<]*)<', html)
    assert sorted(told) == ["hangs", "idle", "not heard of", "run_job 1234"]


@pytest.mark.parametrize(("attempts", "words"), [(0, ""), (1, "once; it was taken up again."), (2, "2 times; it was")])
def test_deaths_without_progress_are_told_in_words(attempts: int, words: str, page: Client):
    job = GenerationJobFactory(running=True, attempts=attempts)
    run = TrainingRunFactory(running=True, attempts=attempts)
    for address in (reverse("job-detail", args=[job.pk]), reverse("run-detail", args=[run.pk])):
        html = page.get(address).content.decode()
        assert "Attempts" not in html
        assert (f"A worker died over this {words}" in html) is bool(attempts)


# -- what it costs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "api"),
    [("/create/", False), ("/jobs/", False), ("/", False), ("/api/v1/jobs/", True), ("/api/v1/datasets/", True)],
)
def test_the_workers_are_read_once_however_many_cards(address: str, api: bool, page: Client, user: Any):
    def looked() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            assert (caller(user) if api else page).get(address).status_code == 200
        return [query["sql"] for query in queries]

    GenerationJobFactory(requested_by=user)
    DatasetFactory(state="queued", built_at=None, content_hash="")
    looked()
    few = looked()
    for _ in range(4):
        GenerationJobFactory(requested_by=user)
        DatasetFactory(state="queued", built_at=None, content_hash="")
    many = looked()
    assert len(many) == len(few)
    assert sum('FROM "text2song_workerpresence"' in sql for sql in many) == 1
    assert sum("UNION ALL" in sql for sql in many) == (not api)  # the bar of a page asks what waits, a job does not
