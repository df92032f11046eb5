"""What can go wrong with adapters, in words for users."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext

from text2song.exceptions import Conflict, DomainError, NotFound, Refused


class AdapterNotFound(NotFound):
    code = "adapter_not_found"

    def __init__(self, given: object) -> None:
        super().__init__(gettext("There is no adapter “%(given)s”.") % {"given": given})


class AdapterNotSelectable(Refused):
    """A job asked for an adapter that cannot be used with its base model."""

    code = "adapter_not_selectable"

    def __init__(self, reason: str, fitting: Sequence[str], base_model: str) -> None:
        if fitting:
            advice = gettext("Adapters that fit %(base_model)s: %(join)s.") % {
                "base_model": base_model,
                "join": ", ".join(fitting),
            }
        else:
            advice = gettext("No adapter fits %(base_model)s yet; leave it out to use the base model alone.") % {
                "base_model": base_model
            }
        message = f"{reason} {advice}"
        super().__init__(message, fields={"adapter": [message]})


class AdapterDeleted(AdapterNotSelectable):
    code = "adapter_deleted"


class AdapterInactive(AdapterNotSelectable):
    code = "adapter_inactive"


class AdapterOfAnotherBase(AdapterNotSelectable):
    code = "adapter_of_another_base"


class AdapterExists(Conflict):
    code = "adapter_exists"

    def __init__(self, name: str, version: str, free: str) -> None:
        self.free_version = free
        message = gettext("“%(name)s” has a version %(version)s already. The next free one is %(free)s.") % {
            "name": name,
            "version": version,
            "free": free,
        }
        super().__init__(message, fields={"version": [message]})


class AdapterFilesRefused(Refused):
    """The files are no LoRA adapter this studio can keep."""

    code = "adapter_files_refused"

    def __init__(self, message: str) -> None:
        super().__init__(message, fields={"files": [message]})


class AdapterNotActive(Conflict):
    code = "adapter_inactive"


class AdapterFilesUnavailable(DomainError):
    """The store does not have, or does not give, an adapter's files."""

    code = "adapter_files_unavailable"
    status = 503


class TasteNotFound(NotFound):
    code = "taste_not_found"

    def __init__(self, given: object) -> None:
        super().__init__(gettext("There is no taste “%(given)s”.") % {"given": given})


class TasteNotUsable(Refused):
    """A job asked for a taste that cannot pick among its clips, or not for this person."""

    code = "taste_not_usable"

    def __init__(self, reason: str, fitting: Sequence[str], base_model: str) -> None:
        if fitting:
            advice = gettext("Tastes that can pick for you: %(join)s.") % {"join": ", ".join(fitting)}
        else:
            advice = gettext(
                "No taste can pick among clips of %(base_model)s for you yet; leave it out to keep them all."
            ) % {"base_model": base_model}
        message = f"{reason} {advice}"
        super().__init__(message, fields={"taste": [message]})


class TasteDeleted(TasteNotUsable):
    code = "taste_deleted"


class TasteOfOthers(TasteNotUsable):
    code = "taste_of_others"


class TasteOfAnotherBase(TasteNotUsable):
    code = "taste_of_another_base"


class TasteNotReady(TasteNotUsable):
    code = "taste_not_ready"


class TasteDeaf(TasteNotUsable):
    code = "taste_deaf"


class TasteFilesGone(TasteNotUsable):
    code = "taste_files_gone"
