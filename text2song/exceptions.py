"""Domain errors: a sentence for people, a code for machines, a status for HTTP.

Services raise these; `text2song.api.errors` turns them into API answers and pages show the message.
"""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """Base of all errors whose message may be shown to users as it stands."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, *, fields: dict[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields or {}


class Refused(DomainError):
    """The input is wrong."""

    code = "invalid"
    status = 400


class Forbidden(DomainError):
    """The caller may not do this."""

    code = "permission_denied"
    status = 403


class NotFound(DomainError):
    """There is no such thing, or it is not visible to the caller."""

    code = "not_found"
    status = 404


class Conflict(DomainError):
    """It exists already, is busy, or its state does not allow this."""

    code = "conflict"
    status = 409
