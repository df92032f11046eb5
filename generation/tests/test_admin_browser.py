"""Django's admin under the studio's content security policy, in a real browser."""

from __future__ import annotations

import shutil

import pytest
from django.test import Client
from django.urls import reverse

from conftest import missing_part
from generation.models import GenerationDefaults
from generation.tests.factories import AudioSampleFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def tab(live_server, curator, monkeypatch):
    if CHROMIUM is None:
        missing_part("chromium is not installed")
    from playwright.sync_api import sync_playwright

    # Playwright's synchronous interface runs an event loop in this thread.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    client = Client()
    client.force_login(curator)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context()
        context.add_cookies([cookie])
        yield context.new_page()
        browser.close()


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
