"""Links by which people become raters without an account, an e-mail address or a password."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext

from feedback.listening_tests.access import require_curator
from feedback.listening_tests.exceptions import InvitationClosed
from feedback.models import Invitation, ListeningTest, RaterProfile
from text2song.exceptions import NotFound, Refused

MOST_USES = 10_000
MOST_DAYS = 365


def make_invitation(
    *,
    actor: User,
    test: ListeningTest | None = None,
    max_uses: int = 10,
    days: int = 14,
    note: str = "",
) -> Invitation:
    """A link to one test, or without `test` to every open one, for `max_uses` people within `days`."""
    require_curator(actor, gettext("invite raters"))
    if not 1 <= max_uses <= MOST_USES:
        raise _refused("max_uses", gettext("An invitation is for 1 to %(most)s people.") % {"most": MOST_USES})
    if not 1 <= days <= MOST_DAYS:
        raise _refused("days", gettext("An invitation holds for 1 to %(most)s days.") % {"most": MOST_DAYS})
    expires_at = timezone.now() + timedelta(days=days)
    invitation = Invitation(test=test, created_by=actor, max_uses=max_uses, expires_at=expires_at, note=note)
    try:
        invitation.clean_fields()
    except ValidationError as error:
        raise _refused("note", " ".join(error.messages)) from error
    invitation.save(force_insert=True)
    return invitation


def revoke_invitation(*, actor: User, invitation: Invitation) -> None:
    """No further rater comes by it; those who came stay."""
    require_curator(actor, gettext("revoke invitations"))
    Invitation.objects.filter(pk=invitation.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())
    invitation.refresh_from_db()


def find_invitation(token: str) -> Invitation:
    """The invitation of a link, if it is still open; raises `NotFound`, or `InvitationClosed` saying why it is not."""
    invitation = Invitation.objects.filter(token=token).select_related("test").first()
    if invitation is None:
        raise NotFound(gettext("This invitation does not exist. Check that the link is complete."))
    if reason := _why_closed(invitation):
        raise InvitationClosed(reason)
    return invitation


def accept_invitation(*, token: str) -> User:
    """Make a guest: a user without e-mail and password who can do nothing but listen. Raises as `find_invitation`."""
    invitation = find_invitation(token)
    with transaction.atomic():
        if not Invitation.objects.usable().filter(pk=invitation.pk).update(uses=F("uses") + 1):
            raise InvitationClosed(
                gettext("This invitation was used up a moment ago. Ask whoever sent it for a new one.")
            )
        guest = get_user_model()(username=f"guest-{secrets.token_hex(4)}")
        guest.set_unusable_password()
        guest.save()
        RaterProfile.objects.create(user=guest, kind=RaterProfile.Kind.GUEST, invitation=invitation)
    return guest


def _why_closed(invitation: Invitation) -> str:
    if invitation.revoked_at is not None:
        return gettext("This invitation was withdrawn. Ask whoever sent it for a new one.")
    if invitation.test is not None and invitation.test.is_deleted:
        return gettext("This invitation is for a test that was deleted. Ask whoever sent it for a new one.")
    if invitation.expires_at <= timezone.now():
        return gettext("This invitation has expired. Ask whoever sent it for a new one.")
    if invitation.uses >= invitation.max_uses:
        return gettext("This invitation has been used up. Ask whoever sent it for a new one.")
    return ""


def _refused(field: str, message: str) -> Refused:
    return Refused(message, fields={field: [message]})
