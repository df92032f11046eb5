"""Every page below a section says where it is, in the same place: above its heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from text2song.pages.navigation import MENU, SECTIONS
from text2song.tests.doors import pages

pytestmark = pytest.mark.django_db

TRAIL = re.compile(r'<nav aria-label="Breadcrumb">\s*<ol class="breadcrumb">.*?</ol>\s*</nav>\s*<h1', re.S)
TEMPLATES = Path(settings.TEMPLATES[0]["DIRS"][0])
OF_NO_SECTION = {"403.html", "404.html", "feedback/tests/guests_listen.html", "settings/search.html"}
"""Refusals, which stand at any address; and the search over everything."""


def own_addresses() -> set[str]:
    """Of what the sidebar and the menu list."""
    listed = [*SECTIONS, *MENU, *(child for section in SECTIONS for child in section.children)]
    return {reverse(section.url_name) for section in listed}


def test_each_page_below_a_section_has_its_breadcrumb(curator_page):
    without, walked = [], 0
    for address in set(pages()) - own_addresses() - {reverse("search")}:
        answer = curator_page.get(address)
        if answer.status_code == 200 and not answer.streaming and 'id="content"' in answer.text:
            walked += 1
            if not TRAIL.search(answer.text):
                without.append(address)
    assert without == []
    assert walked >= 10


def sections_own_templates() -> set[str]:
    """What is shown at the addresses that the sidebar lists."""
    return {
        *(
            "overview.html",
            "api_docs.html",
            "settings/system.html",
            "generation/create.html",
            "generation/library.html",
        ),
        *("generation/jobs.html", "prompts/list.html", "prompts/template_list.html", "prompts/suite_list.html"),
        *("feedback/queue.html", "feedback/history.html", "feedback/tests/list.html", "datasets/list.html"),
        *("adapters/list.html", "training/list.html", "training/tastes.html", "training/rounds/list.html"),
    }


def test_no_template_of_a_page_below_a_section_lacks_one():
    """Those too that take arguments, and what is shown where something is refused."""
    shells = {path.relative_to(TEMPLATES).as_posix(): path.read_text() for path in TEMPLATES.rglob("*.html")}
    lacking = {
        name
        for name, text in shells.items()
        if '{% extends "base.html" %}' in text and "components/breadcrumb.html" not in text
    }
    assert lacking - sections_own_templates() == OF_NO_SECTION
