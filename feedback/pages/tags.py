"""How the pages of feedback say one item in words."""

from __future__ import annotations

from uuid import UUID

from django import template
from django.contrib.auth.models import User

from feedback.judgements.history import KIND_OF
from feedback.models import Preference, Ranking
from feedback.services.deletion import Feedback, may_delete
from feedback.services.preferences import STRENGTHS
from generation.models import AudioSample

register = template.Library()


@register.filter
def kind(item: Feedback) -> str:
    """ "rating", "preference", "ranking", "tags" or "note"."""
    return KIND_OF[type(item)]


@register.filter
def deletable_by(item: Feedback, user: User) -> bool:
    return may_delete(item, user)


@register.filter
def stars(score: int) -> str:
    """ "★★★☆☆" """
    return "★" * score + "☆" * (5 - score)


@register.simple_tag
def name_of(sample: AudioSample, item: Preference | Ranking, names: dict[UUID, str] | None) -> str:
    """What a comparison or a ranking calls a sample: as in `names` where given, else by itself; in votes of a listening
    test with the adapter that made it.
    """
    if names and sample.pk in names:
        return names[sample.pk]
    name = item.names[sample.pk]
    return f"{name}, {sample.job.adapter_label}" if getattr(item, "trial_id", None) else name


@register.filter
def strength(preference: Preference) -> str:
    """How much better, in words; empty when it was not said."""
    return str(STRENGTHS.get(preference.strength or 0, ""))
