"""Which tastes may label pairs, and why another one may not."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.utils.translation import gettext

from adapters.models import Taste
from datasets_app.exceptions import TasteNotUsable


def require_usable(taste_id: str, base_models: Collection[str] = ()) -> Taste:
    """The taste with this id. Raises `TasteNotUsable`, which says what is wrong with it: it is unknown, deleted, not
    good enough, of other files than are here, deaf to new clips, or hears none of `base_models` (keys; any without).
    """
    try:
        taste = Taste.objects.select_related("base_model").filter(pk=UUID(taste_id)).first()
    except ValueError as error:
        raise TasteNotUsable(gettext("give the id of a taste.")) from error
    if taste is None:
        raise TasteNotUsable(gettext("there is no taste “%(value)s”.") % {"value": taste_id[:80]})
    if problem := _problem(taste, base_models):
        raise TasteNotUsable(problem)
    return taste


def _problem(taste: Taste, base_models: Collection[str]) -> str:
    model = taste.base_model
    if taste.is_deleted:
        return gettext("the taste “%(taste_label)s” is deleted. Choose another one.") % {"taste_label": taste.label}
    if not taste.is_usable:
        return gettext(
            "the taste “%(taste_label)s” cannot be relied on yet: it needs more votes. Choose another one."
        ) % {"taste_label": taste.label}
    if base_models and model.key not in base_models:
        return gettext(
            "the taste “%(taste_label)s” hears clips of %(model_key)s only, which the base models leave out."
        ) % {"taste_label": taste.label, "model_key": model.key}
    if taste.base_revision and model.revision and taste.base_revision != model.revision:
        return gettext(
            "the taste “%(taste_label)s” heard with other files of %(model_key)s than are here now. Fit it anew."
        ) % {"taste_label": taste.label, "model_key": model.key}
    if why := model.why_unheard(taste.kinds):
        return gettext("the taste “%(taste_label)s” %(why)s") % {"taste_label": taste.label, "why": why}
    return ""
