"""The main job in a real browser: sign in, write a prompt, generate, watch, listen, switch candidates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from text2song.tests.live import PASSWORD, LiveStudio

pytestmark = [pytest.mark.browser, pytest.mark.worker]

PHONE = {"width": 375, "height": 740}
DESK = {"width": 1280, "height": 900}
COMPARED = "() => Math.max(...[...document.querySelectorAll('[data-track] > audio')].map(audio => audio.currentTime))"
NOW = "() => [...document.querySelectorAll('audio')].reduce((most, audio) => Math.max(most, audio.currentTime), 0)"


@pytest.fixture
def tab(chromium: Any, live_studio: LiveStudio) -> Iterator[Any]:
    """A signed-in tab that fails the test on any script error or Content Security Policy violation."""
    context = chromium.new_context(viewport=DESK, base_url=live_studio.url)
    page = context.new_page()
    problems: list[str] = []
    foreign: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: foreign.append(request.url) if not _is_ours(request.url, live_studio) else None)
    sign_in(page)
    yield page
    context.close()
    assert not problems, problems
    assert not foreign, f"something was loaded from elsewhere: {foreign}"


def _is_ours(url: str, studio: LiveStudio) -> bool:
    return url.startswith((studio.url, "data:", "blob:"))


def sign_in(page: Any) -> None:
    page.goto("/")
    page.get_by_label("User name").or_(page.get_by_label("Username")).fill("studio")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


def generate(page: Any, text: str, *, samples: int, seconds: int) -> Any:
    """Fill in the form and send it; returns the locator of the new job's card."""
    page.goto("/create/")
    page.locator("[name=text]").fill(text)
    page.locator("[name=num_samples]").evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }", str(samples)
    )
    page.locator("[name=duration]").evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }", str(seconds)
    )
    page.locator("#generate").click()
    card = page.locator(".job-card").filter(has_text=text).first
    card.wait_for()
    return card


def test_what_the_chosen_model_reads_follows_text_and_model(tab: Any):
    tab.goto("/create/")
    tab.locator("[name=text]").press_sequentially("zzyzx piano " + "calm " * 64 + "epilogue")
    read = tab.locator("#rendered-text")
    read.get_by_text("zzyzx", exact=True).wait_for()
    assert read.locator("dd").first.inner_text().endswith("epilogue")
    assert tab.locator("[data-remark]").count() == 2
    tab.locator("#settings-drawer > summary").click()
    tab.locator("[name=model]").select_option("musicgen-small")
    read.get_by_text("not on this machine yet").wait_for()
    assert tab.locator("[data-remark]").count() == 0
    tab.locator("[name=model]").select_option("studio-tiny")
    read.get_by_text("Text not read").wait_for()


def test_from_a_prompt_to_switching_candidates(tab: Any):
    card = generate(tab, "calm piano at dusk, in the browser", samples=4, seconds=8)
    moved: set[int] = set()
    status = card.locator("[data-state]")
    while status.get_attribute("data-state") in {"queued", "running"}:
        bar = card.locator("progress")
        if bar.count():
            moved.add(int(float(bar.first.get_attribute("value", timeout=5000) or 0)))
        tab.wait_for_timeout(150)
    assert status.get_attribute("data-state") == "completed"
    assert len(moved) >= 2, f"the progress bar stood still: {moved}"

    players = card.locator("[data-player]")
    assert players.count() == 4
    assert tab.evaluate("() => performance.getEntriesByType('resource').every(e => !e.name.includes('/stream/'))"), (
        "audio was fetched before anybody pressed play"
    )
    players.first.locator("[data-play]").click()
    tab.wait_for_function(f"() => ({NOW})() > 0.7", timeout=15_000)

    card.get_by_role("link", name="Compare", exact=True).click()
    tab.wait_for_url("**/compare/**")
    tab.locator("[data-compare] [data-play]").click()
    tab.wait_for_function(f"() => ({COMPARED})() > 1.0", timeout=15_000)
    before = tab.evaluate(COMPARED)
    tab.keyboard.press("2")
    tab.wait_for_timeout(400)
    pressed = tab.locator("[data-switch][aria-pressed=true]")
    assert pressed.count() == 1
    assert "2" in pressed.inner_text()
    playing = tab.evaluate("() => [...document.querySelectorAll('[data-track] audio')].map(a => a.currentTime)")
    second = playing[1]
    assert before - 0.1 <= second <= before + 1.5, f"switched from {before} to {second}: {playing}"
    tab.wait_for_function(f"(t) => ({COMPARED})() > t + 0.3", arg=second, timeout=5000)


def test_errors_keep_what_was_typed(tab: Any):
    tab.goto("/create/")
    tab.locator("[name=text]").fill("a tune that is kept")
    tab.locator("[name=tempo]").fill("20")
    tab.locator("#generate").click()
    alert = tab.get_by_role("alert").filter(has_text="40 to 200").or_(tab.get_by_text("from 40 to 200"))
    alert.first.wait_for()
    assert tab.locator("[name=text]").input_value() == "a tune that is kept"
    assert tab.locator("[name=tempo]").input_value() == "20"


def test_the_rendered_text_follows_what_is_typed(tab: Any):
    tab.goto("/create/")
    tab.locator("[name=text]").fill("calm piano at dusk")
    tab.locator("select[name=mood]").select_option("peaceful")
    tab.get_by_text("peaceful, calm piano at dusk").first.wait_for(timeout=5000)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/create/",
        "/prompts/",
        "/templates/",
        "/suites/",
        "/library/",
        "/favorites/",
        "/jobs/",
        "/settings/",
        "/settings/models/",
        "/settings/generation/",
        "/settings/keys/",
        "/api/docs/",
    ],
)
def test_no_page_scrolls_sideways_on_a_phone(tab: Any, path: str):
    tab.set_viewport_size(PHONE)
    tab.goto(path)
    tab.wait_for_load_state("networkidle")
    if path != "/api/docs/":
        width = tab.evaluate("() => document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{path} is {width} px wide"


def test_keys_go_to_sections(tab: Any):
    for letter, address in (("c", "/create/"), ("l", "/library/"), ("j", "/jobs/"), ("s", "/settings/"), ("o", "/")):
        tab.locator("h1").first.click()
        tab.keyboard.press("g")
        tab.keyboard.press(letter)
        tab.wait_for_url(f"**{address}", timeout=5000)
    tab.goto("/create/")
    tab.locator("[name=text]").press_sequentially("g j")
    assert tab.url.endswith("/create/"), "letters typed into a field are text"
    tab.keyboard.press("Escape")
    tab.locator("h1").first.click()
    tab.keyboard.press("?")
    tab.get_by_role("dialog").first.wait_for()


def test_without_javascript_the_main_job_still_works(chromium: Any, live_studio: LiveStudio):
    context = chromium.new_context(java_script_enabled=False, base_url=live_studio.url, viewport=DESK)
    page = context.new_page()
    sign_in(page)
    page.goto("/create/")
    page.locator("[name=text]").fill("plain pages only")
    page.locator("#generate").click()
    page.wait_for_url("**/jobs/*/**")
    job_id = page.url.rstrip("/").rpartition("/")[2]
    live_studio.wait_for(job_id, "completed")
    page.reload()
    assert page.locator("audio[controls]").count() >= 1
    context.close()
