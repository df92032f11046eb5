"""Places on pages that other apps fill."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template
from django.utils.safestring import mark_safe

from text2song.pages import slots
from text2song.pages.slots import RowSlot, Slot, fills

ROWS = [SimpleNamespace(pk=1), SimpleNamespace(pk=2)]


@pytest.fixture(autouse=True)
def _nobody_fills_anything(monkeypatch):
    monkeypatch.setattr(slots, "_fills", defaultdict(dict))


def show(text, rf, **values):
    return Template("{% load slots %}" + text).render(Context({"request": rf.get("/"), **values}))


def show_rows(rf):
    text = '{% slot_rows "sample-row" rows as extras %}{% for row in rows %}[{{ extras|of:row.pk }}]{% endfor %}'
    return show(text, rf, rows=ROWS)


def test_a_place_that_nobody_fills_is_empty(rf):
    assert show('{% slot "sample-page" sample=1 %}', rf) == ""
    assert show_rows(rf) == "[][]"


def test_who_fills_a_place_gets_the_request_and_what_the_page_gives(rf):
    @fills(Slot.SAMPLE_PAGE)
    def fill(request, *, sample):
        return mark_safe(f"<b>{request.path}{sample}</b>")

    assert show('{% slot "sample-page" sample=7 %}', rf) == "<b>/7</b>"


def test_several_stand_in_their_order_whoever_came_first(rf):
    fills(Slot.ADAPTER_PAGE, order=20)(lambda request: "second")
    fills(Slot.ADAPTER_PAGE, order=10)(lambda request: "first ")
    assert show('{% slot "adapter-page" %}', rf) == "first second"
    with pytest.raises(ImproperlyConfigured, match="say which stands first"):
        fills(Slot.ADAPTER_PAGE, order=10)(lambda request: "also first")


def test_rows_are_filled_all_at_once(rf):
    asked = []

    @fills(RowSlot.SAMPLE)
    def fill(request, rows):
        asked.append(rows)
        return {2: mark_safe("<i>two</i>")}

    assert show_rows(rf) == "[][<i>two</i>]"
    assert asked == [ROWS]


def test_what_is_not_html_is_escaped(rf):
    fills(Slot.SAMPLE_PAGE)(lambda request: "a < b")
    assert show('{% slot "sample-page" %}', rf) == "a &lt; b"


@pytest.mark.parametrize("text", ['{% slot "sample-pge" %}', '{% slot "sample-row" %}', '{% slot_rows "x" rows %}'])
def test_a_name_that_no_place_has_is_an_error(text, rf):
    with pytest.raises(ValueError, match="is not a valid"):
        show(text, rf, rows=ROWS)
