"""The loop, its figures, the next step, and the status that stands on every page."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from feedback.tests.factories import RatingFactory
from generation.models import GenerationJob
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.pages import overview
from text2song.tests.factories import UserFactory, WorkerPresenceFactory
from text2song.tests.html import flat
from text2song.workforce import Workforce
from training.tests.factories import TrainingRunFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(user):
    """Whose figures they are."""
    return user


def test_an_empty_studio_asks_for_a_first_prompt(page, reader):
    html = page.get(reverse("overview")).content.decode()
    assert "Write your first prompt" in html
    assert "N/A" in html
    assert "hx-get" not in html[html.index('id="loop"') : html.index("</section>", html.index('id="loop"'))]


def test_the_loop_stands_in_order_and_leads_to_pages(page, reader):
    html = page.get(reverse("overview")).content.decode()
    positions = [html.index(f">{name}<") for name in ("Generate", "Listen", "Dataset", "Train", "Adapter")]
    stations = overview.stations(overview.figures(reader), Workforce())
    assert [station.name for station in stations] == ["Generate", "Listen", "Dataset", "Train", "Adapter"]
    assert len(positions) == 5
    assert stations[0].url == reverse("create")
    for station in stations:
        assert (station.count is None) or station.url, "a count leads to its list"


def test_figures_agree_with_the_lists(reader):
    job = GenerationJobFactory(completed=True)
    AudioSampleFactory(job=job, index=0)
    AudioSampleFactory(job=job, index=1, deleted_at=timezone.now())
    AudioSampleFactory(job=GenerationJobFactory(completed=True, deleted_at=timezone.now()), index=0)
    GenerationJobFactory(running=True)
    figures = overview.figures(reader)
    assert (figures.generations, figures.samples, figures.active) == (2, 1, 1)
    assert figures.mean_rating is None


@pytest.mark.parametrize(("seconds", "length"), [(0, "0 s"), (48.4, "48 s"), (720, "12 min"), (12_600, "3.5 h")])
def test_the_length_of_the_music_is_readable(seconds, length):
    assert overview.Figures(1, 1, seconds, 0, 1).length == length


@pytest.mark.usefixtures("workers")
def test_a_running_job_is_watched_and_polled(page, reader):
    GenerationJobFactory(running=True)
    html = page.get(reverse("overview-loop")).content.decode()
    assert 'hx-trigger="every 3s"' in html
    assert "1 at work" in html
    assert "<html" not in html
    GenerationJob.objects.get().cancel()
    assert "hx-trigger" not in page.get(reverse("overview-loop")).content.decode(), "polling stops by itself"


@pytest.mark.usefixtures("workers")
def test_the_newest_candidates_can_be_played(page):
    job = GenerationJobFactory(completed=True)
    AudioSampleFactory(job=job, index=0)
    html = page.get(reverse("overview")).content.decode()
    assert html.count("data-player=") == 1
    assert 'preload="none"' in html


def links_in(html: str) -> dict[str, str]:
    """What the status says, by where it leads."""
    told = flat(re.sub(r"<(?!a |/a)[^>]+>", " ", html))
    return {unescape(url): " ".join(words.split()) for url, words in re.findall(r'<a href="([^"]+)">(.*?)</a>', told)}


def busy(person: User, jobs: int) -> None:
    """So many jobs and runs at work, twice as many clips unheard, and one of each that asks for nothing."""
    for _ in range(jobs):
        GenerationJobFactory(running=True, requested_by=person)
        TrainingRunFactory(running=True, created_by=person)
        done = GenerationJobFactory(completed=True, requested_by=person)
        AudioSampleFactory.create_batch(2, job=done, stored=False)
    GenerationJobFactory(running=True, requested_by=person, deleted_at=timezone.now())
    GenerationJobFactory(running=True, requested_by=person, withheld=True)
    TrainingRunFactory(completed=True, created_by=person)
    RatingFactory(sample__stored=False, sample__job__requested_by=person, rater=person)


@pytest.mark.usefixtures("workers")
def test_the_status_counts_what_is_mine_and_leads_to_exactly_that(page: Client, user: User, curator_page: Client):
    other = User.objects.get(is_staff=True)
    busy(user, 1)
    busy(other, 2)
    told = {
        user: ["1 job at work", "1 training run at work", "2 clips to hear"],
        other: ["2 jobs at work", "2 training runs at work", "4 clips to hear"],
    }
    for person, client in ((user, page), (other, curator_page)):
        html = client.get(reverse("studio-status")).content.decode()
        assert 'hx-trigger="every 30s, job-created from:body, job-ended from:body"' in html
        links = links_in(html)
        assert list(links.values()) == told[person]
        for url, words in links.items():
            listed = client.get(url).context["page"].object_list
            assert len(listed) == int(words.split()[0]), url
            owners = {getattr(row, "created_by", None) or getattr(row, "job", row).requested_by for row in listed}
            assert owners == {person}, "never somebody else's"


@pytest.mark.parametrize(("clips", "told"), [(2, "2 clips to hear"), (3, "2+ clips to hear")])
def test_what_waits_is_counted_so_far_and_no_further(page: Client, user: User, monkeypatch, clips: int, told: str):
    monkeypatch.setattr(overview, "MOST_WAITING", 2)
    job = GenerationJobFactory(completed=True, requested_by=user)
    for index in range(clips):
        AudioSampleFactory(job=job, index=index)
    assert told in links_in(page.get(reverse("studio-status")).text).values()


def test_the_status_says_nothing_where_nothing_is(page: Client):
    busy(UserFactory(), 1)
    WorkerPresenceFactory()
    WorkerPresenceFactory(cluster="training")
    assert links_in(page.get(reverse("studio-status")).content.decode()) == {}


def test_the_status_costs_five_queries(user, django_assert_num_queries):
    with django_assert_num_queries(5):
        overview.status(user, Workforce())


def test_a_fragment_costs_no_figures(page, django_assert_max_num_queries):
    with django_assert_max_num_queries(7):  # session, user, the three counts, who works and on what
        page.get(reverse("studio-status"))


@pytest.mark.usefixtures("workers")
def test_what_is_next_stands_first_then_the_newest_clips_then_the_loop(page: Client):
    AudioSampleFactory(job=GenerationJobFactory(completed=True))
    html = page.get(reverse("overview")).content.decode()
    places = [html.index(f'id="{part}"') for part in ("next-step", "newest-title", "loop", "figures-title")]
    assert places == sorted(places)
    update = page.get(reverse("overview-loop")).content.decode()
    assert 'id="next-step" aria-labelledby="next-step-title" hx-swap-oob="true"' in update
    assert 'hx-swap-oob="true"' not in html


def test_the_overview_costs_the_same_for_many_samples(page):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page.get(reverse("overview"))
        return len(captured)

    AudioSampleFactory(job=GenerationJobFactory(completed=True))
    few = queries()
    for _ in range(3):
        job = GenerationJobFactory(completed=True)
        for index in range(2):
            AudioSampleFactory(job=job, index=index)
    assert queries() == few <= 30
