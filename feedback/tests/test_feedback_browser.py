"""The feedback controls in a real browser: keyboard, dragging, drawing on the waveform, a phone's width."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

from conftest import signed_in, watched_tab
from feedback.models import Preference, Ranking, Rating, SampleTag
from feedback.tests.factories import CriterionFactory, TagFactory
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
TARGETS = ", ".join(
    (
        ".rating-stars label",
        ".tag-chip",
        ".prefer-buttons .button",
        ".ranking-moves .button",
        ".ranking-handle",
        ".feedback-panel .button",
        ".comparison-panel .button",
        ".turn-page .button",
        ".turn-header .button",
        ".tag-options li",
    )
)
SMALL = f"""() => [...document.querySelectorAll('{TARGETS}')].filter(e => e.offsetParent)
  .filter(e => Math.min(e.getBoundingClientRect().width, e.getBoundingClientRect().height) < 43.5)
  .map(e => e.outerHTML.slice(0, 90))"""


@pytest.fixture
def samples() -> list[AudioSample]:
    CriterionFactory(slug="overall")
    TagFactory(name="catchy", is_curated=True)
    TagFactory(name="noisy", sign="bad", is_curated=True)
    job = GenerationJobFactory(completed=True)
    return [AudioSampleFactory(job=job, index=index, duration=4.0) for index in range(3)]


@pytest.fixture
def tab(samples: list[AudioSample], user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    """A signed-in tab that fails the test on any script error or policy violation."""
    context = signed_in(chromium, live_server.url, user, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(120_000)
    with watched_tab(context) as page:
        yield page


@pytest.mark.parametrize("at", ["panel", "row", "tags"])
def test_what_is_changed_while_the_last_is_being_kept_is_kept(tab: Any, samples: list[AudioSample], at: str):
    tab.goto(reverse("library") if at == "row" else reverse("sample-detail", args=[samples[0].pk]) + "#feedback")
    place = tab.locator({"panel": ".rating", "row": f"#row-stars-{samples[0].pk}", "tags": ".tag-rows"}[at])
    choices = place.locator("label")
    first, second = (0, 1) if at == "tags" else (1, 3)
    held: list[Any] = []
    address = f"**/{samples[0].pk}/feedback/{'tags' if at == 'tags' else 'ratings/overall'}/"
    tab.route(address, lambda route: route.continue_() if held else held.append(route))
    with tab.expect_request(address):
        choices.nth(first).click()
    tab.wait_for_timeout(100)
    with tab.expect_response(address, timeout=10_000) as answer:
        choices.nth(second).click()
        with suppress(PlaywrightError):  # nobody waits for it any more
            held[0].continue_()
    assert answer.value.request.post_data.count("noisy" if at == "tags" else "score=4") == 1
    expect(choices.nth(second).locator("input")).to_be_checked()
    if at == "tags":
        assert set(SampleTag.objects.values_list("tag__name", flat=True)) == {"catchy", "noisy"}
    else:
        assert Rating.objects.get().score == 4


def test_the_panel_by_keyboard_and_on_the_waveform(tab: Any, samples: list[AudioSample], user: Any):
    sample = samples[0]
    tab.goto(reverse("sample-detail", args=[sample.pk]) + "#feedback")
    first = tab.locator(".feedback-panel .rating-stars input").first
    first.focus()
    tab.keyboard.press("Space")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    tab.locator(f"#said-rating-overall-{sample.pk} .submitted").wait_for()
    tab.locator(f"#feedback-list-{sample.pk} .stars").wait_for()
    assert Rating.objects.get().score == 3
    assert tab.evaluate("() => document.activeElement.value") == "3", "the focus stays on the star"

    tab.locator(".tag-chip", has_text="noisy").click()
    tab.locator(f"#said-tags-{sample.pk} .submitted").wait_for()
    assert SampleTag.objects.get().tag.name == "noisy"

    tab.locator("[data-part] summary").click()
    layer = tab.locator("[data-spans][data-drawing]")
    layer.wait_for()
    layer.scroll_into_view_if_needed()
    box = layer.bounding_box()
    wave = tab.locator("[data-wave]").first.bounding_box()
    assert (box["x"], box["width"]) == pytest.approx((wave["x"], wave["width"])), "it lies over the waveform"
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + box["width"] * 0.75, middle)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.5, middle)
    tab.mouse.move(box["x"] + box["width"] * 0.25, middle)
    tab.mouse.up()
    assert tab.evaluate("() => document.activeElement.name") == "name"
    tab.keyboard.type("odd click")
    tab.get_by_role("option", name="“odd click” is bad").click()
    mark = tab.locator(".player-span")
    mark.wait_for()
    assert mark.inner_text() == "odd click"
    use = SampleTag.objects.get(start__isnull=False)
    assert (use.start, use.end) == (pytest.approx(1.0, abs=0.05), pytest.approx(3.0, abs=0.05))
    tab.reload()
    tab.locator(".player-span", has_text="odd click").wait_for()


def test_comparing_and_ordering(tab: Any, samples: list[AudioSample]):
    tab.goto(reverse("compare") + "?" + "&".join(f"ids={sample.pk}" for sample in samples))
    tab.locator("#prefer-tie").click()
    tab.locator(".comparison-panel .submitted").wait_for()
    assert Preference.objects.get().winner == "tie"

    tab.locator("[data-ranking][data-ready]").wait_for()
    rows = tab.locator("[data-row]")
    assert not rows.first.locator("select").is_visible()
    down = rows.first.locator("[data-down]")
    down.focus()
    tab.keyboard.press("ArrowDown")
    assert [row.get_attribute("data-name") for row in rows.all()] == ["sample B", "sample A", "sample C"]
    assert "place 2 of 3" in tab.locator("[data-ranking] [data-announce]").inner_text()
    tab.keyboard.press("ArrowDown")
    source, target = rows.nth(1).locator("[data-handle]").bounding_box(), rows.first.bounding_box()
    tab.mouse.move(source["x"] + 10, source["y"] + 10)
    tab.mouse.down()
    tab.mouse.move(source["x"] + 10, target["y"] + 20)
    tab.mouse.move(source["x"] + 10, target["y"] + 2)
    tab.mouse.up()
    assert [row.get_attribute("data-name") for row in rows.all()] == ["sample C", "sample B", "sample A"]
    tab.locator("#rank-save").click()
    tab.locator(".feedback-item", has_text="Ranking").wait_for()
    places = Ranking.objects.get().places.all()
    assert [place.sample.label for place in places] == ["C", "B", "A"]
    assert Preference.objects.filter(source="ranking").count() == 3


def test_a_job_on_a_phone_and_taking_feedback_back(tab: Any, samples: list[AudioSample]):
    tab.set_viewport_size({"width": 375, "height": 800})
    tab.goto(reverse("job-detail", args=[samples[0].job_id]))
    fold = tab.locator(".job-sample-feedback").first
    fold.locator("summary").click()
    panel = fold.locator("[data-feedback-panel]")
    panel.wait_for()
    panel.locator(".rating-stars label").nth(4).click()
    panel.locator(".feedback-list .stars").wait_for()
    assert tab.evaluate(WIDER) <= 0, "the page scrolls sideways"
    assert tab.evaluate(SMALL) == [], "targets smaller than 44 px"
    panel.locator(".feedback-list [data-dialog-link]").click()
    tab.locator("dialog[open] [data-close-dialog]").click()
    assert Rating.objects.exists()
    panel.locator(".feedback-list [data-dialog-link]").click()
    tab.locator("dialog[open] .button-danger").click()
    tab.wait_for_url(f"**{reverse('job-detail', args=[samples[0].job_id])}*")
    tab.get_by_text("The feedback was deleted.").wait_for()
    assert not Rating.objects.exists()
