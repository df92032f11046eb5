"""Why a backup cannot be made, or not be restored."""

from __future__ import annotations

from collections.abc import Sequence

from text2song.exceptions import Conflict, DomainError, Refused

SHOWN = 10


class NotABackup(Refused):
    """The folder holds no finished backup, or something else."""


class UnusableBackup(Refused):
    """A whole backup that this version of the studio, or this database, cannot take."""


class DamagedBackup(DomainError):
    """Parts of the backup are missing, or are not what was written."""

    code = "damaged"

    def __init__(self, parts: Sequence[str]) -> None:
        more = f", and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
        super().__init__(f"The backup is damaged; nothing was changed. {', '.join(parts[:SHOWN])}{more}.")
        self.parts = list(parts)


class StudioInTheWay(Conflict):
    """The studio to restore into holds something, or is running."""


class FolderIsBusy(Conflict):
    """Another command is at work on the folder."""
