"""The palette as keys and fingers use it."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from conftest import signed_in, watched_tab
from prompts.tests.factories import PromptFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_keys_open_it_move_and_go(chromium: Any, live_server: Any, curator: Any):
    prompt = PromptFactory(text="Glass marimba")
    with watched_tab(signed_in(chromium, live_server.url, curator)) as tab:
        tab.goto(reverse("jobs"))
        tab.keyboard.press("Control+k")
        field = tab.get_by_role("combobox", name="Search the studio")
        tab.get_by_role("option", name="Overview", selected=True).wait_for()
        field.press_sequentially("marimba")
        tab.get_by_role("option", name="Glass marimba", selected=True).wait_for()
        field.fill("theme")
        tab.get_by_role("option", name="Theme: light", selected=True).wait_for()
        field.press("ArrowDown")
        assert field.get_attribute("aria-activedescendant") == tab.get_by_role(
            "option", name="Theme: dark", selected=True
        ).get_attribute("id")
        field.press("Enter")
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        assert not field.is_visible()
        tab.get_by_role("link", name="Search").click()
        field.fill("marimba")
        tab.get_by_role("option", name="Glass marimba").click()
        tab.wait_for_url(f"**{reverse('prompt-detail', args=[prompt.pk])}")
