"""Whose votes count in datasets."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.utils.translation import gettext

from feedback.models import RaterProfile
from text2song.exceptions import Forbidden


def exclude_rater(*, profile: RaterProfile, actor: User, reason: str = "") -> None:
    """Leave this rater's votes out of datasets made from now on (curators); built datasets stay as they are."""
    _set(profile, actor, excluded=True, reason=reason)


def include_rater(*, profile: RaterProfile, actor: User) -> None:
    """Count this rater's votes again (curators)."""
    _set(profile, actor, excluded=False, reason="")


def _set(profile: RaterProfile, actor: User, *, excluded: bool, reason: str) -> None:
    if not actor.is_staff:
        raise Forbidden(gettext("Only curators can exclude raters."))
    profile.is_excluded, profile.excluded_reason = excluded, reason
    profile.save(update_fields=["is_excluded", "excluded_reason"])
