"""Each view of an empty studio has at most one primary button, and the controls of a row of fields stand on one line;
`test_accessibility` looks at the same in a full one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve

from conftest import signed_in, watched_tab
from text2song.tests.doors import pages

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

DESK = {"width": 1280, "height": 800}
LEFT_OUT = ("admin:", "audio-", "api-", "sign-out")
PRIMARY = """() => [...document.querySelectorAll(".button-primary")]
  .filter((button) => button.checkVisibility({ visibilityProperty: true }) && !button.closest("dialog"))
  .map((button) => button.innerText.trim())"""
CROOKED = """() => {
  const crooked = [];
  for (const row of document.querySelectorAll("form, form :is(.row, fieldset, div)")) {
    const { display, flexDirection } = getComputedStyle(row);
    if (!["flex", "grid"].includes(display) || flexDirection === "column" || !row.checkVisibility()) continue;
    const kinds = ":is(input:not([type=hidden], [type=checkbox], [type=radio]), select, .button)";
    const controls = [...row.children]
      .map((part) => (part.matches(kinds) ? part : part.querySelector(`:scope > ${kinds}`)))
      .filter((control) => control?.checkVisibility())
      .map((control) => ({ name: control.name || control.innerText, box: control.getBoundingClientRect() }));
    for (const [n, { name, box }] of controls.entries()) {
      for (const other of controls.slice(n + 1)) {
        const beside = other.box.top < box.bottom && other.box.bottom > box.top;
        const off = ["top", "bottom"].map((edge) => box[edge] - other.box[edge]);
        const least = Math.min(...[...off, (off[0] + off[1]) / 2].map(Math.abs));
        if (beside && least > 1) crooked.push(`${name} stands ${off} px below ${other.name}`);
      }
    }
  }
  return crooked;
}"""


def shown_to(person: Any) -> Iterator[str]:
    """Addresses of the pages that need no object."""
    client = Client()
    client.force_login(person)
    for address in pages():
        if resolve(address).view_name.startswith(LEFT_OUT):
            continue
        answer = client.get(address)
        if answer.status_code == 200 and not answer.streaming and 'id="content"' in answer.text:
            yield address


def wrong_with(tab: Any) -> list[str]:
    """What is wrong with the page that `tab` shows."""
    primary = tab.evaluate(PRIMARY)
    return [*([f"the primary buttons {primary}"] if len(primary) > 1 else []), *tab.evaluate(CROOKED)]


@pytest.mark.parametrize("who", ["user", "curator"])
def test_an_empty_studio(who: str, request: pytest.FixtureRequest, chromium: Any, live_server: Any):
    person = request.getfixturevalue(who)
    problems, looked = [], 0
    with watched_tab(signed_in(chromium, live_server.url, person, viewport=DESK, reduced_motion="reduce")) as tab:
        for address in shown_to(person):
            tab.goto(address)
            looked += 1
            problems += [f"{address}: {wrong}" for wrong in wrong_with(tab)]
    assert looked >= 30
    assert not problems, "\n".join(problems)
