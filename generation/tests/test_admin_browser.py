"""Django's admin under the studio's content security policy, in a real browser."""

from __future__ import annotations

import pytest
from django.urls import reverse

from conftest import signed_in
from generation.models import GenerationDefaults
from generation.tests.factories import AudioSampleFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tab(live_server, curator, chromium):
    return signed_in(chromium, live_server.url, curator).new_page()


def test_lists_and_forms_break_no_content_security_rule(tab, live_server):
    sample = AudioSampleFactory()
    GenerationDefaults.load()
    complaints = []

    def note(message):
        # Django's admin names no icon, so the browser asks for one of its own accord.
        if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
            complaints.append((message.text, message.location["url"]))

    tab.on("console", note)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    pages = [reverse("admin:index")]
    for row in (sample.job.base_model, sample.job, sample, GenerationDefaults.load()):
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
        pages += [reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])]
    for page in pages:
        answer = tab.goto(live_server.url + page)
        assert answer.status == 200 and "script-src 'self'" in answer.headers["content-security-policy"]
        tab.wait_for_load_state("networkidle")
        assert complaints == [], page


def test_an_action_can_be_run_by_hand(tab, live_server):
    job = AudioSampleFactory().job
    tab.goto(live_server.url + reverse("admin:generation_generationjob_changelist"))
    tab.check("input.action-select")
    tab.select_option("select[name=action]", "delete_jobs")
    tab.click("button[name=index]")
    assert "Jobs deleted: 1." in tab.inner_text(".messagelist")
    job.refresh_from_db()
    assert job.is_deleted
