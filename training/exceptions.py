"""What can go wrong with experiments and runs, in words for users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from django.utils.translation import gettext, gettext_lazy

from text2song.exceptions import Conflict, NotFound, Refused


class ConfigRefused(Refused):
    """Settings that cannot be trained with; `problems` maps a setting to what is wrong with it."""

    code = "invalid_config"

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()), fields={name: [text] for name, text in problems.items()})


class ExperimentIsArchived(Conflict):
    code = "experiment_archived"

    def __init__(self, name: str, doing: str) -> None:
        super().__init__(
            gettext("The experiment “%(name)s” is archived, so %(doing)s. Take it out of the archive first.")
            % {"name": name, "doing": doing}
        )


class ExperimentIsNotArchived(Conflict):
    code = "experiment_not_archived"

    def __init__(self, name: str) -> None:
        super().__init__(
            gettext("The experiment “%(name)s” is not archived: it is listed already, and runs can be started.")
            % {"name": name}
        )


class ExperimentAlreadyArchived(Conflict):
    code = "experiment_archived"

    def __init__(self, name: str) -> None:
        super().__init__(
            gettext("The experiment “%(name)s” is archived already. To change it, take it out of the archive.")
            % {"name": name}
        )


class ExperimentHasUnfinishedRuns(Conflict):
    code = "experiment_busy"

    def __init__(self, name: str) -> None:
        super().__init__(
            gettext("A run of “%(name)s” is not finished. Cancel it before archiving the experiment.") % {"name": name}
        )


class NoDataset(Refused):
    code = "no_dataset"

    def __init__(self, name: str) -> None:
        message = gettext("The experiment “%(name)s” has no dataset to train on. Choose one, then start the run.") % {
            "name": name
        }
        super().__init__(message, fields={"dataset": [message]})


class NothingToTrainOn(Refused):
    code = "nothing_to_train_on"

    NEEDED: ClassVar[dict[str, str]] = {
        "sft": gettext_lazy("a clip rated four stars or more"),
        "dpo": gettext_lazy("a pair of which one clip was preferred"),
        "kto": gettext_lazy("a clip rated above or below three stars"),
        "ranking": gettext_lazy("a pair, or two clips of one prompt that are rated differently"),
    }

    def __init__(self, method: str) -> None:
        super().__init__(
            gettext(
                "The training split holds nothing for the method %(method)s: it needs %(method2)s. Build "
                "a dataset with wider filters, or choose another method."
            )
            % {"method": method, "method2": self.NEEDED[method]}
        )


class NothingLearned(Refused):
    """The untrained state was the best one."""

    code = "nothing_learned"

    def __init__(self, untrained: float | None) -> None:
        measured = (
            ""
            if untrained is None
            else gettext(" (%(untrained)s on the validation split)") % {"untrained": f"{untrained:.4g}"}
        )
        super().__init__(
            gettext(
                "No checkpoint was better than the model without training%(measured)s, so there is no "
                "adapter to offer. Collect more votes, train for more epochs, or change the learning "
                "rate; to be offered the last checkpoint all the same, switch off “Only if better” and "
                "train again."
            )
            % {"measured": measured}
        )


class RunNameTaken(Conflict):
    code = "run_name_taken"

    def __init__(self, name: str) -> None:
        message = gettext("The experiment has a run “%(name)s” already. Choose another name, or leave it empty.") % {
            "name": name
        }
        super().__init__(message, fields={"name": [message]})


class RunNotFound(NotFound):
    code = "run_not_found"

    def __init__(self, missing: Sequence[object]) -> None:
        named = ", ".join(str(pk) for pk in missing[:5])
        super().__init__(
            gettext("There is no run %(named)s: it may be deleted. Leave it out, or take its id from the list of runs.")
            % {"named": named}
        )


class RunIsFinished(Conflict):
    code = "run_finished"

    def __init__(self, name: str, state: str) -> None:
        super().__init__(
            gettext(
                "The run “%(name)s” is already %(state)s; only queued and running ones can be cancelled. "
                "To take it away with what it stored, delete it."
            )
            % {"name": name, "state": state}
        )


class RunNotResumable(Conflict):
    code = "run_not_resumable"

    ADVICE: ClassVar[dict[str, str]] = {
        "completed": gettext_lazy("To train further, start a new run that goes on from the adapter it made."),
        "queued": gettext_lazy("It waits for a worker already."),
        "running": gettext_lazy("To start it over with other settings, cancel it and start a new run."),
    }

    def __init__(self, name: str, state: str) -> None:
        super().__init__(
            gettext("The run “%(name)s” is %(state)s; only failed and cancelled ones can be resumed. %(get)s")
            % {"name": name, "state": state, "get": self.ADVICE.get(state, "")}
        )


class RunIsUnfinished(Conflict):
    code = "run_unfinished"

    def __init__(self, names: Sequence[str]) -> None:
        named = ", ".join(f"“{name}”" for name in names[:5])
        more = gettext(" and %(value)s more") % {"value": len(names) - 5} if len(names) > 5 else ""
        super().__init__(
            gettext("Not finished yet: %(named)s%(more)s. Cancel before deleting; nothing was deleted.")
            % {"named": named, "more": more}
        )


class NotComparable(Refused):
    code = "not_comparable"


class BaseModelChanged(Refused):
    """The base model's files are no longer those a run was started on."""

    code = "base_model_changed"

    def __init__(self, name: str) -> None:
        super().__init__(
            gettext(
                "The files of %(name)s have changed since this run was started, so it cannot go on. Start a new run."
            )
            % {"name": name}
        )


class NoTaste(Refused):
    """No taste comes of these votes; the message says why."""

    code = "no_taste"


class FitIsRunning(Conflict):
    code = "fit_running"

    def __init__(self, name: str) -> None:
        super().__init__(gettext("The taste “%(name)s” is being fitted already. Wait for it to end.") % {"name": name})
