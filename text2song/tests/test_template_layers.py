"""Templates obey the direction of imports: those of an app name nothing of the apps above it, and link to none of
their pages.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines

from text2song.pages.slots import RowSlot, Slot
from text2song.tests.doors import app_of_address

FOLDER = Path(settings.TEMPLATES[0]["DIRS"][0])
TEMPLATES = [path.relative_to(FOLDER).as_posix() for path in sorted(FOLDER.rglob("*")) if path.is_file()]
LAYERS = ("text2song", "prompts", "adapters", "generation", "feedback", "datasets_app", "training")
"""The lowest first."""
FOLDERS = {"datasets": "datasets_app"}
"""Apps by the folder of their templates, where its name is another."""
ROOF = ("overview.html", "404.html", "settings/", "components/sidebar.html")
"""Those of the studio as a whole, which is above all apps: they may name everything."""
LONGEST_LINE = 160
TAG = re.compile(r"{%-?\s*(include|extends|load)\s+(.+?)\s*%}")
URL = re.compile(r"""{%-?\s*url\s+["']([^"']+)["']""")
SLOT = re.compile(r'{%\s*(slot|slot_rows)\s+"([\w-]+)"')


def app_of_template(name: str) -> str:
    """Whatever is no app's own is text2song's, as the components are."""
    folder, _, rest = name.partition("/")
    app = FOLDERS.get(folder, folder)
    return app if rest and app in LAYERS else "text2song"


def named_in(text: str) -> list[tuple[str, str]]:
    """What a template links to, includes, extends and loads, each with its app."""
    libraries = engines["django"].engine.libraries
    found = [(name, app_of_address(name)) for name in URL.findall(text)]
    for tag, words in TAG.findall(text):
        if tag == "load":
            modules = [(name, libraries.get(name, "")) for name in words.split()]
            found += [(name, module.partition(".")[0]) for name, module in modules]
        else:
            quoted = " ".join(re.findall(r"\"[^\"]+\"|'[^']+'", words))
            found += [(name, app_of_template(name)) for name in re.findall(r"[\w./-]+\.\w+", quoted)]
    return found


def reaches_up(template: str, text: str) -> list[str]:
    """What the template names of apps above its own."""
    if template.startswith(ROOF):
        return []
    own = LAYERS.index(app_of_template(template))
    return [name for name, app in named_in(text) if app in LAYERS and LAYERS.index(app) > own]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_names_nothing_of_the_apps_above_its_own(template):
    names = reaches_up(template, (FOLDER / template).read_text())
    assert not names, f"{template} names {names}; leave a slot there, as in text2song/pages/slots.py"


@pytest.mark.parametrize(
    ("template", "text", "names"),
    [
        (
            "generation/made_up.html",
            '{% include "feedback/_panel.html" with sample=sample %}',
            ["feedback/_panel.html"],
        ),
        ("generation/made_up.html", "{% load static feedback workforce %}", ["feedback"]),
        ("generation/made_up.html", "{% load kind from feedback %}", ["feedback"]),
        ("prompts/made_up.html", '{% extends htmx|yesno:"datasets/a.html,base.html" %}', ["datasets/a.html"]),
        ("adapters/made_up.html", "{% include 'training/_adapter_story.html' %}", ["training/_adapter_story.html"]),
        ("components/made_up.html", '{% include "prompts/_reading.html" %}', ["prompts/_reading.html"]),
        ("base.html", "{% load prompt_search %}", ["prompt_search"]),
        ("prompts/made_up.html", "<a href=\"{% url 'job-detail' job.pk %}\">", ["job-detail"]),
        ("adapters/made_up.html", '{% url "promotion-policy" as policy_url %}', ["promotion-policy"]),
        ("components/made_up.html", "{% url 'audio-stream' sample_id=sample.pk %}", ["audio-stream"]),
        ("datasets/made_up.html", "{% url 'api-run-list' %}{% url 'admin:index' %}", ["api-run-list"]),
        ("training/made_up.html", "{% url 'dataset-detail' pk %}{% url 'overview' %}{% url 'api-schema' %}", []),
        ("overview.html", "{% url 'jobs' %}{% include 'generation/_player.html' %}", []),
        ("training/made_up.html", '{% load feedback %}{% include "adapters/_measures.html" %}', []),
        ("generation/made_up.html", '{% extends "base.html" %}{% include "prompts/_reading.html" %}', []),
        ("feedback/tests/made_up.html", '{% include "feedback/_panel.html" %}{% load slots static %}', []),
    ],
)
def test_the_check_finds_what_reaches_up_and_nothing_else(template, text, names):
    assert reaches_up(template, text) == names


def test_every_slot_that_is_declared_stands_in_a_template_and_no_other_does():
    found = {use for name in TEMPLATES for use in SLOT.findall((FOLDER / name).read_text())}
    assert found == {("slot", slot.value) for slot in Slot} | {("slot_rows", slot.value) for slot in RowSlot}


def test_no_line_is_too_long_to_read() -> None:
    pages = [name for name in TEMPLATES if name.endswith(".html")]
    lines = [(name, line) for name in pages for line in (FOLDER / name).read_text().splitlines()]
    assert len(pages) > 150 and [(name, line) for name, line in lines if len(line) > LONGEST_LINE] == []
