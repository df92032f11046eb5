"""Each view has at most one primary button, and the controls of a row of fields stand on one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import resolve

from conftest import signed_in, watched_tab
from text2song.tests.doors import pages
from text2song.tests.everything import some_of_everything

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


def shown_to(person: Any, addresses: list[str], *, follow: bool) -> Iterator[str]:
    """Addresses of pages, one of each kind; those they link to as well, if asked to follow."""
    client, seen, waiting = Client(), set(), list(addresses)
    client.force_login(person)
    while waiting:
        address = waiting.pop(0)
        name = resolve(urlsplit(address).path).view_name
        if name in seen or name.startswith(LEFT_OUT):
            continue
        seen.add(name)
        answer = client.get(address)
        if answer.status_code == 200 and not answer.streaming and 'id="content"' in answer.text:
            yield address
            if follow:
                waiting += re.findall(r'<a[^>]* href="(/[^"#]*)', answer.text.replace("&amp;", "&"))


def look_at(tab: Any, addresses: Iterator[str]) -> tuple[int, list[str]]:
    """How many pages there are, and what is wrong with them."""
    problems, looked = [], 0
    for address in addresses:
        tab.goto(address)
        looked += 1
        if len(primary := tab.evaluate(PRIMARY)) > 1:
            problems.append(f"{address} has the primary buttons {primary}")
        problems += [f"{address}: {crooked}" for crooked in tab.evaluate(CROOKED)]
    return looked, problems


@pytest.mark.parametrize("who", ["user", "curator"])
def test_an_empty_studio(who: str, request: pytest.FixtureRequest, chromium: Any, live_server: Any):
    person = request.getfixturevalue(who)
    with watched_tab(signed_in(chromium, live_server.url, person, viewport=DESK, reduced_motion="reduce")) as tab:
        looked, problems = look_at(tab, shown_to(person, pages(), follow=False))
    assert looked >= 30
    assert not problems, "\n".join(problems)


def test_a_studio_with_some_of_everything(chromium: Any, live_server: Any, curator: Any):
    addresses = [*pages(), *some_of_everything(curator)]
    with watched_tab(signed_in(chromium, live_server.url, curator, viewport=DESK, reduced_motion="reduce")) as tab:
        looked, problems = look_at(tab, shown_to(curator, addresses, follow=True))
    assert looked >= 60
    assert not problems, "\n".join(problems)
