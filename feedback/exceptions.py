"""What can go wrong with feedback, in words for users."""

from __future__ import annotations

from text2song.exceptions import Conflict, NotFound, Refused


class TagTaken(Conflict):
    """The rater has put this tag there already."""

    code = "tag_exists"


class TagInUse(Conflict):
    code = "tag_in_use"


class PartOfAnother(Conflict):
    """A preference that a ranking implies, or that was voted in a listening test, is not deleted alone."""

    code = "part_of_another"


class JudgedBlind(Conflict):
    """What was said without knowing the clips is not replaced by what is said knowing them."""

    code = "judged_blind"


class AnsweredAnew(Conflict):
    """What would be taken back is no longer what the rater says."""

    code = "answered_anew"


class FeedbackNotFound(NotFound):
    code = "feedback_not_found"


def refused(field: str, message: str) -> Refused:
    """A refusal of what was sent as `field`."""
    return Refused(message, fields={field: [message]})
