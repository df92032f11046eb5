"""Where prompts are written and played. An app above has that page, and names it while the studio starts.

{% load writing %}{% writing_url prompt=prompt.pk %}
"""

from __future__ import annotations

from django import template
from django.urls import reverse

register = template.Library()

_page = ["prompts"]


def write_on(url_name: str) -> None:
    """Let the page of this name be where prompts are written: it shows `prompts/_editor.html`."""
    _page[:] = [url_name]


@register.simple_tag
def writing_url(**begin_with: object) -> str:
    """The page's address. It begins with what is named: a `prompt`, a `template`, or the `draft` that was kept.

    The prompt history where there is no such page.
    """
    return reverse(_page[0], query=begin_with or None)
