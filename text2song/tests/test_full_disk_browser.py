"""A disk that fills up while somebody writes a prompt: what is on the page stays, and sending it again works."""

from __future__ import annotations

import sqlite3

import pytest

from text2song.outages import DATA_DISK_FULL
from text2song.tests.live import PASSWORD
from text2song.tests.live_web import LiveWeb

pytestmark = [pytest.mark.browser, pytest.mark.worker, pytest.mark.slow]


def test_what_is_written_survives_a_full_disk(chromium, small_disk, tmp_path):
    with LiveWeb(tmp_path, STUDIO_DATA_DIR=str(small_disk.folder / "var")) as studio:
        worker = sqlite3.connect(small_disk.folder / "var" / "studio.sqlite3")  # as workers do, who keep it open
        worker.execute("SELECT COUNT(*) FROM auth_user").fetchone()
        page = chromium.new_context(base_url=studio.url).new_page()
        page.goto("/sign-in/")
        page.locator("[name=username]").fill("studio")
        page.locator("[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.goto("/create/")
        page.locator("[name=text]").fill("calm piano at dusk")
        small_disk.fill()
        page.locator("#generate").click()
        toast = page.locator(".toast-error").filter(has_text=DATA_DISK_FULL.sentence)
        toast.wait_for()
        assert page.locator("[name=text]").input_value() == "calm piano at dusk"
        small_disk.make_room()
        toast.get_by_role("button", name="Try again").click()
        page.locator(".job-card").filter(has_text="calm piano at dusk").wait_for()
        assert studio.api.get("/jobs/").json()["count"] == 1
        worker.close()
