"""A wrong filter is refused alike wherever something is listed: 400 and named, on pages as in the API."""

from __future__ import annotations

import pytest
from django.urls import reverse

from text2song.tests.html import flat

pytestmark = pytest.mark.django_db

PAGES = {  # filters of every page that lists, and how the page calls them
    "prompts": [
        ("style", "Style"),
        ("mood", "Mood"),
        ("tempo_min", "From BPM"),
        ("created_after", "From"),
        ("mine", ""),
    ],
    "templates": [("category", "category")],
    "library": [("style", "Style"), ("adapter", "Adapter")],
    "favorites": [("tab", "tab")],
    "jobs": [("state", "State"), ("base_model", "Base model"), ("adapter", "Adapter"), ("created_after", "Start date")],
    "adapters": [("base_model", "Base model"), ("active", "Active")],
    "datasets": [("kind", "Kind"), ("state", "State"), ("include_deleted", "deleted")],
    "training": [("state", "state"), ("dataset", "dataset"), ("archived", "rchived")],
    "feedback": [
        ("kind", "Kind"),
        ("rating_min", "Rating"),
        ("tag", "Tag"),
        ("created_after", "From"),
        ("mine", "mine"),
    ],
    "tests": [("show", "show")],
}


def cases():
    return [(page, name, label) for page, wrong in PAGES.items() for name, label in wrong]


@pytest.mark.parametrize(("name", "filter_", "label"), cases())
def test_a_page_names_the_wrong_filter(page, name, filter_, label):
    answer = page.get(reverse(name), {filter_: "nope"})
    html = answer.content.decode()
    assert answer.status_code == 400 and label in html
    assert "nope" in html or "error" in html.lower() or "cannot be used" in html
    assert page.get(reverse(name), {filter_: ""}).status_code == 200, "a form sends what is not chosen as nothing"


def test_the_prompts_page_says_which_filter_is_wrong_and_finds_nothing(page):
    answer = page.get(reverse("prompts"), {"style": "nope"})
    assert answer.status_code == 400
    assert "These filters cannot be used:</p><ul><li>Style: Select a valid choice. nope" in flat(
        answer.content.decode()
    )
    assert not answer.context["page"].paginator.count
