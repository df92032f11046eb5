"""What can go wrong with datasets, in words for users."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext

from text2song.exceptions import Conflict, NotFound, Refused


class InvalidFilters(Refused):
    """Filters that cannot be used; `problems` maps a filter to what is wrong with it."""

    code = "invalid_filters"

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()), fields={name: [text] for name, text in problems.items()})


class NoRows(Refused):
    code = "no_rows"

    def __init__(self, of_kind: str) -> None:
        super().__init__(
            gettext("No %(of_kind)s fits these filters, so there is nothing to build. Widen them, or judge more.")
            % {"of_kind": of_kind}
        )


class TasteNotUsable(Refused):
    """A taste that cannot label pairs."""

    code = "taste_not_usable"

    def __init__(self, problem: str) -> None:
        message = f"taste: {problem}"
        super().__init__(message, fields={"taste": [message]})


class NothingLabelled(Refused):
    """A taste that labels no pair under these filters."""

    code = "nothing_labelled"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, fields={"taste": [reason]})


class InvalidRow(Refused):
    """A file to import holds something that is no row of a dataset."""

    code = "invalid_row"


class DatasetIsImmutable(Conflict):
    code = "dataset_immutable"

    def __init__(self, name: str) -> None:
        super().__init__(
            gettext("The dataset “%(name)s” is built and can never change. Build another one instead.") % {"name": name}
        )


class DatasetNotReady(Conflict):
    code = "dataset_not_ready"

    def __init__(self, name: str, state: str) -> None:
        advice = (
            gettext("Build another one.")
            if state in ("failed", "cancelled")
            else gettext("Wait until it is built, then try again.")
        )
        super().__init__(
            gettext("The dataset “%(name)s” is not ready; it is %(state)s. %(advice)s")
            % {"name": name, "state": state, "advice": advice}
        )


class DatasetInUse(Conflict):
    code = "dataset_in_use"

    SHOWN = 5

    def __init__(self, name: str, users: list[str]) -> None:
        named = ", ".join(users[: self.SHOWN])
        more = gettext(" and %(value)s more") % {"value": len(users) - self.SHOWN} if len(users) > self.SHOWN else ""
        super().__init__(
            gettext("The dataset “%(name)s” is used by %(named)s%(more)s, so it cannot be deleted.")
            % {"name": name, "named": named, "more": more}
        )


class SharedText(InvalidRow):
    """Rows that ask for the same are in several splits, so that what is held out would be trained on."""

    def __init__(self, text: str) -> None:
        super().__init__(
            gettext("The text “%(value)s” is in several splits; splits must not share a text.") % {"value": text[:80]}
        )


class DatasetNotFound(NotFound):
    code = "dataset_not_found"


class ExportMissing(NotFound):
    code = "export_missing"

    def __init__(self) -> None:
        super().__init__(gettext("The file of this export is not in the store any more. Start the export again."))


class MethodDoesNotMatch(Refused):
    code = "method_does_not_match"

    def __init__(self, method: str, kind: str, methods: tuple[str, ...]) -> None:
        can = ", ".join(methods)
        message = gettext(
            "The method %(method)s cannot train on a %(kind)s dataset; %(can)s can. Choose one, or another dataset."
        ) % {"method": method, "kind": kind, "can": can}
        super().__init__(message, fields={"method": [message]})
