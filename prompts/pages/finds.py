"""Prompts in the palette."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from prompts.models import Prompt
from text2song.pages.finds import AT_MOST, Found, finds
from text2song.pages.requests import StudioRequest


@finds(_("Prompts"), order=20)
def find_prompts(request: StudioRequest, words: list[str]) -> Iterator[Found]:
    """By their words, the newest first."""
    if not words:
        return
    prompts = Prompt.objects.visible()
    for word in words:
        prompts = prompts.filter(rendered_text__icontains=word)
    for prompt in prompts.only("text")[:AT_MOST]:
        yield Found(str(prompt), reverse("prompt-detail", args=[prompt.pk]), "create")
