"""A clip's row and its page in a real browser: by mouse, by keyboard, by touch; what stands on the first screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Error as PlaywrightError

from conftest import signed_in, watched_tab
from feedback.models import Rating
from feedback.tests.factories import CriterionFactory
from generation.models import AudioSample, Favorite, GenerationJob
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory
from text2song.tests.factories import WorkerPresenceFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 667}
BAR = {1280: 72, 375: 112}
"""What lies over the page at its bottom: the player, on a phone with the five places below it."""
WIDER = "() => document.documentElement.scrollWidth - innerWidth"
SMALL = """() => [...document.querySelectorAll(
  '.clip :is(button, a, summary, label), .clip-actions :is(button, a, summary, label)')]
  .filter(e => e.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true }))
  .filter(e => Math.min(e.getBoundingClientRect().width, e.getBoundingClientRect().height) < 43.5)
  .map(e => e.outerHTML.slice(0, 120))"""


@pytest.fixture
def samples(user: Any) -> list[AudioSample]:
    for cluster in ("default", "generation"):
        WorkerPresenceFactory(cluster=cluster)
    CriterionFactory(slug="overall")
    model = BaseModelFactory(key="tiny", display_name="Tiny", is_active=True, max_duration=10)
    text = "calm piano over soft rain, slow and warm, with a little vinyl noise"
    job = GenerationJobFactory(completed=True, requested_by=user, base_model=model, prompt__text=text, num_samples=4)
    return [AudioSampleFactory(job=job, index=index, duration=4.0) for index in range(2)]


@pytest.fixture
def tab(samples: list[AudioSample], user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    with watched_tab(signed_in(chromium, live_server.url, user, viewport=DESK)) as page:
        yield page


@pytest.fixture
def phone(samples: list[AudioSample], user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    with watched_tab(signed_in(chromium, live_server.url, user, viewport=PHONE, has_touch=True)) as page:
        yield page


def row(tab: Any, sample: AudioSample) -> Any:
    return tab.locator(".clip").filter(has=tab.locator(f"[data-player='{sample.pk}']"))


def detail(sample: AudioSample) -> str:
    return reverse("sample-detail", args=[sample.pk])


def test_heart_stars_and_variations_in_place(tab: Any, samples: list[AudioSample], user: Any):
    tab.goto(reverse("library"))
    clip = row(tab, samples[0])
    clip.get_by_role("button", name="Favourite:").click()
    clip.locator("[aria-pressed=true]").wait_for()
    assert Favorite.objects.get(user=user).sample == samples[0]
    assert tab.evaluate("() => document.activeElement.getAttribute('aria-pressed')") == "true", "the focus stays"

    with tab.expect_response("**/ratings/overall/"):
        clip.get_by_role("radio", name="4").check(force=True)
    clip.locator("[value='4'][checked]:focus").wait_for(state="attached")
    tab.keyboard.press("ArrowRight")
    clip.locator("[value='5'][checked]").wait_for(state="attached")
    assert Rating.objects.get(rater=user).score == 5
    assert tab.evaluate("() => document.activeElement.value") == "5", "the focus stays on the star"

    clip.get_by_role("button", name="More like").click()
    told = tab.locator("[data-toast]", has_text="3 variations of")
    told.get_by_role("link", name="See the job").click()
    tab.wait_for_url(f"**{reverse('job-detail', args=[GenerationJob.objects.get(kind='variation').pk])}")


def test_on_create_the_new_job_stands_above_the_others(tab: Any, samples: list[AudioSample]):
    tab.goto(reverse("create"))
    row(tab, samples[1]).get_by_role("button", name=re.compile("^Extend")).click()
    tab.locator(".job-card").nth(1).wait_for()
    job = GenerationJob.objects.get(kind="extension")
    assert tab.locator(".job-card").first.get_attribute("id") == f"job-{job.pk}"
    assert tab.url.endswith(reverse("create"))


def test_the_menu_by_keyboard(tab: Any, samples: list[AudioSample]):
    tab.goto(reverse("library"))
    clip = row(tab, samples[0])
    summary, menu = clip.locator(".clip-menu > summary"), clip.locator(".clip-menu")
    summary.focus()
    tab.keyboard.press("Enter")
    assert menu.get_attribute("open") is not None
    tab.keyboard.press("Escape")
    assert menu.get_attribute("open") is None
    focused = "() => document.activeElement.textContent.trim() || document.activeElement.title"
    assert tab.evaluate(focused) == "All actions"
    tab.keyboard.press("Enter")
    menu.get_by_text("Judge it").wait_for()
    for words in ("Judge it", "Add to favourites, or remove"):
        tab.keyboard.press("Tab")
        assert tab.evaluate(focused) == words
    tab.keyboard.press("Enter")
    clip.locator(".heart [aria-pressed=true]").wait_for()
    assert menu.get_attribute("open") is None and tab.evaluate(focused) == "All actions"
    tab.keyboard.press("Enter")
    menu.get_by_text("Rename…").press("Enter")
    tab.wait_for_url(f"**{detail(samples[0])}#rename")
    field = tab.get_by_label("Title")
    field.fill("Sunday rain")
    field.press("Enter")
    tab.get_by_role("heading", name="Sunday rain", level=1).wait_for()


def test_a_row_on_a_phone_and_its_menu_by_touch(phone: Any, samples: list[AudioSample]):
    for name in ("library", "create"):
        phone.goto(reverse(name))
        clip = row(phone, samples[0])
        clip.wait_for()
        assert phone.evaluate(WIDER) <= 0, f"{name} scrolls sideways"
        assert phone.evaluate(SMALL) == [], f"{name}: targets smaller than 44 px"
    clip.locator(".clip-menu > summary").tap()
    panel = clip.locator(".menu-panel")
    box = panel.bounding_box()
    assert (box["x"], box["width"]) == (0, 375) and box["y"] >= 0 and box["y"] + box["height"] == 667
    assert phone.evaluate(SMALL) == []
    phone.touchscreen.tap(180, 20)
    panel.wait_for(state="hidden")
    clip.locator(".clip-menu > summary").tap()
    panel.get_by_text("Extend: 4 s more").tap()
    phone.locator(".job-card").nth(1).wait_for()
    assert GenerationJob.objects.get(kind="extension").duration == 8


@pytest.mark.parametrize("width", [1280, 375])
def test_the_menu_of_the_last_row_is_not_cut_off(tab: Any, samples: list[AudioSample], width: int):
    for index in range(2, 12):
        AudioSampleFactory(job=samples[0].job, index=index)
    tab.set_viewport_size(DESK if width == 1280 else PHONE)
    tab.goto(reverse("library"))
    summary = tab.locator(".clip-menu > summary").last
    summary.scroll_into_view_if_needed()
    summary.click()
    box = tab.locator(".clip-menu[open] > .menu-panel").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= tab.viewport_size["height"]
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_clip_takes_the_place_that_was_kept_for_it(tab: Any, samples: list[AudioSample], size: dict[str, int]):
    tab.set_viewport_size(size)
    GenerationJob.objects.filter(pk=samples[0].job_id).update(state="running")
    tab.goto(reverse("job-detail", args=[samples[0].job_id]))
    tab.locator(".candidate-coming").nth(1).wait_for(state="attached")
    heights = tab.locator(".candidates > li").evaluate_all("rows => rows.map(r => r.getBoundingClientRect().height)")
    assert len(heights) == 4 and max(heights) - min(heights) < 0.5, heights


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_what_a_page_is_for_stands_on_its_first_screen(tab: Any, samples: list[AudioSample], size: dict[str, int]):
    tab.set_viewport_size(size)
    tab.goto(detail(samples[1]))
    low = size["height"] - BAR[size["width"]]
    tops = [tab.locator(place).bounding_box()["y"] for place in ("h1", ".player-large", ".clip-actions", "#family")]
    assert tops == sorted(tops) and tops[-1] + 24 <= low, tops
    assert tab.evaluate(WIDER) <= 0
    if size is PHONE:
        assert tab.evaluate(SMALL) == []


def test_an_address_opens_the_fold_it_names(tab: Any, samples: list[AudioSample]):
    for name in ("feedback", "extend", "variations", "sharing", "given", "facts"):
        tab.goto("about:blank")
        tab.goto(f"{detail(samples[0])}#{name}")
        tab.locator(f"details[open] #{name}").wait_for()
        assert tab.locator(f"#{name}").is_visible()
        assert tab.evaluate("name => document.getElementById(name).contains(document.activeElement)", name), (
            "the focus too"
        )
    tab.goto("about:blank")
    tab.goto(detail(samples[0]))
    extend = tab.locator("#extend")
    assert not extend.is_visible()
    for _ in range(2):  # the second time the address stays the same
        tab.locator(".page-actions").get_by_role("link", name="Extend").click()
        extend.wait_for()
        assert extend.evaluate("element => element.contains(document.activeElement)"), "the keyboard goes on from there"
        tab.get_by_text("Extend and vary", exact=True).click()
        extend.wait_for(state="hidden")


def test_a_score_is_the_same_in_all_its_places(tab: Any, samples: list[AudioSample]):
    tab.goto(f"{detail(samples[0])}#feedback")
    panel, signs = tab.locator("[data-feedback-panel]"), tab.locator(".clip-actions")
    with tab.expect_response("**/ratings/overall/"):
        signs.locator("label:has([value='4'])").click()
    assert panel.locator(".rating [value='4']").first.is_checked()
    panel.locator(".feedback-list .stars").wait_for()
    with tab.expect_response("**/ratings/overall/"):
        panel.locator(".rating label:has([value='2'])").first.click()
    assert signs.locator("[value='2']").is_checked()


def test_stars_in_the_row_and_in_the_bar_agree(tab: Any, samples: list[AudioSample]):
    tab.goto(reverse("library"))
    clip, bar = row(tab, samples[0]), tab.locator("#player-bar")
    clip.locator("[data-play]").click()
    bar.locator(".clip-stars").wait_for()
    for place, other, star in ((bar, clip, 4), (clip, bar, 2)):
        with tab.expect_response("**/ratings/overall/"):
            place.locator(f".clip-stars label:has([value='{star}'])").click()
        assert other.locator(f".clip-stars [value='{star}']").is_checked()
    assert Rating.objects.get().score == 2


def test_the_later_of_two_scores_stands_in_both_places(tab: Any, samples: list[AudioSample]):
    tab.goto(reverse("library"))
    clip, bar, held = row(tab, samples[0]), tab.locator("#player-bar"), []
    clip.locator("[data-play]").click()
    bar.locator(".clip-stars").wait_for()
    address = "**/ratings/overall/"
    tab.route(address, lambda route: route.continue_() if held else held.append(route))
    with tab.expect_request(address):
        clip.locator(".clip-stars label:has([value='4'])").click()
    tab.wait_for_timeout(100)
    with tab.expect_response(address):
        bar.locator(".clip-stars label:has([value='2'])").click()
    with suppress(PlaywrightError):  # nobody waits for it any more
        held[0].continue_()
    tab.wait_for_timeout(500)
    for place in (clip, bar):
        assert place.locator(".clip-stars [value='2']").is_checked()
    assert Rating.objects.get().score == 2


def test_without_script_everything_is_a_plain_form(
    samples: list[AudioSample], user: Any, live_server: Any, chromium: Any
):
    with watched_tab(signed_in(chromium, live_server.url, user, viewport=DESK, java_script_enabled=False)) as tab:
        tab.goto(reverse("library"))
        clip = row(tab, samples[0])
        clip.locator("label:has([value='3'])").click()
        clip.get_by_role("button", name="Rate").click()
        assert Rating.objects.get().score == 3 and tab.url.endswith(reverse("library"))
        clip.locator(".heart button").click()
        assert Favorite.objects.get().sample == samples[0] and tab.url.endswith(reverse("library"))
        clip.get_by_role("button", name="More like").click()
        assert reverse("job-detail", args=[GenerationJob.objects.get(kind="variation").pk]) in tab.url
        tab.goto(reverse("library"))
        clip.locator(".clip-menu > summary").click()
        clip.get_by_role("link", name="All actions, on the page of the clip").click()
        assert tab.url.endswith(detail(samples[0]))
        tab.locator(".clip-menu > summary").last.click()
        tab.get_by_role("link", name="Add to a collection…").click()
        assert reverse("collect") in tab.url
        tab.goto(f"{detail(samples[0])}#extend")
        assert tab.locator("#extend").is_visible(), "the browser itself opens the fold"
