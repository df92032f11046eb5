"""Choosing, collecting and putting in order in a real browser: by mouse, by keys, by thumb."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from conftest import signed_in, watched_tab
from generation.models import AudioSample, Collection, Favorite
from generation.services import collect, make_collection
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 375, "height": 667}


@pytest.fixture
def samples(user: Any) -> list[AudioSample]:
    job = GenerationJobFactory(completed=True, requested_by=user)
    return [AudioSampleFactory(job=job, index=index) for index in range(5)]


@pytest.fixture
def tab(samples: Any, user: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    with watched_tab(signed_in(chromium, live_server.url, user, viewport=DESK)) as page:
        page.goto(reverse("library"))
        yield page


def box(tab: Any, sample: AudioSample) -> Any:
    return tab.locator(f"[data-pick][value='{sample.pk}']")


def chosen(tab: Any) -> int:
    return tab.locator("[data-pick]:checked").count()


def said(tab: Any) -> str:
    return tab.locator("[data-selection-status]").inner_text()


def test_a_range_is_chosen_by_shift_and_everything_by_keys(tab: Any, samples: list[AudioSample]):
    bar = tab.locator(".selection-bar")
    assert not bar.is_visible()
    box(tab, samples[0]).click()
    assert bar.is_visible() and said(tab) == "1 chosen"
    box(tab, samples[3]).click(modifiers=["Shift"])
    assert (chosen(tab), said(tab)) == (4, "4 chosen")
    box(tab, samples[4]).focus()
    tab.keyboard.press("Shift+Space")
    assert chosen(tab) == 5
    tab.keyboard.press("x")
    assert chosen(tab) == 4 and not box(tab, samples[4]).is_checked()
    tab.keyboard.press("Escape")
    assert (chosen(tab), said(tab)) == (0, "Nothing chosen") and not bar.is_visible()
    tab.keyboard.press("Control+a")
    assert chosen(tab) == 5
    tab.get_by_role("button", name="Clear the selection").click()
    assert chosen(tab) == 0


def test_the_list_does_not_move_when_the_bar_comes(tab: Any, samples: list[AudioSample]):
    before = box(tab, samples[0]).bounding_box()["y"]
    box(tab, samples[0]).check()
    assert box(tab, samples[0]).bounding_box()["y"] == before


def test_many_are_hearted_and_deleted_with_one_undo(tab: Any, samples: list[AudioSample], user: Any):
    for sample in samples[:3]:
        box(tab, sample).check()
    tab.get_by_role("button", name="Heart", exact=True).click()
    tab.get_by_text("3 samples are among your favourites.").wait_for()
    assert Favorite.objects.filter(user=user).count() == 3
    assert chosen(tab) == 3, "what was chosen is chosen still"
    tab.locator(".selection-bar").get_by_role("button", name="Delete").click()
    tab.get_by_text("3 samples were deleted.").wait_for()
    assert AudioSample.objects.visible().count() == 2 and not Favorite.objects.exists()
    tab.keyboard.press("z")
    tab.get_by_text("It is back").wait_for()
    assert AudioSample.objects.visible().count() == 5 and Favorite.objects.count() == 3


def test_others_clips_refuse_all_and_nothing_is_lost(tab: Any, samples: list[AudioSample]):
    others = AudioSampleFactory(job=GenerationJobFactory(completed=True))
    tab.reload()
    for sample in (samples[0], others):
        box(tab, sample).check()
    tab.locator(".selection-bar").get_by_role("button", name="Delete").click()
    tab.get_by_text("1 of the 2 chosen samples was made by somebody else").wait_for()
    assert AudioSample.objects.visible().count() == 6 and chosen(tab) == 2


def test_c_collects_what_is_chosen_or_under_the_focus(tab: Any, samples: list[AudioSample]):
    tab.locator(f"#sample-{samples[1].pk} [data-play]").focus()
    tab.evaluate("document.getElementById('results').dataset.here = 'still'")
    tab.keyboard.press("c")
    dialog = tab.get_by_role("dialog", name="Add to a collection")
    dialog.get_by_label("Name of the collection").fill("Mornings")
    dialog.get_by_role("button", name="Make it and add").click()
    tab.get_by_text("1 clip was added to").wait_for()
    assert not dialog.is_visible() and tab.locator("#results[data-here=still]").count() == 1
    assert tab.evaluate("document.activeElement.closest('li').id") == f"sample-{samples[1].pk}"
    tab.locator(".library-collections").get_by_text("Mornings").wait_for()
    assert list(Collection.objects.get().items.values_list("sample", flat=True)) == [samples[1].pk]
    for sample in samples[2:4]:
        box(tab, sample).check()
    tab.keyboard.press("c")
    dialog.get_by_role("button", name="Mornings").click()
    tab.get_by_text("2 clips were added to").wait_for()
    assert Collection.objects.get().items.count() == 3


def test_a_refused_name_stays_in_the_dialog(tab: Any, samples: list[AudioSample], user: Any):
    make_collection(actor=user, name="Evenings")
    other = tab.context.new_page()  # unwatched: that the studio refuses is an error to the console
    other.goto(f"{reverse('library')}#sample-{samples[1].pk}")
    other.locator(f"#sample-{samples[1].pk} [data-play]").focus()
    other.keyboard.press("c")
    dialog = other.get_by_role("dialog", name="Add to a collection")
    dialog.get_by_label("Name of the collection").fill("Evenings")
    dialog.get_by_role("button", name="Make it and add").click()
    dialog.get_by_text("You have a collection named “Evenings” already").wait_for()
    assert dialog.get_by_label("Name of the collection").input_value() == "Evenings"
    dialog.get_by_role("button", name="Evenings").click()
    other.get_by_text("1 clip was added to").wait_for()
    assert not dialog.is_visible()


@pytest.fixture
def mornings(samples: list[AudioSample], user: Any) -> Collection:
    collection = make_collection(actor=user, name="Mornings")
    collect(collection=collection, samples=samples[:4], actor=user)
    return collection


def order(collection: Collection) -> list[int]:
    return list(collection.items.values_list("sample__index", flat=True))


def shown(tab: Any) -> list[str]:
    return tab.locator("[data-item]").evaluate_all("items => items.map(item => item.dataset.item)")


def test_clips_are_put_in_order_by_keys_and_buttons(tab: Any, samples: list[AudioSample], mornings: Collection):
    tab.goto(reverse("collection-detail", args=[mornings.pk]))
    tab.locator(f"#sample-{samples[0].pk} [data-play]").focus()
    with tab.expect_response("**/order/"):
        tab.keyboard.press("Alt+ArrowDown")
    assert tab.locator("[data-order-status]").inner_text().endswith("place 2 of 4")
    assert tab.evaluate("() => document.activeElement.closest('[data-item]').dataset.item") == str(samples[0].pk)
    assert order(mornings) == [1, 0, 2, 3]
    with tab.expect_response("**/order/"):
        tab.locator(f"#place-{samples[3].pk} [data-move='-1']").click()
    assert order(mornings) == [1, 0, 3, 2]


def test_an_order_that_is_refused_is_taken_back(
    samples: list[AudioSample], mornings: Collection, user: Any, live_server: Any, chromium: Any
):
    tab = signed_in(chromium, live_server.url, user, viewport=DESK).new_page()  # the refusal stands in the console
    tab.goto(reverse("collection-detail", args=[mornings.pk]))
    tab.route("**/order/", lambda route: route.abort())
    tab.locator(f"#place-{samples[3].pk} [data-move='-1']").click()
    tab.get_by_text("The order could not be kept").wait_for(state="attached")
    assert shown(tab) == [str(sample.pk) for sample in samples[:4]] and order(mornings) == [0, 1, 2, 3]
    tab.context.close()


def drag(tab: Any, sample: AudioSample, target: AudioSample) -> None:
    grip = tab.locator(f"#place-{sample.pk} [data-grip]").bounding_box()
    goal = tab.locator(f"#place-{target.pk}").bounding_box()
    tab.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(grip["x"] + 8, goal["y"] + goal["height"] / 2 - 4, steps=8)
    with tab.expect_response("**/order/"):
        tab.mouse.up()


def test_a_clip_is_dragged_by_its_grip(tab: Any, samples: list[AudioSample], mornings: Collection):
    tab.goto(reverse("collection-detail", args=[mornings.pk]))
    drag(tab, samples[3], samples[0])
    assert order(mornings) == [3, 0, 1, 2]
    assert shown(tab) == [str(samples[index].pk) for index in (3, 0, 1, 2)]
    tab.get_by_role("button", name="Play", exact=True).click()
    tab.locator(f"#sample-{samples[3].pk} [data-playing]").first.wait_for()


def test_everything_by_thumb(
    samples: list[AudioSample], mornings: Collection, user: Any, live_server: Any, chromium: Any
):
    context = signed_in(chromium, live_server.url, user, viewport=PHONE, has_touch=True)
    with watched_tab(context) as tab:
        tab.goto(reverse("library"))
        assert tab.evaluate("() => document.documentElement.scrollWidth") <= 375
        box(tab, samples[4]).tap()
        button = tab.get_by_role("button", name="Collect", exact=True)
        assert button.bounding_box()["height"] >= 44
        button.tap()
        tab.get_by_role("dialog").get_by_role("button", name="Mornings").tap()
        tab.get_by_text("1 clip was added to").wait_for()
        assert order(mornings) == [0, 1, 2, 3, 4]
        tab.goto(reverse("collection-detail", args=[mornings.pk]))
        assert tab.evaluate("() => document.documentElement.scrollWidth") <= 375
        touch(tab, samples[0], samples[1])
        assert order(mornings) == [1, 0, 2, 3, 4]


def touch(tab: Any, sample: AudioSample, target: AudioSample) -> None:
    """A finger on the grip, drawn to the lower half of the other clip, and lifted."""
    grip = tab.locator(f"#place-{sample.pk} [data-grip]")
    grip.scroll_into_view_if_needed()
    start, goal = grip.bounding_box(), tab.locator(f"#place-{target.pk}").bounding_box()
    session = tab.context.new_cdp_session(tab)
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    end = goal["y"] + goal["height"] * 0.75

    def finger(kind: str, *points: dict[str, float]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    finger("touchStart", {"x": x, "y": y})
    for step in range(1, 7):
        finger("touchMove", {"x": x, "y": y + (end - y) * step / 6})
    with tab.expect_response("**/order/"):
        finger("touchEnd")
