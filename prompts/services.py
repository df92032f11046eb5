"""What people do with prompts, templates and suites. Pages, API, admin and commands call these.

Every function names its actor. Wrong values raise `ValidationError` with the fields at fault; everything else that
can go wrong is a `DomainError`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError
from django.utils import timezone

from prompts.coach import Draft
from prompts.exceptions import (
    NotYourPrompt,
    OnlyCurators,
    PromptInFrozenSuite,
    SuiteIsFrozen,
    SuiteIsInUse,
    SuiteNameTaken,
    SystemTemplate,
    TemplateNameTaken,
    TooManyTemplates,
    UnknownPrompts,
)
from prompts.models import Prompt, PromptSuite, PromptTemplate, SuiteItem
from prompts.validators import is_blank

# -- prompts ---------------------------------------------------------------------------------------------------------


def create_prompt(
    *,
    actor: AbstractBaseUser | None,
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
    return _first(Prompt.objects.visible(), prompt_id)


def may_delete_prompt(*, actor: Any, prompt: Prompt) -> bool:
    """Whether `actor` wrote the prompt or is a curator."""
    return bool(actor.is_staff or (prompt.author_id is not None and prompt.author_id == actor.pk))


def delete_prompt(*, actor: AbstractBaseUser, prompt: Prompt) -> None:
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
        prompt.favorites.all().delete()
        prompt.deleted_at = timezone.now()
        prompt.save(update_fields=["deleted_at"])


def restore_prompt(*, actor: AbstractBaseUser, prompt: Prompt) -> None:
    """Show a deleted prompt again; what went with it is not brought back. For curators."""
    _require_curator(actor)
    prompt.deleted_at = None
    prompt.save(update_fields=["deleted_at"])


# -- templates -------------------------------------------------------------------------------------------------------


def save_template(*, actor: AbstractBaseUser, **values: Any) -> PromptTemplate:
    """Store a template of the actor's own: name, category, text, and whatever else is given.

    Raises `TooManyTemplates` and `TemplateNameTaken`.
    """
    template = PromptTemplate(owner=actor, **values)
    with transaction.atomic():
        # Two requests at once must not pass the limit together.
        get_user_model().objects.select_for_update().get(pk=actor.pk)
        if PromptTemplate.objects.filter(owner=actor).count() >= PromptTemplate.MAX_PER_USER:
            raise TooManyTemplates(PromptTemplate.MAX_PER_USER)
        return _store(template)


def update_template(*, actor: AbstractBaseUser, template: PromptTemplate, **changes: Any) -> PromptTemplate:
    """Change a template. Raises `SystemTemplate` for users, `TemplateNameTaken`."""
    require_editable(actor=actor, template=template)
    for name, value in changes.items():
        setattr(template, name, value)
    return _store(template)


def may_edit_template(*, actor: Any, template: PromptTemplate) -> bool:
    """Whether `actor` may change a template that they can see: their own, or a system one for curators."""
    return bool(actor.is_staff or not template.is_system)


def require_editable(*, actor: Any, template: PromptTemplate) -> None:
    """Raise `SystemTemplate` unless `may_edit_template`."""
    if not may_edit_template(actor=actor, template=template):
        raise SystemTemplate


def delete_template(*, actor: AbstractBaseUser, template: PromptTemplate) -> None:
    """Delete a template for good; prompts made from it stay as they are. Raises `SystemTemplate` for users."""
    require_editable(actor=actor, template=template)
    template.delete()


def duplicate_template(*, actor: AbstractBaseUser, template: PromptTemplate) -> PromptTemplate:
    """Store a copy as the actor's own, under the first free name."""
    taken = set(PromptTemplate.objects.filter(owner=actor).values_list("name", flat=True))
    stem = template.name[:85]
    names = (template.name, f"{stem} (copy)", *(f"{stem} (copy {n})" for n in range(2, 200)))
    return save_template(
        actor=actor,
        name=next(name for name in names if name not in taken),
        description=template.description,
        category=template.category,
        duration=template.duration,
        text=template.text,
        **template.attributes,
    )


def find_template(*, actor: AbstractBaseUser, template_id: str | uuid.UUID) -> PromptTemplate | None:
    """A template the actor may use; None for an unknown or malformed id, or another user's."""
    return _first(PromptTemplate.objects.available_to(actor), template_id)


def apply_template(*, template: PromptTemplate, max_duration: int | None = None) -> dict[str, Any]:
    """What a template fills in: text, attributes, and its duration, cut to `max_duration` seconds where given."""
    values = {"text": template.text, **template.attributes}
    if template.duration is not None:
        values["duration"] = min(template.duration, max_duration or template.duration)
    return values


# -- suites ----------------------------------------------------------------------------------------------------------


def create_suite(
    *, actor: AbstractBaseUser | None, name: str, description: str = "", prompt_ids: Iterable[uuid.UUID] = ()
) -> PromptSuite:
    """Store an open suite, with prompts in the order given. For curators.

    Raises `SuiteNameTaken`, `UnknownPrompts`.
    """
    _require_curator(actor)
    suite = PromptSuite(created_by=actor, name=name.strip(), description=description.strip())
    with transaction.atomic():
        _store_suite(suite)
        add_prompts(actor=actor, suite=suite, prompt_ids=prompt_ids)
    return suite


def update_suite(
    *, actor: AbstractBaseUser, suite: PromptSuite, prompt_ids: Iterable[uuid.UUID] | None = None, **changes: str
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


def add_prompts(*, actor: AbstractBaseUser | None, suite: PromptSuite, prompt_ids: Iterable[uuid.UUID]) -> int:
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


def remove_prompt(*, actor: AbstractBaseUser, suite: PromptSuite, prompt: Prompt) -> None:
    """Take a prompt out of an open suite; one that is not in it is no error. Raises `SuiteIsFrozen`."""
    with _open_suite(actor, suite) as locked:
        locked.items.filter(prompt=prompt).delete()


def freeze_suite(*, actor: AbstractBaseUser | None, suite: PromptSuite) -> PromptSuite:
    """Close a suite's list for good. Raises `SuiteIsFrozen`, and `ValidationError` for an empty suite."""
    with _open_suite(actor, suite) as locked:
        locked.freeze()
    return locked


def delete_suite(*, actor: AbstractBaseUser, suite: PromptSuite) -> None:
    """Delete an open suite; its prompts stay.

    Raises `SuiteIsFrozen`, because results refer to frozen ones, and `SuiteIsInUse`.
    """
    with _open_suite(actor, suite) as locked:
        try:
            locked.delete()
        except ProtectedError as error:
            raise SuiteIsInUse(locked.name) from error


# -- shared ----------------------------------------------------------------------------------------------------------


@contextmanager
def _open_suite(actor: AbstractBaseUser | None, suite: PromptSuite) -> Iterator[PromptSuite]:
    """A transaction holding the suite's row, so that nobody freezes it meanwhile. Yields the fresh row."""
    _require_curator(actor)
    with transaction.atomic():
        locked = PromptSuite.objects.select_for_update().get(pk=suite.pk)
        if locked.is_frozen:
            raise SuiteIsFrozen(locked.name)
        yield locked


def _require_curator(actor: Any) -> None:
    """`actor` None is the studio itself."""
    if actor is not None and not actor.is_staff:
        raise OnlyCurators


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


def _store(template: PromptTemplate) -> PromptTemplate:
    """Validate and save; a name its owner already uses is a conflict, whoever was faster."""
    template.name = template.name.strip()
    template.clean_fields()
    namesakes = PromptTemplate.objects.filter(owner=template.owner, name=template.name).exclude(pk=template.pk)
    if template.name and namesakes.exists():
        raise TemplateNameTaken(template.name)
    template.full_clean()
    try:
        with transaction.atomic():
            template.save()
    except IntegrityError as error:
        if namesakes.exists():
            raise TemplateNameTaken(template.name) from error
        raise
    return template


def _first(rows: Any, row_id: str | uuid.UUID) -> Any:
    try:
        return rows.filter(pk=row_id).first()
    except (ValidationError, ValueError):
        return None
