"""From the list of adapters to a blind test of those ticked."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from adapters.tests.factories import AdapterFactory
from conftest import signed_in
from feedback.listening_tests.services.creation import MOST_ARMS
from generation.tests.factories import BaseModelFactory

pytestmark = pytest.mark.django_db
CHOSEN = re.compile(r'<option value="(adapter:[^"]+|base:[^"]+)" selected>')


def opened(page: Any, *adapters: Any) -> Any:
    """The form as the button opens it."""
    return page.get(reverse("test-create"), {"ids": [getattr(adapter, "pk", adapter) for adapter in adapters]})


def remarks(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


@pytest.fixture
def base():
    return BaseModelFactory(display_name="Tiny")


def test_the_ticked_ones_are_filled_in_in_their_order(curator_page, base):
    adapters = [AdapterFactory(base_model=base, stored=False) for _ in range(3)]
    response = opened(curator_page, *adapters)
    assert CHOSEN.findall(response.text) == [f"adapter:{adapter.pk}" for adapter in adapters]
    assert remarks(response) == ""
    by_link = curator_page.get(reverse("test-create"), {"adapters": ",".join(str(a.pk) for a in adapters)})
    assert CHOSEN.findall(by_link.text) == CHOSEN.findall(response.text)


def test_one_alone_stands_against_its_base_model(curator_page, base):
    adapter = AdapterFactory(base_model=base, stored=False)
    assert CHOSEN.findall(opened(curator_page, adapter, adapter).text) == [f"base:{base.key}", f"adapter:{adapter.pk}"]


REFUSED = {
    "inactive": (lambda base: AdapterFactory(base_model=base, is_active=False, stored=False), "is not active"),
    "made for other files": (lambda base: AdapterFactory(base_model=base, base_revision="old"), "was made for other"),
    "unknown": (lambda base: uuid.uuid4(), "There is no adapter"),
    "garbage": (lambda base: "‮<b>", "There is no adapter"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_play_is_left_out_with_a_sentence(curator_page, base, case):
    make, said = REFUSED[case]
    good = AdapterFactory(base_model=base, stored=False)
    response = opened(curator_page, make(base), good)
    assert CHOSEN.findall(response.text) == [f"base:{base.key}", f"adapter:{good.pk}"]
    assert said in remarks(response)


def test_more_than_a_test_has_sides_is_said(curator_page, base):
    response = opened(curator_page, *(AdapterFactory(base_model=base, stored=False) for _ in range(MOST_ARMS + 1)))
    assert len(CHOSEN.findall(response.text)) == MOST_ARMS
    assert f"at most {MOST_ARMS} sides" in remarks(response)


def test_adapters_of_different_models_are_compared_as_such(curator_page, base):
    """As the form allows it; it says that the models are compared too."""
    response = opened(curator_page, AdapterFactory(base_model=base, stored=False), AdapterFactory(stored=False))
    assert len(CHOSEN.findall(response.text)) == 2
    assert "belong to different base models" in remarks(response)


@pytest.mark.parametrize("query", [{}, {"group_by_name": "true"}])
def test_only_those_who_make_tests_are_offered_one(page, curator_page, base, query):
    AdapterFactory(base_model=base, stored=False)
    assert "Compare blind" in curator_page.get(reverse("adapters"), query).text
    assert "Compare blind" not in page.get(reverse("adapters"), query).text


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("script", [True, False])
def test_by_keyboard_on_a_phone_with_and_without_script(live_server, curator, chromium, script):
    base = BaseModelFactory(display_name="Tiny")
    adapters = [AdapterFactory(base_model=base, name=f"warm-{n}", stored=False) for n in range(2)]
    viewport = {"width": 375, "height": 740}
    tab = signed_in(chromium, live_server.url, curator, viewport=viewport, java_script_enabled=script).new_page()
    tab.goto(reverse("adapters"))
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= 375 if script else True
    for adapter in adapters:
        tab.locator(f"input[name=ids][value='{adapter.pk}']").focus()
        tab.keyboard.press("Space")
    tab.get_by_role("button", name="Compare blind").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/tests/new/**")
    values = [tab.locator(f"[name=arms-{n}-side]").input_value() for n in range(2)]
    assert values == [f"adapter:{adapter.pk}" for adapter in reversed(adapters)], "in the order of the list"
