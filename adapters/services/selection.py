"""Which adapter a job may use."""

from __future__ import annotations

import uuid

from django.db.models import F
from django.utils.translation import gettext

from adapters.base import Base
from adapters.exceptions import AdapterDeleted, AdapterInactive, AdapterNotFound, AdapterOfAnotherBase
from adapters.models import Adapter

NAMED_AT_MOST = 5


def find_adapter(given: str | uuid.UUID) -> Adapter:
    """The adapter with this id, deleted ones included, or the one called `NAME@VERSION`; raises `AdapterNotFound`."""
    adapters = Adapter.objects.with_context()
    try:
        found = adapters.filter(pk=uuid.UUID(str(given))).first()
    except ValueError:
        name, _, version = str(given).rpartition("@")
        # Of several with that name the one that is not deleted counts.
        living_first = F("deleted_at").desc(nulls_first=True)
        found = adapters.filter(name=name, version=version).order_by(living_first).first()
    if found is None:
        raise AdapterNotFound(str(given).encode("utf-8", "replace").decode()[:120])
    return found


def require_selectable(adapter: Adapter, base_model: Base) -> None:
    """Raise `AdapterNotSelectable` unless new jobs of `base_model` may use `adapter`; adapters that fit are named."""
    fitting = [other.label for other in Adapter.objects.selectable_for(base_model)[:NAMED_AT_MOST]]
    context = (fitting, base_model.display_name)
    if adapter.is_deleted:
        raise AdapterDeleted(
            gettext("The adapter “%(adapter_label)s” was deleted.") % {"adapter_label": adapter.label}, *context
        )
    if adapter.base_model_id != base_model.pk:
        made_for = adapter.base_model.display_name
        reason = gettext(
            "The adapter “%(adapter_label)s” requires %(made_for)s; it does not fit %(base_model_display_name)s."
        ) % {"adapter_label": adapter.label, "made_for": made_for, "base_model_display_name": base_model.display_name}
        raise AdapterOfAnotherBase(reason, *context)
    if not adapter.is_active:
        raise AdapterInactive(
            gettext("The adapter “%(adapter_label)s” is not active.") % {"adapter_label": adapter.label}, *context
        )
    if not adapter.fits(base_model):
        reason = gettext(
            "The adapter “%(adapter_label)s” was made for other files of %(base_model_display_name)s than those here."
        ) % {"adapter_label": adapter.label, "base_model_display_name": base_model.display_name}
        raise AdapterOfAnotherBase(reason, *context)
