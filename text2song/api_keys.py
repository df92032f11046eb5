"""Keys for scripts: made, shown once, revoked. Pages, admin and the command all come here."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import structlog
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from text2song.exceptions import Conflict, Forbidden, Refused
from text2song.models import ApiKey

log = structlog.get_logger(__name__)

SCOPES = tuple(scope for scope, _ in ApiKey.SCOPES)
NAME_LENGTH = 100
MAX_DAYS = 3650


def create_key(
    *,
    user: User,
    name: str,
    scopes: Collection[str] = SCOPES,
    expires_days: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key for `user`; returns the row and the key itself, which is stored nowhere and cannot be read again.

    Raises `Refused` for a bad name, scope or expiry, `Conflict` when `user` already has a key of that name.
    """
    name = name.strip()
    if not 1 <= len(name) <= NAME_LENGTH:
        raise Refused(
            gettext("Give the key a name of 1 to %(name_length)s characters.") % {"name_length": NAME_LENGTH},
            fields={"name": [gettext("Name it.")]},
        )
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise Refused(
            gettext("Unknown scope: %(join)s. Known: %(join2)s.")
            % {"join": ", ".join(unknown), "join2": ", ".join(SCOPES)}
        )
    if not scopes:
        raise Refused(gettext("Choose at least one scope."), fields={"scopes": [gettext("Choose at least one scope.")]})
    if expires_days is not None and not 1 <= expires_days <= MAX_DAYS:
        raise Refused(gettext("An expiry lies 1 to %(max_days)s days ahead.") % {"max_days": MAX_DAYS})
    expiry = timedelta(days=expires_days) if expires_days else None
    ordered = [scope for scope in SCOPES if scope in scopes]
    try:
        with transaction.atomic():
            key, token = ApiKey.objects.create(user, expiry=expiry, name=name, scopes=ordered)
    except IntegrityError as error:
        raise Conflict(
            gettext("There is a key called “%(name)s” already. Revoke it first, or choose another name.")
            % {"name": name},
            fields={"name": [gettext("There is a key of this name already.")]},
        ) from error
    log.info("api_key_created", user_id=user.pk, name=name, scopes=ordered)
    return key, token


def revoke_key(*, key: ApiKey, by: User) -> None:
    """End a key at once. Owners revoke their own, curators anybody's; others get `Forbidden`."""
    if key.user_id != by.pk and not getattr(by, "is_staff", False):
        raise Forbidden(gettext("Only its owner or a curator can revoke this key."))
    log.info("api_key_revoked", user_id=key.user_id, name=key.name, by=by.pk)
    key.delete()
