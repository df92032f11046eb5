"""Components for every template, without loading: {% icon "heart" %}, and those that hold words of their own.

{% empty_state icon="tests" title="No suites yet" url=new_url action="Make the first suite" %}
  A suite is a fixed list of prompts that models are compared on.
{% endempty_state %}
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from django import template
from django.forms.utils import flatatt
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from text2song.retelling import retold

register = template.Library()
register.filter("retold", retold)


@register.simple_tag
def icon(name: str, *, small: bool = False) -> SafeString:
    """A symbol of static/img/icons.svg; `small` for the size of text. It says nothing: words stand beside it."""
    return format_html(
        '<svg class="icon{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        " icon-small" if small else "",
        _symbols(),
        name,
    )


@cache
def _symbols() -> str:
    """The address of the symbols: a page asks for it a hundred times, and it changes with the files alone."""
    return static("img/icons.svg")


@register.filter
def options(groups: Iterable[tuple[str | None, list[dict[str, Any]], int]]) -> SafeString:
    """The choices of a <select>, for django/forms/widgets/select.html: filters have hundreds, and a template for each,
    which is Django's way, takes its time.
    """
    parts = []
    for group, choices, _ in groups:
        each = ((choice["value"], flatatt(choice["attrs"]), choice["label"]) for choice in choices)
        joined = format_html_join("", '\n<option value="{}"{}>{}</option>', each)
        parts.append(format_html('\n<optgroup label="{}">{}\n</optgroup>', group, joined) if group else joined)
    return SafeString("".join(parts))


@register.simple_block_tag
def empty_state(
    content: SafeString, *, icon: str, title: str, url: str = "", action: str = "", url2: str = "", action2: str = ""
) -> SafeString:
    """What belongs here where there is nothing yet, in the words of the block, and the first step towards it;
    `url2`, `action2` for a second way."""
    steps = {"url": url, "action": action, "url2": url2, "action2": action2}
    context = {"icon": icon, "title": title, "text": content.strip(), **steps}
    return render_to_string("components/empty.html", context)
