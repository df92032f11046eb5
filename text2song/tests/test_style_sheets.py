"""Style sheets: all on every page, and a rule that two of them would have to agree on stands in one."""

from __future__ import annotations

import re
from collections import defaultdict

from django.conf import settings

CSS = settings.BASE_DIR / "static" / "css"
HEAD = settings.BASE_DIR / "templates" / "components" / "head_assets.html"
OF_ONE_PAGE = {"api-docs.css"}
"""The API documentation brings the sheet of Swagger UI, which is larger than all of ours; its page is loaded whole."""
FOUNDATION = {"tokens.css", "base.css", "components.css"}
"""They say what plain elements and shared classes are; other sheets may add to it."""


def selectors(sheet: str) -> set[str]:
    """The selectors of a sheet, those of media queries too."""
    text = re.sub(r"/\*.*?\*/", "", (CSS / sheet).read_text(), flags=re.S)
    heads = (head.strip() for head in re.findall(r"([^{}]+)\{", text))
    return {" ".join(one.split()) for head in heads if head[0] != "@" for one in re.split(r",(?![^(]*\))", head)}


def test_every_page_loads_every_sheet():
    listed = re.findall(r"css/([a-z-]+\.css)", HEAD.read_text())
    assert len(listed) == len(set(listed))
    assert set(listed) == {path.name for path in CSS.glob("*.css")} - OF_ONE_PAGE


def test_no_page_brings_a_sheet_of_its_own():
    templates = settings.BASE_DIR / "templates"
    with_sheet = {
        str(path.relative_to(templates)) for path in templates.rglob("*.html") if 'rel="stylesheet"' in path.read_text()
    }
    assert with_sheet == {"components/head_assets.html", "api_docs.html"}


def test_no_selector_stands_in_the_sheets_of_two_pages():
    found = defaultdict(set)
    for sheet in {path.name for path in CSS.glob("*.css")} - FOUNDATION:
        for selector in selectors(sheet) - {":root"}:
            found[selector].add(sheet)
    steps = re.compile(r"\d+%|from|to")
    assert {name: sheets for name, sheets in found.items() if len(sheets) > 1 and not steps.fullmatch(name)} == {}
