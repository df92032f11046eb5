"""Which taste may pick among clips, and for whom."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.contrib.auth.models import User
from django.db.models import F
from django.utils.translation import gettext, ngettext

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
    called = gettext("The taste “%(taste_label)s”") % {"taste_label": taste.label}
    if taste.is_deleted:
        raise TasteDeleted(gettext("%(called)s was deleted.") % {"called": called}, *context)
    if user is not None and not Taste.objects.visible_to(user).filter(pk=taste.pk).exists():
        raise TasteOfOthers(
            gettext("%(called)s is the taste of %(whose)s, and not yours to use.")
            % {"called": called, "whose": taste.whose},
            *context,
        )
    if taste.base_model_id != base_model.pk:
        hears = taste.base_model.display_name
        raise TasteOfAnotherBase(
            gettext("%(called)s hears clips of %(hears)s, not those of %(base_model_display_name)s.")
            % {"called": called, "hears": hears, "base_model_display_name": base_model.display_name},
            *context,
        )
    if not taste.fits(base_model):
        reason = gettext(
            "%(called)s was learned with other files of %(base_model_display_name)s than those here; fit it anew."
        ) % {"called": called, "base_model_display_name": base_model.display_name}
        raise TasteOfAnotherBase(reason, *context)
    if not taste.is_usable:
        raise TasteNotReady(
            gettext("%(called)s cannot be relied on yet%(taste)s.") % {"called": called, "taste": _votes_wanted(taste)},
            *context,
        )
    if why := base_model.why_unheard(taste.kinds):
        raise TasteDeaf(f"{called} {why}", *context)
    if not _is_stored(taste):
        raise TasteFilesGone(
            gettext("The files of the taste “%(taste_label)s” cannot be read; fit it anew.")
            % {"taste_label": taste.label},
            *context,
        )


def _votes_wanted(taste: Taste) -> str:
    wanted = taste.report.get("votes_wanted")
    return (
        ngettext(
            ": it probably needs about %(wanted)s more vote", ": it probably needs about %(wanted)s more votes", wanted
        )
        % {"wanted": wanted}
        if wanted
        else ""
    )


def _is_stored(taste: Taste) -> bool:
    try:
        return taste.weights.storage.exists(taste.weights.name or "nowhere")
    except Exception:  # whatever the store says, the file cannot be read now
        return False
