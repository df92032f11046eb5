"""Places on pages that apps above fill (`text2song.pages.slots`).

{% slot "sample-page" sample=sample %}

{% slot_rows "sample-row" samples as extras %} once, {{ extras|of:sample.pk }} in each row

{% slot_row "clip-rating" sample place="page" %}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.template.context import RequestContext
from django.utils.safestring import SafeString

from text2song.pages.slots import filled, filled_rows

register = template.Library()


@register.simple_tag(takes_context=True)
def slot(context: RequestContext, name: str, /, **given: Any) -> SafeString:
    """What the apps above have to show in this place."""
    return filled(name, context["request"], **given)


@register.simple_tag(takes_context=True)
def slot_rows(context: RequestContext, name: str, rows: Iterable[Any], /, **given: Any) -> dict[Any, SafeString]:
    """The same for each row of a list, by its primary key. It costs a fixed number of queries, however many rows."""
    return filled_rows(name, context["request"], rows, **given)


@register.simple_tag(takes_context=True)
def slot_row(context: RequestContext, name: str, row: Any, /, **given: Any) -> SafeString:
    """The same where a row stands alone."""
    return filled_rows(name, context["request"], [row], **given)[row.pk]


@register.filter
def of(rows: Mapping[Any, Any] | None, key: Any) -> Any:
    """The entry of a mapping, empty without."""
    return (rows or {}).get(key, "")
