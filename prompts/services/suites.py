"""Evaluation suites: made and frozen by curators."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError

from prompts.exceptions import (
    SuiteIsFrozen,
    SuiteIsInUse,
    SuiteNameTaken,
    UnknownPrompts,
)
from prompts.models import Prompt, PromptSuite, SuiteItem
from prompts.services.access import require_curator


def create_suite(
    *, actor: User | None, name: str, description: str = "", prompt_ids: Iterable[uuid.UUID] = ()
) -> PromptSuite:
    """Store an open suite, with prompts in the order given. For curators.

    Raises `SuiteNameTaken`, `UnknownPrompts`.
    """
    require_curator(actor)
    suite = PromptSuite(created_by=actor, name=name.strip(), description=description.strip())
    with transaction.atomic():
        _store_suite(suite)
        add_prompts(actor=actor, suite=suite, prompt_ids=prompt_ids)
    return suite


def update_suite(
    *, actor: User, suite: PromptSuite, prompt_ids: Iterable[uuid.UUID] | None = None, **changes: str
) -> PromptSuite:
    """Change an open suite's name, description, or its whole list.

    Raises `SuiteIsFrozen`, `SuiteNameTaken`, `UnknownPrompts`.
    """
    with _open_suite(actor, suite) as locked:
        for name, value in changes.items():
            setattr(locked, name, value.strip())
        _store_suite(locked)
        if prompt_ids is not None:
            locked.items.all().delete()
            add_prompts(actor=actor, suite=locked, prompt_ids=prompt_ids)
    return locked


def add_prompts(*, actor: User | None, suite: PromptSuite, prompt_ids: Iterable[uuid.UUID]) -> int:
    """Append prompts to an open suite; those already in it keep their place. Returns how many are new.

    Raises `SuiteIsFrozen`, and `UnknownPrompts` naming every id that is not a visible prompt.
    """
    wanted = list(dict.fromkeys(prompt_ids))
    with _open_suite(actor, suite) as locked:
        found = Prompt.objects.visible().in_bulk(wanted)
        if unknown := [str(prompt_id) for prompt_id in wanted if prompt_id not in found]:
            raise UnknownPrompts(unknown)
        present = set(locked.items.values_list("prompt_id", flat=True))
        last = locked.items.aggregate(last=Max("position"))["last"] or 0
        new = [prompt_id for prompt_id in wanted if prompt_id not in present]
        SuiteItem.objects.bulk_create(
            SuiteItem(suite=locked, prompt_id=prompt_id, position=last + n) for n, prompt_id in enumerate(new, 1)
        )
    return len(new)


def remove_prompt(*, actor: User, suite: PromptSuite, prompt: Prompt) -> None:
    """Take a prompt out of an open suite; one that is not in it is no error. Raises `SuiteIsFrozen`."""
    with _open_suite(actor, suite) as locked:
        locked.items.filter(prompt=prompt).delete()


def freeze_suite(*, actor: User | None, suite: PromptSuite) -> PromptSuite:
    """Close a suite's list for good. Raises `SuiteIsFrozen`, and `ValidationError` for an empty suite."""
    with _open_suite(actor, suite) as locked:
        locked.freeze()
    return locked


def delete_suite(*, actor: User, suite: PromptSuite) -> None:
    """Delete an open suite; its prompts stay.

    Raises `SuiteIsFrozen`, because results refer to frozen ones, and `SuiteIsInUse`.
    """
    with _open_suite(actor, suite) as locked:
        try:
            locked.delete()
        except ProtectedError as error:
            raise SuiteIsInUse(locked.name) from error


@contextmanager
def _open_suite(actor: User | None, suite: PromptSuite) -> Iterator[PromptSuite]:
    """A transaction holding the suite's row, so that nobody freezes it meanwhile. Yields the fresh row."""
    require_curator(actor)
    with transaction.atomic():
        locked = PromptSuite.objects.select_for_update().get(pk=suite.pk)
        if locked.is_frozen:
            raise SuiteIsFrozen(locked.name)
        yield locked


def _store_suite(suite: PromptSuite) -> None:
    """Validate and save; a name in use is a conflict, whoever was faster."""
    suite.full_clean(validate_unique=False)
    namesakes = PromptSuite.objects.filter(name=suite.name).exclude(pk=suite.pk)
    if namesakes.exists():
        raise SuiteNameTaken(suite.name)
    try:
        with transaction.atomic():
            suite.save()
    except IntegrityError as error:
        if namesakes.exists():
            raise SuiteNameTaken(suite.name) from error
        raise
