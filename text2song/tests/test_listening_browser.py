"""Players and the comparison in a real browser, against the pages of a test server: no worker, no model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from conftest import signed_in, watched_tab
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SECONDS = 5.0
BAR = "#player-bar > audio"
TIMES = "() => [...document.querySelectorAll('[data-track] > audio')].map(audio => audio.currentTime)"
FETCHED = "() => performance.getEntriesByType('resource').filter(e => e.name.includes('/stream/')).length"


@pytest.fixture
def samples() -> list[AudioSample]:
    job = GenerationJobFactory(completed=True)
    return [AudioSampleFactory(job=job, index=index, duration=SECONDS) for index in range(3)]


@pytest.fixture
def tab(samples: list[AudioSample], user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    """A signed-in tab that fails the test on any script error or policy violation."""
    context = signed_in(chromium, live_server.url, user, viewport={"width": 1280, "height": 900})
    with watched_tab(context) as page:
        yield page


def sounds_beyond(tab: Any, seconds: float) -> None:
    tab.wait_for_function(
        f"() => {{ const a = document.querySelector('{BAR}'); return !a.paused && a.currentTime > {seconds} }}"
    )


def current(tab: Any) -> int:
    """Which row plays; -1 for none."""
    return tab.evaluate(
        "() => [...document.querySelectorAll('[data-player]')].findIndex(row => row.hasAttribute('data-playing'))"
    )


def test_players_draw_play_seek_and_follow_one_another(tab: Any):
    tab.goto(reverse("library"))
    players = tab.locator("[data-player]")
    tab.wait_for_function(
        "() => [...document.querySelectorAll('[data-wave]')]"
        ".every(wave => wave.firstElementChild?.shadowRoot?.querySelector('canvas'))"
    )
    assert players.count() == 3
    assert tab.evaluate(FETCHED) == 0, "audio was fetched before anybody pressed play"
    assert not tab.locator("#player-bar").is_visible(), "an empty bar takes no room"
    assert players.first.locator("[data-time]").inner_text() == "0:00"
    assert players.first.locator("[data-total]").inner_text() == "0:05"

    players.first.locator("[data-play]").click()
    sounds_beyond(tab, 1.2)
    tab.get_by_text("1 of 3 played").first.wait_for()
    assert tab.locator("[data-bar-title]").inner_text() == players.first.get_attribute("data-title")

    players.nth(1).locator("[data-play]").click()
    tab.locator("[data-player][data-playing]").wait_for()
    assert current(tab) == 1, "only one plays at a time"

    wave = players.nth(1).locator("[data-wave]")
    wave.press("End")
    tab.locator("[data-player][data-playing]").nth(0).wait_for()
    tab.wait_for_function("() => document.querySelectorAll('[data-player]')[2].hasAttribute('data-playing')")
    tab.locator("[data-bar-previous]").click()
    tab.wait_for_function("() => document.querySelectorAll('[data-player]')[1].hasAttribute('data-playing')")
    tab.locator("h1").click()
    tab.keyboard.press("Space")
    tab.locator("[data-player][data-playing]").wait_for(state="detached")
    wave.press("Home")
    wave.press("ArrowRight")
    assert tab.locator(BAR).evaluate("audio => audio.currentTime") == pytest.approx(2.0, abs=0.05)
    assert wave.get_attribute("aria-valuetext") == "0:02 of 0:05"
    assert tab.locator("[data-bar-wave]").get_attribute("aria-valuetext") == "0:02 of 0:05"


def test_a_seek_before_the_first_play_is_kept(tab: Any):
    tab.goto(reverse("library"))
    tab.locator("[data-player][data-ready]").first.wait_for()
    wave = tab.locator("[data-wave]").first
    box = wave.bounding_box()
    wave.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    assert tab.evaluate(FETCHED) == 0
    assert tab.locator("[data-time]").first.inner_text() == "0:02"
    tab.locator("[data-play]").first.click()
    sounds_beyond(tab, 2.6)


def test_a_swapped_fragment_gets_one_player_of_its_own(tab: Any):
    tab.goto(reverse("library"))
    tab.locator("[data-player][data-ready]").first.wait_for()
    tab.evaluate(
        "() => { const old = document.querySelector('[data-player]');"
        " htmx.swap(old, old.outerHTML, {swapStyle: 'outerHTML'}); }"
    )
    tab.wait_for_timeout(400)
    assert tab.locator("[data-wave]").first.evaluate("wave => wave.children.length") == 1
    tab.locator("[data-play]").first.click()
    sounds_beyond(tab, 0.3)


def test_switching_keeps_the_position(tab: Any, samples: list[AudioSample]):
    query = "&".join(f"ids={sample.pk}" for sample in samples)
    tab.goto(f"{reverse('compare')}?{query}")
    compare = tab.locator("[data-compare][data-ready]")
    compare.wait_for()
    assert tab.evaluate(FETCHED) == 0
    tab.keyboard.press("Space")
    tab.wait_for_function("() => document.querySelector('[data-compare]').dataset.position > 1")
    jump = tab.evaluate(
        """async () => {
            const root = document.querySelector("[data-compare]");
            const before = Number(root.dataset.position);
            const start = performance.now();
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "2", bubbles: true }));
            await new Promise((resolve) => setTimeout(resolve, 300));
            return Number(root.dataset.position) - before - (performance.now() - start) / 1000;
        }"""
    )
    assert abs(jump) < 0.15, f"the position jumped by {jump} s"
    assert compare.locator("[data-switch][aria-pressed=true]").inner_text() == "2"
    times = tab.evaluate(TIMES)
    assert max(times) - min(times) < 0.05, times
    tab.keyboard.press("l")
    tab.wait_for_function("() => document.querySelector('[data-compare]').dataset.position < 0.9", timeout=8000)
    assert compare.get_attribute("data-playing") is not None, "a loop goes on"
    tab.keyboard.press("Space")
    assert compare.get_attribute("data-playing") is None


def test_the_theme_is_kept_and_every_page_follows(tab: Any):
    tab.goto(reverse("settings"))
    light = tab.evaluate("() => getComputedStyle(document.body).color")
    tab.locator(".user-menu summary").click()
    tab.get_by_text("Dark", exact=True).click()
    assert tab.evaluate("() => getComputedStyle(document.body).color") != light
    for name in ("overview", "library", "create"):
        tab.goto(reverse(name))
        assert tab.evaluate("() => document.documentElement.dataset.theme") == "dark"


def test_a_question_opens_in_a_dialog_and_can_be_declined(tab: Any, user: Any):
    from text2song.api_keys import create_key
    from text2song.models import ApiKey

    create_key(user=user, name="notebook")
    tab.goto(reverse("settings-keys"))
    tab.get_by_role("link", name="Revoke…").click()
    dialog = tab.get_by_role("dialog")
    dialog.wait_for()
    dialog.get_by_text("Keep").click()
    assert dialog.count() == 0
    assert ApiKey.objects.count() == 1
    tab.get_by_role("link", name="Revoke…").click()
    dialog.get_by_role("button", name="Revoke").click()
    tab.get_by_text("no longer works").wait_for()
    assert not ApiKey.objects.exists()
