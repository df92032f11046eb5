"""Who may do what with a listening test."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.utils.translation import gettext

from feedback.models import ListeningTest, RaterProfile
from text2song.exceptions import Forbidden, NotFound


def require_curator(actor: User | None, what: str) -> None:
    """Raise `Forbidden` unless `actor` is a curator; `what` completes “Only curators can …”.

    The studio itself (None) may do all that curators may.
    """
    if actor is not None and not actor.is_staff:
        raise Forbidden(gettext("Only curators can %(what)s.") % {"what": what})


def profile_of(user: User) -> RaterProfile:
    """The rater's profile, made at the first need."""
    return RaterProfile.objects.get_or_create(user=user)[0]


def is_guest(user: User | AnonymousUser) -> bool:
    """Whether somebody came by an invitation. Guests have no password, so others cost no query."""
    if not user.is_authenticated or user.has_usable_password():
        return False
    return RaterProfile.objects.filter(user=user, kind=RaterProfile.Kind.GUEST).exists()


def find_test(user: User, test_id: UUID) -> ListeningTest:
    """The test if this person may know of it; raises `NotFound` otherwise."""
    test = ListeningTest.objects.visible_to(user).filter(pk=test_id).first()
    if test is None:
        raise NotFound(gettext("There is no such listening test, or it is not open to you."))
    return test


def may_see_results(user: User | None, test: ListeningTest) -> bool:
    """The studio itself (None) always, everybody when it is over, curators before; but nobody those of a sealed test
    that goes on, so that nobody votes, waits or stops after what others said.
    """
    is_over = test.state == ListeningTest.State.COMPLETED
    return user is None or is_over or (user.is_staff and not test.sealed)
