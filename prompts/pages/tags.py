"""Marking what a search found."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.safestring import SafeString

from prompts.wording import search

register = template.Library()


@register.filter
def highlight(text: object, words: Sequence[str]) -> SafeString:
    """`{{ prompt.text|highlight:words }}`"""
    return search.highlight(text, words)


@register.filter
def excerpt(text: str, words: Sequence[str]) -> str:
    """`{{ prompt.text|excerpt:words|highlight:words }}`"""
    return search.excerpt(text, words)
