"""The player that stays, and the navigation around it, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conftest import signed_in, watched_tab
from generation.models import AudioSample, Favorite
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory
from text2song.tests.factories import UserFactory, WorkerPresenceFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SECONDS = 40.0
BAR = "#player-bar > audio"
STATE = f"() => {{ const a = document.querySelector('{BAR}'); return [a.paused, a.currentTime, a.src]; }}"
MARK = "() => { window.sameDocument = true; }"


@pytest.fixture
def samples(user: Any) -> list[AudioSample]:
    BaseModelFactory(key="tiny", is_active=True)
    WorkerPresenceFactory(cluster="generation")
    job = GenerationJobFactory(completed=True, requested_by=user)
    return [AudioSampleFactory(job=job, index=index, duration=SECONDS) for index in range(3)]


@pytest.fixture
def tab(samples: list[AudioSample], user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    context = signed_in(chromium, live_server.url, user, viewport={"width": 1280, "height": 800})
    with watched_tab(context) as page:
        page.goto(reverse("library"))
        page.locator("[data-player][data-ready]").first.wait_for()
        yield page


def heard(tab: Any) -> float:
    """Seconds into the clip that sounds."""
    paused, seconds, _ = tab.evaluate(STATE)
    assert not paused, "the sound stopped"
    return seconds


def play(tab: Any, nth: int = 0) -> None:
    tab.locator("[data-player] [data-play]").nth(nth).click()
    tab.wait_for_function(f"() => document.querySelector('{BAR}').currentTime > 0.2")


def arrived(tab: Any, name: str, heading: str) -> None:
    tab.wait_for_url("**" + reverse(name))
    tab.locator("h1", has_text=heading).wait_for()


def test_the_sound_goes_on_through_five_sections_and_back(tab: Any):
    tab.evaluate(MARK)
    play(tab)
    before = heard(tab)
    sections = {"overview": "Overview", "create": "Create", "prompts": "Prompts", "training": "Training"}
    for name, heading in sections.items():
        tab.locator(f".nav a[href='{reverse(name)}']").first.click()
        arrived(tab, name, heading)
        tab.wait_for_function("() => document.activeElement.matches('h1, [autofocus]')")
        now = heard(tab)
        assert now > before, name
        before = now
    tab.keyboard.press("g")
    tab.keyboard.press("l")
    arrived(tab, "library", "Library")
    assert tab.title().startswith("Library")
    assert tab.locator("[data-player][data-playing]").count() == 1, "the row tells that it plays"
    tab.go_back()
    arrived(tab, "training", "Training")
    assert heard(tab) > before
    assert tab.evaluate("() => window.sameDocument"), "no page was loaded as a whole"
    assert tab.evaluate("() => document.activeElement.tagName") in ("H1", "BODY", "A")


def test_a_reload_goes_on_where_the_sound_was(tab: Any):
    tab.locator("[data-bar-volume]").evaluate(
        "e => { e.value = 0.5; e.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    play(tab, 1)
    tab.locator("[data-bar-speed]").select_option("1.5")
    tab.locator("[data-bar-loop]").click()
    tab.wait_for_function(f"() => document.querySelector('{BAR}').currentTime > 2")
    tab.reload()
    tab.locator("#player-bar").wait_for()
    paused, seconds, src = tab.evaluate(STATE)
    assert seconds > 1.5
    if paused:  # this browser wants a touch before any sound
        tab.locator("h1").click()
        assert heard(tab) >= seconds
    assert tab.locator("[data-player]").nth(1).get_attribute("data-src") in src
    settings = tab.locator(BAR).evaluate("a => [a.volume, a.playbackRate, a.loop]")
    assert settings == [0.5, 1.5, True]
    assert tab.locator("[data-bar-speed]").input_value() == "1.5"
    assert tab.locator("[data-bar-queue] li").count() == 3
    tab.locator("#player-bar .heart button").wait_for()
    tab.locator("[data-bar-close]").click()
    assert not tab.locator("#player-bar").is_visible()
    tab.reload()
    assert not tab.locator("#player-bar").is_visible(), "what was closed stays closed"


def test_what_somebody_else_heard_in_this_browser_is_not_gone_on_with(tab: Any, live_server: Any):
    play(tab)
    other = Client()
    other.force_login(UserFactory())
    tab.context.add_cookies([{"name": "sessionid", "value": other.cookies["sessionid"].value, "url": live_server.url}])
    tab.reload()
    tab.locator("[data-player][data-ready]").first.wait_for()
    assert not tab.locator("#player-bar").is_visible()
    assert tab.evaluate(f"() => document.querySelector('{BAR}').getAttribute('src')") is None


def test_the_queue_leads_from_clip_to_clip_on_other_pages_too(tab: Any, samples: list[AudioSample]):
    rows = tab.locator("[data-player]")
    titles = [rows.nth(index).get_attribute("data-title") for index in range(3)]
    play(tab)
    tab.locator(f".nav a[href='{reverse('settings')}']").first.click()
    arrived(tab, "settings", "Settings")
    tab.keyboard.press("n")
    assert tab.locator("[data-bar-title]").inner_text() == titles[1]
    tab.locator(".player-bar-list summary").click()
    queue = tab.locator("[data-bar-queue] button")
    assert queue.nth(1).get_attribute("aria-current") == "true"
    queue.nth(2).click()
    assert tab.locator("[data-bar-title]").inner_text() == titles[2]
    assert tab.locator("[data-bar-next]").is_disabled()
    tab.locator("[data-bar-title]").click()
    tab.locator(".player-large[data-playing]").wait_for()
    assert heard(tab) >= 0
    assert tab.locator("[data-bar-queue] li").count() == 3, "a page with one clip leaves the queue alone"


def test_the_heart_in_the_bar_and_the_one_in_the_row_agree(tab: Any, user: Any):
    play(tab)
    row = tab.locator(".sample-list > li").first
    heart = tab.locator("#player-bar .heart button")
    heart.click()
    tab.locator("#player-bar .heart [aria-pressed=true]").wait_for()
    row.locator(".heart [aria-pressed=true]").wait_for()
    row.locator(".heart button").click()
    tab.locator("#player-bar .heart [aria-pressed=false]").wait_for()
    assert not Favorite.objects.filter(user=user).exists()


def test_media_keys_and_the_lock_screen_know_the_clip(tab: Any):
    tab.evaluate("() => { window.handlers = {}; }")
    play(tab)
    metadata = tab.evaluate(
        "() => [navigator.mediaSession.metadata.title, navigator.mediaSession.metadata.artwork[0].src,"
        " navigator.mediaSession.playbackState]"
    )
    assert metadata[0] == tab.locator("[data-bar-title]").inner_text()
    assert "app-512" in metadata[1] and metadata[2] == "playing"


def test_a_blind_page_silences_the_bar_and_gives_it_back_paused(tab: Any):
    play(tab)
    tab.locator(f".nav a[href='{reverse('listen')}']").first.click()
    tab.locator("[data-silence]").wait_for()
    assert tab.evaluate(STATE)[0], "it was silenced"
    assert not tab.locator("#player-bar").is_visible()
    tab.keyboard.press("g")
    tab.keyboard.press("l")
    arrived(tab, "library", "Library")
    assert tab.locator("#player-bar").is_visible() and tab.evaluate(STATE)[0]


def test_another_tab_that_plays_silences_this_one(tab: Any):
    play(tab)
    other = tab.context.new_page()
    other.goto(reverse("library"))
    other.locator("[data-player] [data-play]").nth(1).click()
    tab.wait_for_function(f"() => document.querySelector('{BAR}').paused")
    assert not other.evaluate(STATE)[0]


def test_a_refused_form_keeps_the_sound_and_the_address(samples: Any, user: Any, live_server: Any, chromium: Any):
    context = signed_in(chromium, live_server.url, user)
    tab = context.new_page()
    tab.goto(reverse("library"))
    play(tab)
    tab.locator(f"a[href='{reverse('sample-detail', args=[samples[0].pk])}']").first.click()
    tab.locator(".page-actions a[href='#extend']").click()
    tab.locator("#extend").wait_for()
    at = tab.url
    form = tab.locator("#extend form")
    form.locator("[name=seconds]").evaluate("e => { e.removeAttribute('max'); e.value = 9999; }")
    form.locator("button").first.click()
    tab.locator("#extend .errorlist").wait_for()
    assert tab.url.split("#")[0] == at.split("#")[0], "its own address, asked for again, would be no page"
    heard(tab)
    context.close()


def test_a_page_of_another_language_and_a_download_load_as_a_whole(tab: Any):
    play(tab)
    tab.evaluate(MARK)
    tab.locator(".user-menu > summary").click()
    tab.get_by_role("button", name="繁體中文").click()
    tab.locator("html[lang=zh-hant]").wait_for()
    assert tab.evaluate("() => window.sameDocument") is None
    assert tab.locator("#player-bar").is_visible(), "and the clip is still there"


def test_without_script_rows_have_the_browsers_own_controls(samples: Any, user: Any, live_server: Any, chromium: Any):
    context = signed_in(chromium, live_server.url, user, java_script_enabled=False)
    page = context.new_page()
    page.goto(reverse("library"))
    assert page.locator("[data-player] audio[controls]").count() == 3
    assert not page.locator("#player-bar").is_visible()
    page.locator(f".nav a[href='{reverse('overview')}']").first.click()
    assert page.title().startswith("Overview")
    context.close()
