"""Templates: the shipped ones and one's own."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from prompts.exceptions import (
    SystemTemplate,
    TemplateNameTaken,
    TooManyTemplates,
)
from prompts.models import PromptTemplate
from prompts.services.access import first_of


def save_template(*, actor: User, **values: Any) -> PromptTemplate:
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


def update_template(*, actor: User, template: PromptTemplate, **changes: Any) -> PromptTemplate:
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


def delete_template(*, actor: User, template: PromptTemplate) -> None:
    """Delete a template for good; prompts made from it stay as they are. Raises `SystemTemplate` for users."""
    require_editable(actor=actor, template=template)
    template.delete()


def duplicate_template(*, actor: User, template: PromptTemplate) -> PromptTemplate:
    """Store a copy as the actor's own, under the first free name."""
    taken = set(PromptTemplate.objects.filter(owner=actor).values_list("name", flat=True))
    stem = template.name[:85]
    names = (
        template.name,
        gettext("%(name)s (copy)") % {"name": stem},
        *(gettext("%(name)s (copy %(n)s)") % {"name": stem, "n": n} for n in range(2, 200)),
    )
    return save_template(
        actor=actor,
        name=next(name for name in names if name not in taken),
        description=template.description,
        category=template.category,
        duration=template.duration,
        text=template.text,
        **template.attributes,
    )


def find_template(*, actor: User, template_id: str | uuid.UUID) -> PromptTemplate | None:
    """A template the actor may use; None for an unknown or malformed id, or another user's."""
    return first_of(PromptTemplate.objects.available_to(actor), template_id)


def apply_template(*, template: PromptTemplate, max_duration: int | None = None) -> dict[str, Any]:
    """What a template fills in: text, attributes, and its duration, cut to `max_duration` seconds where given."""
    values = {"text": template.text, **template.attributes}
    if template.duration is not None:
        values["duration"] = min(template.duration, max_duration or template.duration)
    return values


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
