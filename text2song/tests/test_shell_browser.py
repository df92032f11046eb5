"""The shell in a real browser: the phone's bar of five, its sheet, and what stands above the bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.urls import reverse

from conftest import signed_in, watched_tab
from feedback.models import RaterProfile
from generation.models import GenerationJob
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory
from text2song.pages.navigation import SECTIONS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("workers")]

PHONE = {"viewport": {"width": 375, "height": 667}, "has_touch": True, "is_mobile": True}
FIVE = ["Overview", "Create", "Library", "Listen", "More"]
THUMB = 44
IN_BAR = ".nav-bar :is(a, summary)"
BOXES = "all => all.map(one => one.getBoundingClientRect().toJSON())"
IN_SHEET = ".sidebar :is(a, button, summary, label):visible"
COVERED = """() => {
  document.querySelector("#content").scrollIntoView({ block: "end" });
  scrollTo(0, document.documentElement.scrollHeight);
  const end = document.querySelector("#content").getBoundingClientRect().bottom;
  return end - document.querySelector(".nav-bar").getBoundingClientRect().top;
}"""


@pytest.fixture
def open_phone(user: Any, live_server: Any, chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a signed-in tab on a phone, with or without script."""
    opened = []

    def start(**options: Any) -> Any:
        watched = watched_tab(signed_in(chromium, live_server.url, user, **PHONE, **options))
        opened.append(watched)
        return watched.__enter__()

    yield start
    for watched in opened:
        watched.__exit__(None, None, None)


def test_five_places_a_thumb_reaches(open_phone: Callable[..., Any]):
    phone = open_phone()
    for name, current in (("library", "Library"), ("prompts", "Create"), ("jobs", "More")):
        phone.goto(reverse(name))
        bar = phone.get_by_role("navigation", name="Main sections")
        assert bar.locator(":is(a, summary) > span:not([class])").all_inner_texts() == FIVE
        assert bar.locator("[aria-current]").all_inner_texts() == [current]
        boxes = phone.locator(IN_BAR).evaluate_all(BOXES)
        assert len(boxes) == 5 and all(box["width"] >= THUMB and box["height"] >= THUMB for box in boxes)
        assert {round(box["bottom"]) for box in boxes} == {667}, "at the bottom of the window"
        assert phone.locator(".sidebar").is_hidden()
        assert phone.evaluate("() => document.documentElement.scrollWidth") == 375
        assert phone.evaluate(COVERED) <= 0, "the page ends above the bar"


def test_more_holds_everything_else_and_closes(open_phone: Callable[..., Any], user: Any):
    phone = open_phone()
    phone.goto(reverse("library"))
    more, sheet = phone.locator(".nav-more summary"), phone.locator(".sidebar")
    more.tap()
    shown = phone.locator(".sidebar .nav a:visible").all_inner_texts()
    wanted = [str(part.label) for section in SECTIONS for part in (section, *section.children) if not part.staff]
    assert sorted(shown) == sorted(label for label in wanted if label not in ("Overview", "Listen"))
    assert phone.get_by_role("link", name="Search").is_visible()
    phone.locator(".user-menu summary").tap()
    for text in ("Theme", "Language", "Sign out"):
        assert sheet.get_by_text(text, exact=True).is_visible()
    assert sheet.get_by_text("Keys", exact=True).is_hidden() and phone.locator("kbd:visible").count() == 0
    heights = [box["height"] for box in phone.locator(IN_SHEET).evaluate_all(BOXES)]
    assert len(heights) > 25 and min(heights) >= THUMB

    phone.keyboard.press("Escape")
    assert sheet.is_visible() and sheet.get_by_text("Sign out").is_hidden(), "the innermost closes first"
    phone.keyboard.press("Escape")
    assert sheet.is_hidden() and more.evaluate("summary => summary === document.activeElement")
    more.tap()
    phone.touchscreen.tap(180, 20)
    assert sheet.is_hidden(), "so does a touch beside it"
    more.tap()
    sheet.get_by_role("link", name="Datasets").tap()
    phone.wait_for_url(f"**{reverse('datasets')}")
    assert sheet.is_hidden()


def test_more_opens_without_script(open_phone: Callable[..., Any]):
    phone = open_phone(java_script_enabled=False)
    phone.goto(reverse("library"))
    phone.locator(".nav-more summary").tap()
    phone.locator(".sidebar").get_by_role("link", name="Jobs").tap()
    phone.wait_for_url(f"**{reverse('jobs')}")


def test_a_dot_tells_that_something_of_mine_is_at_work(open_phone: Callable[..., Any], user: Any):
    phone = open_phone()
    theirs = GenerationJobFactory(running=True)
    phone.goto(reverse("library"))
    dot, told = phone.locator(".nav-more-dot"), phone.locator("#studio-status a")
    assert dot.is_hidden() and told.count() == 0, "somebody else's job"
    mine = GenerationJobFactory(running=True, requested_by=user)
    phone.evaluate("() => htmx.trigger(document.body, 'job-created')")
    dot.wait_for()
    assert "at work" in dot.text_content()
    phone.locator(".nav-more summary").tap()
    phone.locator(".sidebar").get_by_role("link", name="1 job at work").tap()
    phone.wait_for_url("**mine=true*")
    content = phone.locator("#content")
    assert mine.short_id in content.inner_text() and theirs.short_id not in content.inner_text()


def test_what_sticks_to_the_bottom_stands_above_the_bars(open_phone: Callable[..., Any], user: Any):
    AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=user))
    phone = open_phone()
    top = 667 - phone_bar(phone, reverse("create"))
    box = phone.locator(".generate-bar").bounding_box()
    assert box["y"] + box["height"] <= top + 0.5
    assert phone.locator(".toasts").evaluate("e => parseFloat(getComputedStyle(e).bottom)") > 667 - top
    assert phone_bar(phone, reverse("listen")) == 56, "no player where clips are judged"
    assert phone.evaluate("() => document.documentElement.scrollHeight") <= 667, "a turn is one screen"


def phone_bar(phone: Any, address: str) -> float:
    """How much of the window the bars of a page take, as the sheets say."""
    phone.goto(address)
    return phone.evaluate("() => parseFloat(getComputedStyle(document.querySelector('.page')).paddingBottom)")


def test_what_one_starts_on_create_is_counted_at_once(user: Any, live_server: Any, chromium: Any):
    BaseModelFactory(is_active=True)
    with watched_tab(signed_in(chromium, live_server.url, user, viewport={"width": 1280, "height": 800})) as tab:
        tab.goto(reverse("create"))
        assert tab.locator(".nav-bar").is_hidden()
        tab.get_by_label("Prompt", exact=True).fill("calm piano")
        tab.get_by_role("button", name="Generate").click()
        tab.locator("#studio-status").get_by_text("1 job at work").wait_for(timeout=8000)
        assert GenerationJob.objects.get().requested_by == user


def test_a_guest_gets_the_tests_alone(open_phone: Callable[..., Any], user: Any):
    RaterProfile.objects.update_or_create(user=user, defaults={"kind": RaterProfile.Kind.GUEST})
    user.set_unusable_password()
    user.save()
    phone = open_phone()
    phone.goto(reverse("tests"))
    bar = phone.locator(".nav-bar")
    assert bar.locator(":is(a, summary) > span:not([class])").all_inner_texts() == ["Tests", "More"]
    phone.locator(".nav-more summary").tap()
    sheet = phone.locator(".sidebar")
    assert sheet.locator("a:visible").count() == 0 and phone.locator("#studio-status").count() == 0
    phone.locator(".user-menu summary").tap()
    sheet.get_by_role("button", name="Sign out").tap()
    phone.wait_for_url("**/sign-in/**")
    assert phone.locator(".nav-bar").count() == 0
