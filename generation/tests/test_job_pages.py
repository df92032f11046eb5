"""Pages of jobs: the list with its filters, one job that follows its work, cancel, try again, delete."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generation.jobs import worker
from generation.models import AudioSample, Favorite, GenerationJob
from generation.tests.factories import (
    AudioSampleFactory,
    BaseModelFactory,
    FavoriteFactory,
    GenerationJobFactory,
    PromptFactory,
    UserFactory,
)
from generation.tests.fake_engine import FakeEngine
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
LIST = "/jobs/"


def card_url(job: GenerationJob, **query: str) -> str:
    return reverse("job-card", args=[job.pk], query=query)


def rows(html: str) -> list[str]:
    return re.findall(r'id="job-row-([0-9a-f-]+)"', html)


def words_of(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def one_of_each() -> dict[str, GenerationJob]:
    states = ("running", "completed", "failed", "cancelled")
    return {"queued": GenerationJobFactory(), **{state: GenerationJobFactory(**{state: True}) for state in states}}


# -- the list ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("workers")
def test_a_row_has_what_is_asked_for_newest_first(page):
    prompt = PromptFactory(text="p" * 100)
    old = GenerationJobFactory(prompt=prompt, running=True, num_samples=3, duration=7)
    new = GenerationJobFactory()
    html = page.get(LIST).content.decode()
    assert rows(html) == [str(new.pk), str(old.pk)]
    row = html[html.index(f'id="job-row-{old.pk}"') :]
    for part in (old.short_id, "p" * 80 + "…", "Running", "20 %", "Base Model", "3 × 7 s", old.base_model.display_name):
        assert part in row
    assert "next in the queue" in html


def test_lists_are_pages_of_twenty(page):
    GenerationJobFactory.create_batch(21, completed=True, base_model=BaseModelFactory())
    assert len(rows(page.get(LIST).content.decode())) == 20
    second = page.get(LIST, {"page": "2", "state": "completed"}).content.decode()
    assert len(rows(second)) == 1
    assert "21–21 of 21" in second
    assert "state=completed" in second


@pytest.mark.parametrize("state", ["queued", "running", "completed", "failed", "cancelled"])
def test_a_state_filters_and_its_tab_is_marked(page, state):
    jobs = one_of_each()
    html = page.get(LIST, {"state": state}).content.decode()
    assert rows(html) == [str(jobs[state].pk)]
    assert re.search(rf'href="/jobs/\?state={state}" aria-current="page"', html)


def test_active_stands_for_queued_and_running(page):
    jobs = one_of_each()
    html = page.get(LIST, {"state": "active"}).content.decode()
    assert set(rows(html)) == {str(jobs["queued"].pk), str(jobs["running"].pk)}
    assert "Active" in html


def test_model_and_dates_filter_too_and_stay_in_the_tabs(page):
    wanted = GenerationJobFactory()
    wanted.created_at = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
    wanted.save()
    for day in (1, 3):
        other = GenerationJobFactory(base_model=wanted.base_model)
        other.created_at = datetime(2026, 3, day, 12, tzinfo=UTC)
        other.save()
    GenerationJobFactory()
    query = {"base_model": wanted.base_model.key, "created_after": "2026-03-02", "created_before": "2026-03-02"}
    html = page.get(LIST, query).content.decode()
    assert rows(html) == [str(wanted.pk)]
    assert (
        f"?base_model={wanted.base_model.key}&amp;created_after=2026-03-02&amp;created_before=2026-03-02&amp;state="
        in html
    )


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ({"state": "sleeping"}, "State"),
        ({"base_model": "unknown"}, "Base model"),
        ({"created_after": "yesterday"}, "Start date"),
        ({"created_before": "2026-13-01"}, "End date"),
        ({"prompt": "not-an-id"}, "Prompt"),
    ],
)
def test_a_wrong_filter_is_named_not_ignored(page, query, label):
    GenerationJobFactory()
    response = page.get(LIST, query)
    html = response.content.decode()
    assert response.status_code == 400
    assert "These filters cannot be used" in html
    assert f"<li>{label}: " in html
    assert rows(html) == []


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar_are_dates_like_others(page, day):
    GenerationJobFactory()
    assert page.get(LIST, {"created_after": day, "created_before": day}).status_code == 200


def test_deleted_jobs_are_in_no_list_and_no_figure(page):
    GenerationJobFactory(deleted_at=timezone.now())
    html = page.get(LIST).content.decode()
    assert rows(html) == []
    assert "No jobs yet" in html


def test_a_filter_without_a_match_says_what_to_loosen(page):
    GenerationJobFactory()
    html = page.get(LIST, {"state": "failed"}).content.decode()
    assert "No job fits" in html


def test_statistics_head_the_list(page):
    one_of_each()
    html = page.get(LIST).content.decode()
    figures = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", html))
    assert (figures["queued"], figures["running"], figures["completed today"]) == ("1", "1", "1")
    assert figures["mean time of the last 100"] == "8 s"


def idle_poll(page, html: str):
    """Ask again as an idle list does."""
    headers = {"Jobs-Seen": re.search(r'"Jobs-Seen": "([^"]+)"', html)[1]}
    return page.get(LIST, headers={**HTMX, "HX-Target": "jobs-table", **headers})


def test_a_list_that_is_idle_asks_only_whether_anything_is_new(page, django_assert_max_num_queries):
    job = GenerationJobFactory()
    busy = page.get(LIST, {"state": "completed"}).content.decode()
    assert 'hx-trigger="every 4s"' in busy and "Jobs-Seen" not in busy
    job.cancel()
    idle = page.get(LIST).content.decode()
    assert 'hx-trigger="every 5s"' in idle and "data-poll-when-seen" in idle
    with django_assert_max_num_queries(4):  # session, user, and two of the list
        answer = idle_poll(page, idle)
    assert (answer.status_code, answer.content) == (204, b"")


def hide(job):
    GenerationJob.objects.filter(pk=job.pk).update(deleted_at=timezone.now())


NEWS = {
    "sent": lambda job: GenerationJobFactory(),
    "deleted": lambda job: hide(job),
    "sent again": lambda job: job.requeue(),
    "one deleted, one made elsewhere": lambda job: (hide(job), GenerationJobFactory(cancelled=True)),
}


@pytest.mark.parametrize("news", NEWS)
def test_an_idle_list_is_given_what_is_new(page, news):
    job = GenerationJobFactory(cancelled=True)
    idle = page.get(LIST).content.decode()
    NEWS[news](job)
    answer = idle_poll(page, idle)
    assert answer.status_code == 200
    assert 'id="jobs-table"' in answer.content.decode()


def test_another_page_of_an_idle_list_is_always_given(page):
    """The header stands on the list, and HTMX sends it with what is clicked in it too."""
    GenerationJobFactory.create_batch(21, cancelled=True)
    seen = re.search(r'"Jobs-Seen": "([^"]+)"', page.get(LIST).content.decode())[1]
    answer = page.get(LIST, {"page": 2}, headers={**HTMX, "HX-Target": "jobs-view", "Jobs-Seen": seen})
    assert answer.status_code == 200 and len(rows(answer.content.decode())) == 1


@pytest.mark.parametrize(("target", "whole"), [("jobs-table", False), ("jobs-view", False), ("", True)])
def test_htmx_gets_the_part_it_replaces(page, target, whole):
    GenerationJobFactory()
    html = page.get(LIST, headers={**HTMX, "HX-Target": target}).content.decode()
    assert ("<html" in html) is whole
    assert 'id="jobs-table"' in html
    assert ('id="jobs-view"' in html) is (target != "jobs-table")


def test_the_number_of_queries_does_not_grow_with_rows(page, django_assert_max_num_queries):
    def queries() -> int:
        with django_assert_max_num_queries(30) as counted:
            page.get(LIST)
        return len(counted)

    one_of_each()
    few = queries()
    one_of_each()
    one_of_each()
    assert queries() == few


# -- one job --------------------------------------------------------------------------------------------------------


def test_a_job_shows_settings_times_samples_and_comparison(page):
    job = GenerationJobFactory(completed=True, temperature=0.85, seed=77, prompt=PromptFactory(text="a waltz"))
    samples = [AudioSampleFactory(job=job, index=i) for i in range(2)]
    html = page.get(reverse("job-detail", args=[job.pk])).content.decode()
    for part in ("a waltz", "0.85", "77", "in 8 s", job.base_model.display_name, "Base Model", "2 candidates"):
        assert part in flat(html)
    for sample in samples:
        assert f'data-player="{sample.pk}"' in html
    assert f"ids={samples[0].pk}&amp;ids={samples[1].pk}" in html
    assert "every 1s" not in html


@pytest.mark.parametrize("name", ["job-detail", "job-card"])
def test_a_deleted_or_unknown_job_is_not_found(page, name):
    gone = GenerationJobFactory(deleted_at=timezone.now())
    for pk in (gone.pk, uuid.uuid4()):
        assert page.get(reverse(name, args=[pk])).status_code == 404
    assert page.get("/jobs/not-an-id/").status_code == 404


def test_a_failed_job_says_why_in_plain_words_and_offers_another_try(page):
    job = GenerationJobFactory(failed=True)
    html = page.get(reverse("job-detail", args=[job.pk])).content.decode()
    assert "The GPU ran out of memory. Try fewer or shorter samples." in html
    assert "Try again" in html
    assert "Traceback" not in html


def test_a_long_form_tells_its_windows(page):
    job = GenerationJobFactory(long_form=True, duration=22)
    assert "long form in 3 windows" in page.get(reverse("job-detail", args=[job.pk])).content.decode()


# -- following a job ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("workers")
def test_a_running_job_shows_steps_time_left_and_its_first_candidate(page):
    job = GenerationJobFactory(running=True)
    AudioSampleFactory(job=job, index=0)
    html = page.get(card_url(job)).content.decode()
    assert 'max="500" value="100"' in html
    assert "step 100 of 500" in html
    assert re.search(r"about \d+ s left", flat(html))
    assert "have=0" in html
    assert 'hx-trigger="every 1s"' in html


def test_a_poll_brings_what_is_new_and_leaves_players_alone(page):
    job = GenerationJobFactory(running=True)
    first, second = (AudioSampleFactory(job=job, index=i) for i in range(2))
    html = page.get(card_url(job, have="0", view="create"), headers=HTMX).content.decode()
    assert f'data-player="{second.pk}"' in html
    assert f'data-player="{first.pk}"' not in html
    assert f'hx-swap-oob="outerHTML:#job-{job.pk}-coming-1"' in html, "it takes the place that was kept for it"
    assert "have=0-1" in html
    assert f"job-{job.pk}-actions" not in html
    again = page.get(card_url(job, have="0-1", view="create"), headers=HTMX).content.decode()
    assert "data-player" not in again
    assert f"job-{job.pk}-samples" not in again


def test_the_page_is_told_when_a_job_ends(page):
    job = GenerationJobFactory(running=True)
    assert "HX-Trigger" not in page.get(card_url(job, have=""), headers=HTMX).headers
    job.cancel()
    answer = page.get(card_url(job, have=""), headers=HTMX)
    assert json.loads(answer["HX-Trigger"]) == {"job-ended": {"id": str(job.pk)}}


def test_the_tabs_count_what_the_other_filters_let_through(page, user):
    GenerationJobFactory(running=True, requested_by=user)
    GenerationJobFactory.create_batch(2, running=True)

    def counts(**query):
        return {tab["label"]: tab["count"] for tab in page.get(LIST, query).context["tabs"]}

    assert counts()["Running"] == counts(state="running")["Running"] == 3
    assert counts(mine="true") == {"All": 1, "Queued": 0, "Running": 1, "Completed": 0, "Failed": 0, "Cancelled": 0}
    assert counts(mine="true", state="active")["Active"] == 1


def test_candidates_that_are_coming_have_their_places(page):
    job = GenerationJobFactory(running=True, num_samples=4)
    AudioSampleFactory(job=job, index=1)
    html = page.get(card_url(job)).content.decode()
    assert [i for i in range(4) if f'id="job-{job.pk}-coming-{i}"' in html] == [0, 2, 3]
    GenerationJob.objects.filter(pk=job.pk).update(state="completed")
    assert "-coming-" not in page.get(card_url(job)).content.decode()


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_what_comes_to_nothing_keeps_no_places(page, state):
    job = GenerationJobFactory(**{state: True})
    html = page.get(card_url(job, have="", view="create"), headers=HTMX).content.decode()
    assert f'id="job-{job.pk}-samples" data-playlist hx-swap-oob="true"></ol>' in html


def test_polling_stops_by_itself_at_the_end(page):
    job = GenerationJobFactory(completed=True)
    AudioSampleFactory(job=job)
    html = page.get(card_url(job, have="", view="create"), headers=HTMX).content.decode()
    assert 'data-state="completed"' in html
    assert f'id="job-{job.pk}-actions" hx-swap-oob="true"' in html
    assert "every 1s" not in html


def test_the_open_job_page_learns_its_times(page):
    job = GenerationJobFactory(completed=True)
    html = page.get(card_url(job, have="", view="detail"), headers=HTMX).content.decode()
    assert f'id="job-{job.pk}-times" hx-swap-oob="true"' in html


@pytest.mark.usefixtures("workers")
def test_places_in_the_queue_are_told(page):
    jobs = [GenerationJobFactory(queued_at=timezone.now() + timedelta(seconds=i)) for i in range(3)]
    assert "number 3 in the queue" in flat(page.get(card_url(jobs[2])).content.decode())
    jobs[0].cancel()
    assert "number 2 in the queue" in flat(page.get(card_url(jobs[2])).text)


@pytest.mark.parametrize("have", ["", "0-", "x", "0-1-2-3", "--"])
def test_odd_lists_of_candidates_are_harmless(page, have):
    job = GenerationJobFactory(running=True)
    assert page.get(card_url(job, have=have, view="odd"), headers=HTMX).status_code == 200


def test_from_the_form_to_the_finished_card(page, user):
    BaseModelFactory(key="tiny", is_active=True)
    form = {
        "text": "one walk through",
        "model": "tiny",
        "num_samples": "2",
        "duration": "2",
        "temperature": "1",
        "top_k": "250",
        "top_p": "0",
        "guidance_scale": "3",
        "token": "t",
    }
    page.post("/create/", form, headers=HTMX)
    job = GenerationJob.objects.get()
    worker.drain(FakeEngine(), "host:1:1")
    html = page.get(card_url(job, have="", view="create"), headers=HTMX).content.decode()
    assert html.count("data-player=") == 2
    assert "every 1s" not in html


# -- cancel, try again, delete -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["queued", "running"])
@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
def test_an_unfinished_job_is_cancelled_and_its_files_go(
    page, user, state, htmx, stored_files, django_capture_on_commit_callbacks
):
    job = GenerationJobFactory(requested_by=user, running=state == "running")
    if state == "running":
        AudioSampleFactory(job=job, index=0)
    url = reverse("job-cancel", args=[job.pk], query={"view": "create"})
    with django_capture_on_commit_callbacks(execute=True):
        response = page.post(url, headers=HTMX if htmx else {})
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert stored_files() == []
    if htmx:
        html = response.content.decode()
        assert 'data-state="cancelled"' in html
        assert f'id="job-{job.pk}-samples" data-playlist hx-swap-oob="true"></ol>' in html
        assert "was cancelled" in html
    else:
        assert response["Location"] == reverse("job-detail", args=[job.pk])


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_an_ended_job_cannot_be_cancelled(page, user, state):
    job = GenerationJobFactory(requested_by=user, **{state: True})
    response = page.post(reverse("job-cancel", args=[job.pk]))
    assert f"already {state}" in words_of(response)[0]
    job.refresh_from_db()
    assert job.state == state


@pytest.mark.parametrize("name", ["job-cancel", "job-delete"])
def test_what_belongs_to_somebody_else_is_forbidden(page, name):
    job = GenerationJobFactory()
    assert page.post(reverse(name, args=[job.pk])).status_code == 403
    job.refresh_from_db()
    assert (job.state, job.deleted_at) == ("queued", None)
    html = page.get(reverse("job-detail", args=[job.pk])).content.decode()
    assert reverse(name, args=[job.pk]) not in html


def test_a_curator_may_cancel_and_delete_for_others(curator_page):
    job = GenerationJobFactory()
    curator_page.post(reverse("job-cancel", args=[job.pk]))
    job.refresh_from_db()
    assert job.state == "cancelled"
    curator_page.post(reverse("job-delete", args=[job.pk]))
    job.refresh_from_db()
    assert job.is_deleted


@pytest.mark.parametrize("name", ["job-cancel", "job-retry"])
def test_a_link_changes_nothing(page, user, name):
    job = GenerationJobFactory(requested_by=user)
    assert page.get(reverse(name, args=[job.pk])).status_code == 405


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_try_again_sends_the_same_settings_as_a_new_job(page, user, state):
    job = GenerationJobFactory(temperature=0.6, seed=5, num_samples=3, **{state: True})
    response = page.post(reverse("job-retry", args=[job.pk]))
    new = GenerationJob.objects.exclude(pk=job.pk).get()
    assert response["Location"] == reverse("job-detail", args=[new.pk])
    assert (new.temperature, new.seed, new.num_samples, new.prompt) == (0.6, 5, 3, job.prompt)
    assert (new.state, new.requested_by) == ("queued", user)


def test_try_again_on_create_brings_the_new_card(page):
    job = GenerationJobFactory(failed=True)
    answer = page.post(reverse("job-retry", args=[job.pk], query={"view": "create"}), headers=HTMX)
    new = GenerationJob.objects.exclude(pk=job.pk).get()
    assert f'id="job-{new.pk}"' in answer.text
    assert json.loads(answer["HX-Trigger"])["job-created"]["id"] == str(new.pk)


def test_try_again_without_the_model_says_so(page):
    job = GenerationJobFactory(failed=True, base_model=BaseModelFactory(installed=False, display_name="Absent"))
    response = page.post(reverse("job-retry", args=[job.pk]))
    assert "The files of Absent are not on this machine" in words_of(response)[0]
    html = page.post(reverse("job-retry", args=[job.pk], query={"view": "create"}), headers=HTMX).content.decode()
    assert "The files of Absent" in html
    assert GenerationJob.objects.count() == 1


def test_deleting_asks_first_and_names_what_goes(page, user):
    job = GenerationJobFactory(requested_by=user, completed=True)
    sample = AudioSampleFactory(job=job)
    AudioSampleFactory(job=job)
    asked = reverse("job-delete", args=[job.pk])
    unloved = page.get(asked).context["losses"]
    FavoriteFactory(sample=sample)
    shown = page.get(asked)
    html = shown.text
    assert shown.context["losses"] == unloved, "it tells nothing of what others think"
    assert "2 samples and all feedback on them, with everybody's hearts and notes" in unloved
    assert job.short_id in html
    assert not GenerationJob.objects.get(pk=job.pk).is_deleted


def test_a_deleted_job_is_hidden_with_its_samples_and_hearts(page, user):
    job = GenerationJobFactory(requested_by=user, running=True)
    FavoriteFactory(sample=AudioSampleFactory(job=job))
    response = page.post(reverse("job-delete", args=[job.pk]))
    assert response["Location"] == LIST
    assert page.get(reverse("job-detail", args=[job.pk])).status_code == 404
    assert not GenerationJob.objects.visible().exists()
    assert not AudioSample.objects.visible().exists()
    assert not Favorite.objects.exists()
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_without_signing_in_nothing_is_shown_or_changed():
    job = GenerationJobFactory(requested_by=UserFactory())
    nobody = Client()
    for name in ("job-detail", "job-card"):
        assert nobody.get(reverse(name, args=[job.pk])).status_code == 302
    assert nobody.post(reverse("job-cancel", args=[job.pk])).status_code == 302
    polled = nobody.get(card_url(job, have=""), headers=HTMX)
    assert polled["HX-Redirect"] == reverse("sign-in")
    job.refresh_from_db()
    assert job.state == "queued"
