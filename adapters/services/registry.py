"""What people do with registered adapters. Pages, API, admin and commands call these; the actor is always named."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from adapters.exceptions import AdapterExists, AdapterNotActive, AdapterNotFound
from adapters.models import Adapter, DefaultChange
from adapters.services.registration import free_version, require_free
from text2song.exceptions import Conflict, Forbidden


def may_change(user: User, adapter: Adapter) -> bool:
    """Whether `user` may rename, switch and delete the adapter: who registered it, and curators."""
    return bool(user.is_staff or (adapter.created_by_id is not None and adapter.created_by_id == user.pk))


def edit_adapter(
    *,
    adapter: Adapter,
    actor: User,
    name: str | None = None,
    version: str | None = None,
    description: str | None = None,
) -> None:
    """Change what it is called or said to be; None leaves a value as it is.

    Raises `AdapterExists`, and `ValidationError` for values out of range.
    """
    _own(adapter, actor)
    before = (adapter.name, adapter.version)
    adapter.name = adapter.name if name is None else name.strip()
    adapter.version = adapter.version if version is None else version.strip()
    if description is not None:
        adapter.description = description.replace("\r\n", "\n").strip()
    fields = ("name", "version", "description")
    unchecked = {field.name for field in Adapter._meta.fields} - set(fields)
    adapter.clean_fields(exclude=unchecked)
    if (adapter.name, adapter.version) != before:
        require_free(adapter.name, adapter.version, but=adapter)
    adapter.updated_at = timezone.now()
    try:
        with transaction.atomic():
            adapter.save(update_fields=[*fields, "updated_at"])
    except IntegrityError as error:
        raise AdapterExists(adapter.name, adapter.version, free_version(adapter.name)) from error


def activate_adapter(*, adapter: Adapter, actor: User) -> None:
    """Offer it for new jobs. Activating an active one changes nothing."""
    _own(adapter, actor)
    _change(adapter, is_active=True)


def deactivate_adapter(*, adapter: Adapter, actor: User) -> None:
    """Offer it no more; jobs already sent finish with it. A default is one no longer."""
    _own(adapter, actor)
    with transaction.atomic():
        default = _lock_default(adapter)
        _change(adapter, is_active=False, is_default=False)
        if default == adapter:
            _note_default(adapter, None, DefaultChange.Reason.DEACTIVATED, actor)


def make_default(*, adapter: Adapter, actor: User | None, reason: str = DefaultChange.Reason.CHOSEN) -> None:
    """Preselect it for its base model. The default before it is remembered, for `roll_back`.

    `actor` is None for the studio itself.
    """
    _curators_only(actor)
    with transaction.atomic():
        before = _lock_default(adapter)
        adapter.refresh_from_db()
        if adapter.is_deleted or not adapter.is_active:
            raise AdapterNotActive(
                gettext("“%(adapter_label)s” is not active; activate it before making it the default.")
                % {"adapter_label": adapter.label}
            )
        if before is not None and before.pk == adapter.pk:
            return
        if before is not None:
            _change(before, is_default=False)
        _change(adapter, is_default=True, previous_default=before)
        _note_default(before, adapter, reason, actor)


def roll_back(*, adapter: Adapter, actor: User) -> Adapter | None:
    """Take the default away from `adapter` and give it back to the one before it that is still active.

    Returns the default now; None when the base model alone is preselected again.
    """
    _curators_only(actor)
    with transaction.atomic():
        _lock_default(adapter)
        adapter.refresh_from_db()
        if not adapter.is_default:
            raise Conflict(
                gettext("“%(adapter_label)s” is not the default; there is nothing to roll back.")
                % {"adapter_label": adapter.label}
            )
        earlier = earlier_default(adapter)
        _change(adapter, is_default=False)
        if earlier is not None:
            _change(earlier, is_default=True)
        _note_default(adapter, earlier, DefaultChange.Reason.ROLLED_BACK, actor)
    return earlier


def earlier_default(adapter: Adapter) -> Adapter | None:
    """The newest default before `adapter` that is still active, or None."""
    seen = {adapter.pk}
    earlier = adapter.previous_default
    while earlier is not None and earlier.pk not in seen:
        if earlier.is_active:
            return earlier
        seen.add(earlier.pk)
        earlier = earlier.previous_default
    return None


def delete_adapter(*, adapter: Adapter, actor: User) -> None:
    """Hide it and offer it no more; jobs and samples made with it stay. Deleting it again is `AdapterNotFound`."""
    _own(adapter, actor)
    with transaction.atomic():
        default = _lock_default(adapter)
        _change(adapter, deleted_at=timezone.now(), is_active=False, is_default=False)
        if default == adapter:
            _note_default(adapter, None, DefaultChange.Reason.DELETED, actor)


def _lock_default(adapter: Adapter) -> Adapter | None:
    """The present default of the same base model, its adapters locked so that two promotions follow one another."""
    rivals = Adapter.objects.select_for_update().filter(base_model_id=adapter.base_model_id)
    return next((rival for rival in rivals if rival.is_default), None)


def _note_default(before: Adapter | None, after: Adapter | None, reason: str, actor: User | None) -> None:
    """Write the change into the history of the base model's default."""
    base_model = (after or before).base_model  # type: ignore[union-attr]  # one of the two is there
    DefaultChange.objects.create(base_model=base_model, before=before, after=after, reason=reason, actor=actor)


def _change(adapter: Adapter, **values: object) -> None:
    """Update a living adapter's row; raises `AdapterNotFound` when it was deleted meanwhile."""
    values["updated_at"] = timezone.now()
    if not Adapter.objects.visible().filter(pk=adapter.pk).update(**values):
        raise AdapterNotFound(adapter.label)
    for name, value in values.items():
        setattr(adapter, name, value)


def _own(adapter: Adapter, actor: User) -> None:
    if not may_change(actor, adapter):
        raise Forbidden(gettext("Only the person who registered an adapter, or a curator, can change it."))


def _curators_only(actor: User | None) -> None:
    """`actor` None is the studio itself."""
    if actor is not None and not actor.is_staff:
        raise Forbidden(gettext("Only curators choose the default adapter."))
