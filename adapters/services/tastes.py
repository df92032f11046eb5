"""Which taste may pick among clips, and for whom."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.contrib.auth.models import User
from django.db.models import F

from adapters.base import Base
from adapters.exceptions import (
    TasteDeaf,
    TasteDeleted,
    TasteFilesGone,
    TasteNotFound,
    TasteNotReady,
    TasteOfAnotherBase,
    TasteOfOthers,
)
from adapters.models import Taste
from adapters.querysets import TasteQuerySet

NAMED_AT_MOST = 5


def usable_tastes(user: User | None, *base_models: Base) -> TasteQuerySet:
    """Those that `user` may choose for clips of these base models, by name; all for the studio itself (None)."""
    tastes = Taste.objects.visible() if user is None else Taste.objects.visible_to(user)
    return tastes.usable_for(*base_models)


def find_taste(given: str | uuid.UUID) -> Taste:
    """The taste with this id, deleted ones included, or called `NAME@VERSION`, or the last version of `NAME`.

    Raises `TasteNotFound`.
    """
    for tastes in _candidates(str(given)):
        # Of several the one that is not deleted counts.
        if found := tastes.order_by(F("deleted_at").desc(nulls_first=True), "-version").first():
            return found
    raise TasteNotFound(str(given).encode("utf-8", "replace").decode()[:120])


def _candidates(given: str) -> Iterator[TasteQuerySet]:
    tastes = Taste.objects.with_context()
    try:
        yield tastes.filter(pk=uuid.UUID(given))
    except ValueError:
        if "\x00" in given:
            return
        yield tastes.filter(name=given)
        name, _, version = given.rpartition("@")
        if version.isascii() and version.isdigit() and len(version) < 9:
            yield tastes.filter(name=name, version=int(version))


def require_usable(taste: Taste, base_model: Base, user: User | None) -> None:
    """Raise `TasteNotUsable` unless jobs of `user` may let `taste` pick among clips of `base_model`.

    Those that may are named. None is the studio itself, which may use every taste.
    """
    fitting = [other.label for other in usable_tastes(user, base_model)[:NAMED_AT_MOST]]
    context = (fitting, base_model.display_name)
    called = f"The taste “{taste.label}”"
    if taste.is_deleted:
        raise TasteDeleted(f"{called} was deleted.", *context)
    if user is not None and not Taste.objects.visible_to(user).filter(pk=taste.pk).exists():
        raise TasteOfOthers(f"{called} is the taste of {taste.whose}, and not yours to use.", *context)
    if taste.base_model_id != base_model.pk:
        hears = taste.base_model.display_name
        raise TasteOfAnotherBase(f"{called} hears clips of {hears}, not those of {base_model.display_name}.", *context)
    if not taste.fits(base_model):
        reason = f"{called} was learned with other files of {base_model.display_name} than those here; fit it anew."
        raise TasteOfAnotherBase(reason, *context)
    if not taste.is_usable:
        raise TasteNotReady(f"{called} cannot be relied on yet{_votes_wanted(taste)}.", *context)
    if why := base_model.why_unheard(taste.kinds):
        raise TasteDeaf(f"{called} {why}", *context)
    if not _is_stored(taste):
        raise TasteFilesGone(f"The files of the taste “{taste.label}” cannot be read; fit it anew.", *context)


def _votes_wanted(taste: Taste) -> str:
    wanted = taste.report.get("votes_wanted")
    return f": it probably needs about {wanted} more vote{'' if wanted == 1 else 's'}" if wanted else ""


def _is_stored(taste: Taste) -> bool:
    try:
        return taste.weights.storage.exists(taste.weights.name or "nowhere")
    except Exception:  # whatever the store says, the file cannot be read now
        return False
