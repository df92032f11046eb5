"""The loop, its figures, the next step, and the status bar."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from generation.models import GenerationJob
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.pages import overview
from text2song.tests.html import flat
from text2song.workforce import Workforce

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


@pytest.mark.usefixtures("workers")
def test_the_status_bar_counts_and_leads_to_what_it_counts(page):
    GenerationJobFactory()
    GenerationJobFactory(running=True)
    AudioSampleFactory(job=GenerationJobFactory(completed=True))
    html = page.get(reverse("status-bar")).content.decode()
    assert '<span class="number">2</span> active jobs' in flat(html)
    assert '<span class="number">1</span> sample waiting for ears' in flat(html)
    assert 'hx-trigger="every 30s"' in html
    status = overview.status(Workforce())
    listed = page.get(status.jobs_url).content.decode()
    assert listed.count(f'href="{reverse("jobs")}') > 0
    for job in GenerationJob.objects.all():
        assert (job.short_id in listed) is job.is_unfinished


def test_the_status_bar_costs_four_queries(django_assert_num_queries):
    with django_assert_num_queries(4):
        overview.status(Workforce())


def test_a_fragment_costs_no_figures(page, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):  # session, user, the two counts, who works and on what
        page.get(reverse("status-bar"))


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
    assert queries() == few <= 29
