"""What pages say of unfinished work that nobody is doing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from text2song.work import Work
from text2song.workforce import Workforce

register = template.Library()


@register.simple_tag(takes_context=True)
def notice_of(context: template.Context, work: Work | None) -> str:
    """Why nobody works on `work`; empty when somebody does. `components/unattended.html` shows it."""
    return _workforce(context).notice_of(work)


@register.simple_tag(takes_context=True)
def notice_of_any(context: template.Context, works: Iterable[Work]) -> str:
    """The first such notice of a list, to stand once above it."""
    return _workforce(context).notice_of_any(works)


@register.simple_tag(takes_context=True)
def notice_of_crew(context: template.Context, cluster: str) -> str:
    """Why nobody does what waits for the workers of `cluster`; empty when somebody does, or nothing waits."""
    return _workforce(context).crews[cluster].notice


@register.filter
def with_code(text: Any) -> SafeString:
    """Text in which what stands between backticks is code."""
    return mark_safe(re.sub("`([^`]+)`", r"<code>\1</code>", escape(str(text))))


def _workforce(context: template.Context) -> Workforce:
    return context["workforce"]
