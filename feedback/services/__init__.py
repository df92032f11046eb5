"""What raters and curators do with feedback. Pages, API, admin and commands call these; the actor is always named."""

from feedback.services.deletion import delete_feedback, find_feedback, forget_samples
from feedback.services.notes import write_note
from feedback.services.preferences import prefer
from feedback.services.rankings import rank
from feedback.services.raters import exclude_rater, include_rater
from feedback.services.ratings import rate
from feedback.services.tags import TagUse, add_tags, replace_tags
from feedback.services.undoing import Given, take_back_choice, take_back_rating
from feedback.services.vocabulary import change_tag, create_tag, delete_tag, merge_tag, resolve_tag

__all__ = [
    "Given",
    "TagUse",
    "add_tags",
    "change_tag",
    "create_tag",
    "delete_feedback",
    "delete_tag",
    "exclude_rater",
    "find_feedback",
    "forget_samples",
    "include_rater",
    "merge_tag",
    "prefer",
    "rank",
    "rate",
    "replace_tags",
    "resolve_tag",
    "take_back_choice",
    "take_back_rating",
    "write_note",
]
