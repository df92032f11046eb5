"""Prompts: stored, found, deleted and restored."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from prompts.coach.advice import Draft
from prompts.exceptions import (
    NotYourPrompt,
    PromptInFrozenSuite,
)
from prompts.hearts import hearts
from prompts.models import Prompt, PromptSuite
from prompts.services.access import first_of, require_curator
from prompts.wording.validators import is_blank


def create_prompt(
    *,
    actor: User | None,
    text: str,
    style: str = "",
    mood: str = "",
    tempo: int | None = None,
    primary_instruments: Sequence[str] = (),
    secondary_instruments: Sequence[str] = (),
) -> Prompt:
    """Store a prompt, which can be generated from at once. `actor` is None for commands run by nobody in particular."""
    prompt = Prompt(
        author=actor,
        text=text,
        style=style,
        mood=mood,
        tempo=tempo,
        primary_instruments=list(primary_instruments),
        secondary_instruments=list(secondary_instruments),
    )
    prompt.full_clean()
    prompt.save(force_insert=True)
    return prompt


def check_draft(**values: Any) -> Draft:
    """Values as a draft, checked as a prompt's would be, but for a text that may still be missing."""
    prompt = Prompt(**values)
    prompt.full_clean(exclude={"text"} if is_blank(prompt.text) else set(), validate_constraints=False)
    return Draft(text=prompt.text, **prompt.attributes)


def find_prompt(prompt_id: str | uuid.UUID) -> Prompt | None:
    """The visible prompt with this id; None for a deleted, unknown or malformed one."""
    return first_of(Prompt.objects.visible(), prompt_id)


def may_delete_prompt(*, actor: Any, prompt: Prompt) -> bool:
    """Whether `actor` wrote the prompt or is a curator."""
    return bool(actor.is_staff or (prompt.author_id is not None and prompt.author_id == actor.pk))


def delete_prompt(*, actor: User, prompt: Prompt) -> None:
    """Hide a prompt. Its favourites and its places in open suites go with it; samples made from it stay.

    Raises `NotYourPrompt` for anyone but its author and curators, and `PromptInFrozenSuite`.
    """
    if not may_delete_prompt(actor=actor, prompt=prompt):
        raise NotYourPrompt
    with transaction.atomic():
        suites = list(PromptSuite.objects.select_for_update().filter(items__prompt=prompt))
        if frozen := [suite.name for suite in suites if suite.is_frozen]:
            raise PromptInFrozenSuite(frozen)
        prompt.suite_items.all().delete()
        hearts().take_off(prompt)
        prompt.deleted_at = timezone.now()
        prompt.save(update_fields=["deleted_at"])


def restore_prompt(*, actor: User, prompt: Prompt) -> None:
    """Show a deleted prompt again; what went with it is not brought back. For curators."""
    require_curator(actor)
    prompt.deleted_at = None
    prompt.save(update_fields=["deleted_at"])
