"""What can go wrong in listening tests, in words for people."""

from __future__ import annotations

from typing import ClassVar

from text2song.exceptions import Conflict, DomainError, NotFound, Refused

SIDES = ("Sample 1", "Sample 2")


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
        super().__init__("There is no such trial.")


class AlreadyVoted(Conflict):
    """Another answer was given before; the first one stands."""

    code = "already_voted"

    def __init__(self) -> None:
        super().__init__("You have answered this trial already; your first answer stands.")


class CoverageMissing(Refused):
    """Too little of a clip was heard. `missing` is seconds of the first and the second clip."""

    code = "not_heard"

    def __init__(self, first: float, second: float) -> None:
        self.missing = (first, second)
        parts = [
            f"{seconds:.1f} s more of {side}" for seconds, side in zip(self.missing, SIDES, strict=True) if seconds
        ]
        message = f"Listen to {' and '.join(parts)} before you answer."
        names = ("heard_first", "heard_second")
        short = {name: [f"{seconds:.1f} s are missing."] for name, seconds in zip(names, self.missing, strict=True)}
        super().__init__(message, fields={name: text for name, text in short.items() if text != ["0.0 s are missing."]})


class CoverageImpossible(Refused):
    """More was reported than time has passed, or something that was never sent."""

    code = "coverage_impossible"


class InvitationClosed(DomainError):
    """Expired, used up or revoked; the message says which."""

    code = "invitation_closed"
    status: ClassVar[int] = 410
