"""Every page that a curator can reach by links holds WCAG 2.2 AA as far as a program can tell (axe-core), is no wider
than the window, has at most one primary button, its fields in line, and no error of a script.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import resolve

from conftest import signed_in
from text2song.tests.everything import some_of_everything
from text2song.tests.test_one_primary_browser import shown_to, wrong_with

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES_OF_LOOKS = ["color-contrast", "target-size"]
"""What depends on colours and width alone."""
Look = tuple[str, int]
DESK_WIDTH = 1280
LIGHT_AND_WIDE: Look = ("light", DESK_WIDTH)
DARK_AND_NARROW: Look = ("dark", 375)
NOT_PAGES = ("admin:", "audio-", "sign-out", "healthz", "readyz", "metrics", "api-schema", "api-docs")
"""Other addresses, and pages of other makers: the admin is Django's, the API's documentation Swagger UI's."""
MUST_BE_REACHED = {
    *("sign-in", "overview", "create", "jobs", "job-detail", "library", "sample-detail", "compare", "favorites"),
    *("collections", "collection-detail", "collect", "shared-links"),
    *("prompts", "prompt-detail", "templates", "suites", "suite-detail", "listen", "feedback", "sample-feedback"),
    *("tests", "test-create", "test-detail", "test-listen", "test-results", "leaderboard", "raters", "invitations"),
    *("datasets", "dataset-create", "dataset-detail", "adapters", "adapter-detail", "adapter-upload", "training"),
    *("experiment-new", "experiment-detail", "run-new", "run-detail", "run-compare", "promotion-policy"),
    *("tastes", "taste-new", "taste-detail", "taste-fit", "taste-delete"),
    *("rounds", "round-new", "round-detail", "round-judge"),
    *("settings", "models", "encoders"),
}
LINKS = "() => [...document.querySelectorAll('a[href]')].map(link => link.href)"


@pytest.fixture
def deep_pages(curator: Any) -> list[str]:
    return some_of_everything(curator)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "looks"), [("en", (LIGHT_AND_WIDE, DARK_AND_NARROW)), ("zh-TW", (DARK_AND_NARROW, LIGHT_AND_WIDE))]
)
def test_pages(
    language: str, looks: tuple[Look, Look], deep_pages: list[str], curator: Any, live_server: Any, chromium: Any
):
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()
    options = {"locale": language, "reduced_motion": "reduce"}
    tab = chromium.new_context(base_url=live_server.url, **options).new_page()
    problems: list[str] = []
    errors: list[str] = []
    reached: set[str] = set()

    def look(name: str, address: str) -> None:
        errors.clear()  # axe makes some of its own
        assert tab.goto(address).status == 200, address
        tab.wait_for_load_state("networkidle")
        problems.extend(f"{name} ({address}): {error}" for error in errors)
        for (scheme, width), rules in zip(looks, (RULES, RULES_OF_LOOKS), strict=True):
            tab.emulate_media(color_scheme=scheme)
            tab.set_viewport_size({"width": width, "height": 8000})  # so tall that the bar at the bottom covers nothing
            here = f"{name} ({address}), {scheme}, {width} px"
            for rule in axe.run(tab, options={"runOnly": rules, "resultTypes": ["violations"]}).response["violations"]:
                problems.append(f"{here}: {rule['help']}: {[node['html'][:200] for node in rule['nodes'][:3]]}")
            if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
                problems.append(f"{here} is wider than the window")
            if width == DESK_WIDTH:
                problems.extend(f"{here}: {wrong}" for wrong in wrong_with(tab))
        reached.add(name)

    look("sign-in", "/sign-in/")
    tab = signed_in(chromium, live_server.url, curator, **options).new_page()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    waiting = ["/", *deep_pages, *shown_to(curator)]
    while waiting:
        address = waiting.pop(0)
        name = resolve(urlsplit(address).path).view_name
        if name in reached or name.startswith(NOT_PAGES) or name.endswith("download"):
            continue
        look(name, address)
        links = (link for link in tab.evaluate(LINKS) if link.startswith(live_server.url))
        waiting += [link.removeprefix(live_server.url).split("#")[0] or "/" for link in links]
    print(f"{language}: {len(reached)} kinds of page: {', '.join(sorted(reached))}")
    assert reached >= MUST_BE_REACHED, MUST_BE_REACHED - reached
    assert not problems, "\n".join(problems)
