"""What can go wrong in listening tests, in words for people."""

from __future__ import annotations

from typing import ClassVar

from django.utils.translation import gettext

from text2song.exceptions import Conflict, DomainError, NotFound, Refused


class WrongState(Conflict):
    """The test is not in a state that allows this."""

    code = "wrong_test_state"


class ArmsRefused(Refused):
    """Too few or too many arms, equal ones, or one that cannot be generated."""

    code = "arms_refused"

    def __init__(self, message: str) -> None:
        super().__init__(message, fields={"arms": [message]})


class TrialNotFound(NotFound):
    """No such trial, or somebody else's: the answer is the same."""

    def __init__(self) -> None:
        super().__init__(gettext("There is no such trial."))


class AlreadyVoted(Conflict):
    """Another answer was given before; the first one stands."""

    code = "already_voted"

    def __init__(self) -> None:
        super().__init__(gettext("You have answered this trial already; your first answer stands."))


class CoverageMissing(Refused):
    """Too little of a clip was heard. `missing` is seconds of the first and the second clip."""

    code = "not_heard"

    def __init__(self, first: float, second: float) -> None:
        self.missing = (first, second)
        parts = [
            gettext("%(seconds)s s more of %(side)s")
            % {"seconds": f"{seconds:.1f}", "side": gettext("Sample %(name)s") % {"name": number}}
            for number, seconds in enumerate(self.missing, 1)
            if seconds
        ]
        message = gettext("Listen to %(parts)s before you answer.") % {"parts": gettext(" and ").join(parts)}
        fields = {
            name: [gettext("%(seconds)s s are missing.") % {"seconds": f"{seconds:.1f}"}]
            for name, seconds in zip(("heard_first", "heard_second"), self.missing, strict=True)
            if f"{seconds:.1f}" != "0.0"
        }
        super().__init__(message, fields=fields)


class CoverageImpossible(Refused):
    """More was reported than time has passed, or something that was never sent."""

    code = "coverage_impossible"


class InvitationClosed(DomainError):
    """Expired, used up or revoked; the message says which."""

    code = "invitation_closed"
    status: ClassVar[int] = 410
