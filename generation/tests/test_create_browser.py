"""Create in a real browser: instruments by typing, templates with undo, a draft that survives, places that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from conftest import signed_in, watched_tab
from generation.models import BaseModel, GenerationJob
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory
from prompts.tests.factories import PromptTemplateFactory
from text2song.tests.factories import UserFactory, WorkerPresenceFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK = {"width": 1280, "height": 800}
PLAYER_BAR = 72
TEXT = "[name=text]"


@pytest.fixture(autouse=True)
def model() -> BaseModel:
    WorkerPresenceFactory(cluster="generation")
    return BaseModelFactory(key="tiny", display_name="Tiny", is_active=True, max_duration=10)


@pytest.fixture
def tab(user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    with watched_tab(signed_in(chromium, live_server.url, user, viewport=DESK)) as page:
        page.goto(reverse("create"))
        yield page


def bottom(tab: Any, selector: str, nth: int = 0) -> float:
    box = tab.locator(selector).nth(nth).bounding_box()
    return box["y"] + box["height"]


def chips(tab: Any) -> list[str]:
    return [" ".join(words.split()) for words in tab.locator("[data-picked] li").all_inner_texts()]


def saved(tab: Any) -> None:
    """A draft is written a moment after the last key."""
    tab.wait_for_timeout(400)


def test_prompt_settings_and_four_candidates_share_one_screen(tab: Any, user: Any):
    job = GenerationJobFactory(requested_by=user, num_samples=4, completed=True)
    for index in range(4):
        AudioSampleFactory(job=job, index=index)
    tab.goto(reverse("create"))
    low = DESK["height"] - PLAYER_BAR
    for selector, nth in (("#generate", 0), ("#settings-line", 0), (".candidates > li", 3)):
        assert bottom(tab, selector, nth) <= low, selector
    tab.set_viewport_size({"width": 375, "height": 667})
    assert bottom(tab, "#generate") <= 667, "it sticks to the bottom"
    assert tab.locator("#create-form").bounding_box()["y"] < tab.locator("#results").bounding_box()["y"]
    assert tab.evaluate("document.documentElement.scrollWidth") <= 375


def test_instruments_are_added_turned_and_removed_by_keyboard(tab: Any):
    box = tab.get_by_role("combobox", name="Add an instrument")
    box.press_sequentially("piano")
    tab.get_by_role("listbox", name="Instruments").wait_for()
    assert box.get_attribute("aria-expanded") == "true"
    box.press("ArrowDown")
    active = box.get_attribute("aria-activedescendant")
    assert tab.locator(f"#{active}").inner_text().startswith("Acoustic piano")
    box.press("Enter")
    assert chips(tab) == ["Acoustic piano primary ×"] and box.input_value() == ""
    assert tab.locator("[name=role-acoustic-piano][value=primary]").is_checked()
    box.press_sequentially("shak")
    box.press("Escape")
    assert box.get_attribute("aria-expanded") == "false" and box.input_value() == "shak"
    box.press("Escape")
    assert box.input_value() == ""
    box.press_sequentially("shak")
    box.press("Enter")
    tab.get_by_role("button", name="Shaker primary").press("Enter")
    assert chips(tab) == ["Acoustic piano primary ×", "Shaker secondary ×"]
    assert tab.locator("[name=role-shaker][value=secondary]").is_checked()
    tab.get_by_text("with subtle shaker").first.wait_for()
    tab.get_by_role("button", name="Remove Acoustic piano").press("Enter")
    assert chips(tab) == ["Shaker secondary ×"]
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "Remove Shaker"
    tab.keyboard.press("Delete")
    assert chips(tab) == [] and tab.evaluate("document.activeElement.id") == "instrument-search"
    assert not GenerationJob.objects.exists(), "Enter in the box sends nothing"


def test_chips_follow_the_groups(tab: Any):
    tab.get_by_text("All instruments").click()
    tab.get_by_text("Strings", exact=True).click()
    tab.get_by_role("radiogroup", name="Cello").get_by_text("Secondary").click()
    assert chips(tab) == ["Cello secondary ×"]


def test_a_template_replaces_what_was_written_and_undo_brings_it_back(tab: Any, user: Any):
    template = PromptTemplateFactory(owner=user, name="Smoky bar", primary_instruments=["cello"], duration=30)
    tab.reload()
    tab.locator(TEXT).fill("mine alone")
    tab.locator("[name=mood]").select_option("dark")
    tab.locator("[name=duration]").evaluate("e => { e.value = 3; }")
    tab.locator("h1").click()
    tab.keyboard.press("t")
    tab.get_by_role("link", name="Smoky bar").click()
    undo = tab.get_by_role("button", name="Undo")
    undo.wait_for()
    assert tab.locator(TEXT).input_value() == template.text
    assert chips(tab) == ["Cello primary ×"] and tab.locator("[name=duration]").input_value() == "10", (
        "cut to the model"
    )
    assert not tab.locator("#template-drawer[open]").count()
    undo.click()
    assert tab.locator(TEXT).input_value() == "mine alone"
    assert (tab.locator("[name=mood]").input_value(), tab.locator("[name=duration]").input_value()) == ("dark", "3")
    assert chips(tab) == [] and not undo.count()


def test_a_preview_that_arrives_after_a_template_was_chosen_is_dropped(tab: Any, user: Any):
    PromptTemplateFactory(owner=user, name="Smoky bar")
    tab.reload()
    late = []
    tab.route("**" + reverse("prompt-preview"), lambda route: late.append(route), times=1)
    tab.locator(TEXT).fill("asked before")
    tab.wait_for_timeout(400)
    tab.locator("#template-drawer > summary").click()
    tab.get_by_role("link", name="Smoky bar").click()
    tab.get_by_role("button", name="Undo").wait_for()
    preview = tab.locator("#prompt-preview").inner_html()
    assert len(late) == 1, "one preview was under way"
    with tab.expect_response("**" + reverse("prompt-preview")):
        late[0].continue_()
    tab.wait_for_timeout(200)
    assert tab.locator("#prompt-preview").inner_html() == preview and "asked before" not in preview


def test_what_was_typed_and_chosen_survives_until_start_afresh(tab: Any, user: Any, live_server: Any, chromium: Any):
    tab.locator(TEXT).fill("a tune that is kept")
    tab.locator("[name=style]").select_option("jazz")
    tab.get_by_role("combobox", name="Add an instrument").press_sequentially("cello\n")
    tab.locator("h1").click()
    tab.keyboard.press(",")
    tab.locator("[name=num_samples]").fill("5")
    tab.get_by_text("Custom", exact=True).first.click()
    tab.locator("[name=seed]").fill("7")
    tab.get_by_text("Balanced · 5 × 8 s · Tiny · no adapter · seed 7").wait_for()
    saved(tab)
    token = tab.locator("#create-token").input_value()
    tab.goto(reverse("library"))
    tab.goto(reverse("create"))
    tab.get_by_text("Balanced · 5 × 8 s · Tiny · no adapter", exact=True).wait_for()
    assert tab.locator(TEXT).input_value() == "a tune that is kept"
    assert tab.locator("[name=style]").input_value() == "jazz" and chips(tab) == ["Cello primary ×"]
    assert tab.locator("[name=seed]").input_value() == "", "a seed would repeat what was heard"
    assert tab.locator("#create-token").input_value() != token
    tab.get_by_role("link", name="Start afresh").click()
    tab.get_by_text("Balanced · 2 × 8 s · Tiny · no adapter", exact=True).wait_for()
    assert tab.locator(TEXT).input_value() == "" and chips(tab) == []
    tab.reload()
    assert tab.locator(TEXT).input_value() == ""


def test_an_address_that_asks_for_a_prompt_wins_and_the_draft_comes_back(tab: Any):
    prompt = GenerationJobFactory(prompt__text="an old tune").prompt
    tab.locator(TEXT).fill("half a thought")
    saved(tab)
    tab.goto(reverse("create", query={"prompt": prompt.pk}))
    assert tab.locator(TEXT).input_value() == "an old tune"
    tab.get_by_text("What you were writing was put aside.").wait_for()
    tab.get_by_role("button", name="Undo").click()
    assert tab.locator(TEXT).input_value() == "half a thought"


def test_the_draft_of_another_user_is_gone(tab: Any, live_server: Any, chromium: Any):
    tab.locator(TEXT).fill("only for me")
    saved(tab)
    other = signed_in(chromium, live_server.url, UserFactory()).cookies()
    tab.context.add_cookies(other)
    tab.goto(reverse("create"))
    assert tab.locator(TEXT).input_value() == ""
    assert "only for me" not in tab.evaluate("JSON.stringify(localStorage)")


def test_generating_keeps_places_and_remembers_the_prompt_of_this_session(tab: Any):
    tab.locator(TEXT).fill("calm piano at dusk")
    tab.locator(TEXT).press("Control+Enter")
    tab.locator(".candidate-coming").nth(1).wait_for()
    before = [tab.locator(".candidates > li").nth(n).bounding_box()["y"] for n in range(2)]
    job = GenerationJob.objects.get()
    AudioSampleFactory(job=job, index=1)
    tab.locator(".candidate").wait_for(timeout=8000)
    assert [tab.locator(".candidates > li").nth(n).bounding_box()["y"] for n in range(2)] == before
    assert "candidate-coming" in (tab.locator(".candidates > li").first.get_attribute("class") or "")
    AudioSampleFactory(job=job, index=0)
    GenerationJob.objects.filter(pk=job.pk).update(state="completed")
    tab.locator(".candidate").nth(1).wait_for(timeout=8000)
    assert [tab.locator(".candidates > li").nth(n).bounding_box()["y"] for n in range(2)] == before

    tab.get_by_role("link", name="Start afresh").click()
    tab.locator(f"{TEXT}:placeholder-shown").wait_for()
    link = tab.get_by_role("navigation", name="This session").get_by_role("link", name="calm piano at dusk")
    link.press("Enter")
    tab.wait_for_url(f"**/create/?prompt={job.prompt_id}")
    assert tab.locator(TEXT).input_value() == "calm piano at dusk"


def test_a_setting_that_is_refused_shows_itself(tab: Any):
    tab.locator(TEXT).fill("calm piano at dusk")
    tab.locator("[name=top_k]").evaluate("e => { e.value = 0; }")
    tab.locator("#generate").click()
    tab.locator("#settings-drawer[open] [name=top_k]").wait_for()
    assert tab.locator("#settings-drawer .errorlist").filter(has_text="from 1 to 1000").is_visible()
    tab.reload()
    assert tab.locator(TEXT).input_value() == "calm piano at dusk"
