"""The list of jobs: those of one round or one listening test are one row, cancelled together."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from feedback.listening_tests.tests.listening import running
from feedback.models import ListeningTest
from generation.models import GenerationJob
from generation.tests.factories import GenerationJobFactory
from text2song.tests.html import flat
from training.rounds.tests.factories import begun

pytestmark = pytest.mark.django_db
URL = reverse("jobs")


def rows(page: Client, **query: Any) -> list[str]:
    html = flat(page.get(URL, query).text)
    return re.findall(r'<tr id="job-row-.*?</tr>', html)


def test_the_jobs_of_a_round_are_one_row_that_cancels_them_together(curator: Any, curator_page: Client):
    round_ = begun(curator)
    other = GenerationJobFactory(requested_by=curator)
    jobs = list(round_.jobs.order_by("-created_at", "-id"))
    assert len(jobs) > 2
    GenerationJob.objects.filter(pk=jobs[0].pk).update(state="completed")
    GenerationJob.objects.filter(pk=jobs[1].pk).update(state="running", steps_done=50, steps_total=100)

    folded, single = sorted(rows(curator_page), key=lambda row: "together" not in row)
    assert f"{len(jobs)} jobs" in folded and f"Round {round_.number} of carl" in folded
    assert f"1 of {len(jobs)} ended" in folded and f'value="{int(150 / len(jobs))}"' in folded
    assert other.short_id in single and "together" not in single
    assert len(rows(curator_page, together=str(jobs[0].pk))) == len(jobs), "each can be seen on its own"
    assert len(rows(curator_page, state="completed")) == 1, "of one job there is nothing to fold"

    assert curator_page.post(reverse("jobs-cancel-together", args=[jobs[0].pk])).url == URL
    states = set(round_.jobs.exclude(pk=jobs[0].pk).values_list("state", flat=True))
    assert states == {"cancelled"} and round_.jobs.get(pk=jobs[0].pk).state == "completed"
    other.refresh_from_db()
    assert other.state == "queued"
    folded = next(row for row in rows(curator_page) if "together" in row)
    assert f"{len(jobs)} of {len(jobs)} ended, {len(jobs) - 1} without clips" in folded and "<form" not in folded


def test_another_persons_jobs_are_neither_folded_nor_cancelled_together(curator: Any, page: Client):
    round_ = begun(curator)
    jobs = list(round_.jobs.all())
    assert len(rows(page)) == len(jobs), "what they are for is the owner's to see"
    page.post(reverse("jobs-cancel-together", args=[jobs[0].pk]))
    assert set(round_.jobs.values_list("state", flat=True)) == {"queued"}
    assert page.get(reverse("jobs-cancel-together", args=[jobs[0].pk])).status_code == 405


def test_the_jobs_of_a_test_that_is_over_are_one_row(page: Client):
    test = running(name="Warm or not")
    assert rows(page) == [], "while votes are taken they are shown to nobody"
    test.withhold_clips(False)
    ListeningTest.objects.filter(pk=test.pk).update(state="completed")
    (row,) = rows(page)
    assert "Listening test Warm or not" in row and reverse("test-detail", args=[test.pk]) in row


def test_the_queries_do_not_grow_with_the_jobs(curator: Any, curator_page: Client, django_assert_max_num_queries: Any):
    def queries() -> int:
        running().withhold_clips(False)
        with django_assert_max_num_queries(60) as counted:
            curator_page.get(URL)
        return len(counted)

    begun(curator)
    few = queries()
    queries()
    assert queries() == few
