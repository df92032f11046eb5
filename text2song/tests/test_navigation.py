"""The sidebar: what it lists, what it marks, whom it shows what."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from text2song.pages.navigation import MENU, SECTIONS, Section, links

pytestmark = pytest.mark.django_db

KEYS = {
    "Overview": "o",
    "Teach the studio": "e",
    "Create": "c",
    "Library": "l",
    "Listen": "i",
    "Tests": "t",
    "Datasets": "d",
    "Adapters": "a",
    "Training": "r",
    "Jobs": "j",
    "Settings": "s",
}


def test_every_section_has_its_letter():
    assert {section.label: section.key for section in SECTIONS} == KEYS


def test_sections_appear_when_their_address_exists(user):
    shown = [link.label for link in links(SECTIONS, "/", user)]
    assert [label for label in ("Overview", "Create", "Library", "Jobs", "Settings") if label in shown] == [
        "Overview",
        "Create",
        "Library",
        "Jobs",
        "Settings",
    ]
    assert links((Section("Nowhere", "no-such-address"),), "/", user) == []


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/", ("Overview", "")),
        ("/create/", ("Create", "")),
        ("/prompts/", ("Create", "Prompts")),
        ("/templates/1/edit/", ("Create", "Templates")),
        ("/samples/1/", ("Library", "")),
        ("/favorites/", ("Library", "Favourites")),
        ("/collections/1/", ("Library", "Collections")),
        ("/jobs/1/", ("Jobs", "")),
        ("/settings/", ("Settings", "")),
        ("/settings/models/", ("Settings", "Models")),
        ("/settings/keys/abc/revoke/", ("Settings", "API keys")),
    ],
)
def test_one_line_is_marked(user, path, current):
    section, child = current
    sections = links(SECTIONS, path, user)
    marked = [link.label for link in sections if link.is_current]
    inside = [(link.label, sub.label) for link in sections for sub in link.children if sub.is_current]
    assert (marked, inside) == (([], [(section, child)]) if child else ([section], []))


def test_the_page_marks_its_section(page):
    html = page.get(reverse("jobs")).content.decode()
    marked = html.split('aria-current="page"')
    assert len(marked) >= 2
    assert 'data-key="j"' in marked[0][marked[0].rindex("<a ") :]


def test_nobody_signed_in_sees_no_section():
    assert links(SECTIONS, "/", AnonymousUser()) == []
    assert links(SECTIONS, "/", None) == []


def test_curation_is_for_curators(user, curator):
    assert "Curation" not in [link.label for link in links(MENU, "/", user)]
    assert "Curation" in [link.label for link in links(MENU, "/", curator)]
