"""A blind trial in a real browser: signed in, both samples heard, answered by keyboard, counted."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from feedback.listening_tests.tests.listening import running
from feedback.models import ListeningTest, Preference, Trial

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

POSITION = "Number(document.querySelector('[data-trial]').dataset.position)"
HEARD = "() => [...document.querySelectorAll('[data-seconds]')].map(e => Number(e.textContent))"
PHONE = {"width": 375, "height": 667}


@pytest.fixture
def test_() -> ListeningTest:
    return running(prompts=2, sample={"duration": 2.5}, description="Mind the melody.")


def sign_in(tab: Any, user: Any) -> None:
    tab.goto("/sign-in/")
    tab.locator("[name=username]").fill(user.username)
    tab.locator("[name=password]").fill("listen-closely")
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url("**/")


def test_a_trial_is_heard_and_answered_by_keyboard(chromium: Any, test_: ListeningTest, user: Any, live_server: Any):
    context = chromium.new_context(base_url=live_server.url, viewport=PHONE)
    tab = context.new_page()
    problems: list[str] = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    sign_in(tab, user)
    tab.goto(reverse("test-listen", args=[test_.pk]))
    tab.locator("[data-trial][data-ready]").wait_for()
    assert tab.locator("audio").first.is_hidden()
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]

    assert tab.evaluate("() => document.documentElement.scrollHeight") <= PHONE["height"]
    tab.get_by_text("You can stop after any trial.").wait_for()
    missing = tab.locator("[data-missing]")
    assert missing.inner_text() == "Listen to 2.0 s more of Sample 1 and 2.0 s more of Sample 2 before you answer."
    votes = tab.locator("[name=choice]")
    assert (
        tab.locator("[name=choice][aria-disabled=true][aria-describedby=trial-missing]").count() == votes.count() == 4
    )

    tab.keyboard.press("ArrowLeft")  # too early: what is missing is said, and nothing is sent
    assert "2.0 s more of Sample 1" in tab.locator("[data-trial-announce]").inner_text()
    assert not tab.locator("#trial-problem .notice").count()

    tab.keyboard.press("1")
    tab.wait_for_function(f"() => {POSITION} > 0.5")
    jump = tab.evaluate(
        f"""async () => {{
            const before = {POSITION};
            const start = performance.now();
            document.body.dispatchEvent(new KeyboardEvent("keydown", {{ key: "2", bubbles: true }}));
            await new Promise((resolve) => setTimeout(resolve, 300));
            return {POSITION} - before - (performance.now() - start) / 1000;
        }}"""
    )
    assert abs(jump) < 0.2, f"the position jumped by {jump} s"
    assert tab.locator("[data-switch][aria-pressed=true]").inner_text().endswith("Sample 2")
    tab.keyboard.press("l")
    tab.wait_for_function(f"() => ({HEARD})()[1] >= 2", timeout=20_000)
    assert missing.inner_text().startswith("Listen to ") and "Sample 2" not in missing.inner_text()
    tab.keyboard.press("1")
    tab.wait_for_function(f"() => ({HEARD})()[0] >= 2", timeout=20_000)
    assert "You can answer now" in tab.locator("[data-trial-announce]").inner_text()
    assert missing.inner_text() == "" and tab.locator("[aria-disabled], [aria-describedby=trial-missing]").count() == 0

    tab.keyboard.press("ArrowRight")
    tab.get_by_role("heading", name="Trial 2 of 2").wait_for()
    tab.wait_for_function("() => document.activeElement.textContent === 'Trial 2 of 2'", timeout=5_000)
    trial = Trial.objects.get(number=1)
    assert trial.choice == "second" and trial.rater == user
    preference = Preference.objects.get()
    assert preference.winner == ("b" if trial.x_is_first else "a")
    assert min(preference.heard_a, preference.heard_b) >= 2

    tab.keyboard.press("Space")
    tab.wait_for_function(f"() => {POSITION} > 0.3")
    tab.keyboard.press("Space")
    heard = tab.evaluate(HEARD)[0]
    tab.wait_for_timeout(500)
    tab.reload()
    tab.locator("[data-trial][data-ready]").wait_for()
    assert tab.evaluate(HEARD)[0] == pytest.approx(heard, abs=0.1), "a reload loses nothing that was heard"
    context.close()
    assert not problems, problems


def test_the_sound_says_that_it_loads_and_no_player_of_the_browser_flashes(
    chromium: Any, test_: ListeningTest, user: Any, live_server: Any
):
    context = chromium.new_context(base_url=live_server.url, viewport=PHONE)
    tab = context.new_page()
    sign_in(tab, user)
    held: list[Any] = []
    tab.route("**/trial.js", lambda route: held.append(route))
    tab.goto(reverse("test-listen", args=[test_.pk]), wait_until="commit")
    tab.locator("[data-play]").wait_for()
    # Nothing is painted before the sheets of the head are there; a script may look earlier.
    tab.locator("audio").first.wait_for(state="hidden")
    assert not tab.locator("[data-trial][data-ready]").count()
    tab.wait_for_timeout(200)
    held[0].continue_()
    tab.locator("[data-trial][data-ready]").wait_for()
    sounds: list[Any] = []
    tab.route("**/trials/audio/**", lambda route: sounds.append(route))
    tab.keyboard.press("1")
    tab.get_by_text("Loading the sound…").wait_for()
    assert tab.locator("[data-trial]").get_attribute("aria-busy") == "true"
    tab.wait_for_timeout(200)
    for sound in sounds:
        sound.continue_()
    tab.wait_for_function(f"() => {POSITION} > 0.2")
    assert tab.locator("[data-loading]").inner_text() == "" and tab.locator("[data-trial][aria-busy]").count() == 0
    context.close()


def test_without_script_two_players_and_buttons_do(chromium: Any, test_: ListeningTest, user: Any, live_server: Any):
    context = chromium.new_context(base_url=live_server.url, java_script_enabled=False)
    tab = context.new_page()
    sign_in(tab, user)
    tab.goto(reverse("test-listen", args=[test_.pk]))
    assert tab.locator("audio[controls]").count() == 2
    assert tab.locator("[data-switch]").first.is_hidden()
    tab.get_by_role("button", name="Equal").click()
    tab.get_by_text("s more of Sample 1").wait_for()
    trial = Trial.objects.get()
    for token in (trial.first_token, trial.second_token):
        assert context.request.get(reverse("trial-audio", args=[token])).status == 200
    tab.wait_for_timeout(4300)  # two seconds of each
    tab.get_by_role("button", name="Equal").click()
    tab.get_by_role("heading", name="Trial 2 of 2").wait_for()
    assert Trial.objects.get(number=1).choice == "tie"
    context.close()
