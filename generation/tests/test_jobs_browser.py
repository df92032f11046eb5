"""The list of jobs in a real browser: it follows what is sent elsewhere, and takes nothing out of one's hands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from conftest import signed_in, watched_tab
from generation.models import GenerationJob
from generation.tests.factories import GenerationJobFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FOCUSED = "() => document.activeElement.id"


@pytest.fixture
def tab(user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    context = signed_in(chromium, live_server.url, user, viewport={"width": 1280, "height": 900})
    with watched_tab(context) as page:
        yield page


def row(tab: Any, job: GenerationJob) -> Any:
    return tab.locator(f"#job-row-{job.pk}")


def test_an_empty_list_shows_the_first_job_that_is_sent_elsewhere(tab: Any):
    tab.goto(reverse("jobs"))
    tab.get_by_text("No jobs yet").wait_for()
    row(tab, GenerationJobFactory()).wait_for(timeout=8000)


@pytest.mark.parametrize("focused", ["job-link", "tab-states-failed", "jobs-next"])
def test_an_idle_list_follows_and_the_focus_stays(tab: Any, focused: str):
    old = GenerationJobFactory.create_batch(25, completed=True)[-1]
    tab.goto(reverse("jobs"))
    element = f"job-link-{old.pk}" if focused == "job-link" else focused
    tab.locator(f"#{element}").focus()
    new = GenerationJobFactory()
    row(tab, new).wait_for(timeout=8000)
    assert tab.evaluate(FOCUSED) == element
    GenerationJob.objects.filter(pk=new.pk).update(state="completed")
    row(tab, new).get_by_text("Completed").wait_for(timeout=8000)
    assert tab.evaluate(FOCUSED) == element


def test_paging_stays_where_it_is(tab: Any):
    GenerationJobFactory.create_batch(45, completed=True)
    tab.goto(reverse("jobs", query={"page": 2}))
    GenerationJobFactory()
    tab.get_by_text("21–40 of 46 jobs").wait_for(timeout=8000)
    tab.locator("#jobs-next").click()
    tab.get_by_text("41–46 of 46 jobs").wait_for()
    assert "page=3" in tab.url


def test_a_page_that_nobody_sees_asks_for_nothing(tab: Any):
    GenerationJobFactory(completed=True)
    tab.goto(reverse("jobs"))
    tab.evaluate("() => Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if request.url.endswith("/jobs/") else None)
    tab.wait_for_timeout(6000)
    assert not asked
    tab.evaluate("() => delete document.hidden")
    tab.wait_for_timeout(6000)
    assert asked
