"""What can go wrong with generation, in words for users."""

from __future__ import annotations

from django.utils.translation import gettext

from generation.jobs.long_form import LONG_FORM_MAX_SECONDS
from text2song.exceptions import Conflict, DomainError, NotFound, Refused


class ModelNotReady(Conflict):
    code = "model_not_ready"

    def __init__(self, name: str, remedy: str, *, damaged: bool = False) -> None:
        problem = gettext("cannot be read") if damaged else gettext("are not on this machine")
        super().__init__(
            gettext("The files of %(name)s %(problem)s. %(remedy)s Or choose another model.")
            % {"name": name, "problem": problem, "remedy": remedy}
        )


class UnknownModel(Refused):
    code = "unknown_model"

    def __init__(self, key: str, known: list[str]) -> None:
        message = gettext("There is no model “%(key)s”. Known models: %(join)s.") % {
            "key": key,
            "join": ", ".join(known),
        }
        super().__init__(message, fields={"model": [message]})


class DurationOverLimit(Refused):
    code = "duration_over_limit"

    def __init__(self, requested: int, limit: int, model: str, *, long_form: bool) -> None:
        whose = gettext("long form") if long_form else model
        message = gettext("%(requested)s s is over the %(limit)s s limit of %(whose)s. %(remedy)s") % {
            "requested": requested,
            "limit": limit,
            "whose": whose,
            "remedy": self._remedy(requested, limit, long_form),
        }
        super().__init__(message, fields={"duration": [message]})

    @staticmethod
    def _remedy(requested: int, limit: int, long_form: bool) -> str:
        if long_form or limit >= LONG_FORM_MAX_SECONDS:
            return gettext("Shorten it.")
        if requested > LONG_FORM_MAX_SECONDS:
            return gettext("Shorten it; with long form it may have up to %(long_form_max_seconds)s s.") % {
                "long_form_max_seconds": LONG_FORM_MAX_SECONDS
            }
        return gettext("Shorten it, or turn on long form (up to %(long_form_max_seconds)s s).") % {
            "long_form_max_seconds": LONG_FORM_MAX_SECONDS
        }


class JobIsFinished(Conflict):
    code = "job_finished"

    def __init__(self, state: str) -> None:
        super().__init__(
            gettext("The job is already %(state)s; only queued and running jobs can be cancelled.") % {"state": state}
        )


class FetchInProgress(Conflict):
    code = "fetch_in_progress"

    def __init__(self, name: str, percent: int) -> None:
        super().__init__(
            gettext("%(name)s is being fetched already (%(percent)s %% so far).") % {"name": name, "percent": percent}
        )


class ModelInUse(Conflict):
    code = "model_in_use"


class ModelExists(Conflict):
    code = "model_exists"

    def __init__(self, name: str, folder: str, *, removable: bool) -> None:
        otherwise = gettext(", or remove it before adding the folder again") if removable else ""
        message = gettext(
            "This folder is in the studio already: it is %(name)s, whose files are in %(folder)s. "
            "Use that model%(otherwise)s."
        ) % {"name": name, "folder": folder, "otherwise": otherwise}
        super().__init__(message, fields={"path": [message]})


class EncoderExists(Conflict):
    code = "encoder_exists"

    def __init__(self, name: str, folder: str) -> None:
        message = gettext("This encoder is in the studio already: it is %(name)s, whose files are in %(folder)s.") % {
            "name": name,
            "folder": folder,
        }
        super().__init__(message, fields={"path": [message]})


class ModelFolderRefused(Refused):
    code = "broken_model_folder"


class IdempotencyKeyReused(Conflict):
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            gettext("This idempotency key was sent with another request. Use a new key for a new request.")
        )


class ActiveJobQuota(DomainError):
    """The user has as many unfinished jobs as allowed; answered with 429 and Retry-After."""

    code = "job_quota"
    status = 429
    retry_after = 15

    def __init__(self, limit: int) -> None:
        jobs = gettext("one unfinished job") if limit == 1 else gettext("%(limit)s unfinished jobs") % {"limit": limit}
        super().__init__(
            gettext("You have %(jobs)s, which is the limit. Wait for one to end, or cancel one.") % {"jobs": jobs}
        )


class SampleNotFound(NotFound):
    code = "sample_not_found"


class FavoriteExists(Conflict):
    code = "favorite_exists"

    def __init__(self) -> None:
        super().__init__(gettext("It is among your favourites already."))


class DeletionIsFinal(Conflict):
    code = "deletion_is_final"

    def __init__(self) -> None:
        super().__init__(gettext("It is too late to undo this deletion."))


class NotSetAside(Conflict):
    code = "not_set_aside"

    def __init__(self) -> None:
        super().__init__(gettext("This sample is kept already."))


class StorageUnavailable(DomainError):
    """The audio store refused to read or write."""

    code = "storage_unavailable"
    status = 503


class CollectionNameTaken(Conflict):
    code = "collection_name_taken"

    def __init__(self, name: str) -> None:
        message = gettext("You have a collection named “%(name)s” already. Choose another name.") % {"name": name}
        super().__init__(message, fields={"name": [message]})


class CollectionIsFull(Refused):
    code = "collection_full"

    def __init__(self, limit: int) -> None:
        super().__init__(gettext("A collection holds up to %(limit)s clips.") % {"limit": limit})
