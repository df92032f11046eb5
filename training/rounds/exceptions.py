"""What can go wrong with a round, in words for its owner."""

from __future__ import annotations

from django.utils.translation import gettext

from text2song.exceptions import Conflict, Refused


class TooFewPrompts(Refused):
    code = "too_few_prompts"

    def __init__(self, fresh: int, wanted: int) -> None:
        message = gettext(
            "Of these prompts %(fresh)s can be held out to judge on, as nothing was trained on them "
            "yet; that is too few. Choose %(wanted)s or more prompts of which at least 6 are new, or "
            "a frozen suite to be judged on."
        ) % {"fresh": fresh, "wanted": wanted}
        super().__init__(message, fields={"suite": [message]})


class NothingToMake(Refused):
    code = "no_prompts"


class RoundUnderWay(Conflict):
    code = "round_under_way"

    def __init__(self) -> None:
        super().__init__(gettext("You have a round under way. Finish or cancel it before you begin another."))


class RoundIsOver(Conflict):
    code = "round_over"

    def __init__(self, doing: str) -> None:
        super().__init__(gettext("The round is over, so it cannot be %(doing)s. Begin another one.") % {"doing": doing})


class NotNow(Conflict):
    """Not at this step."""

    code = "not_now"


class OverBudget(Conflict):
    """The round may not do any more by itself; the message says what it needs."""

    code = "over_budget"


class StepFailed(Conflict):
    """What a step had made has failed; the message is its own sentence."""

    code = "step_failed"
