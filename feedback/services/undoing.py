"""Taking back one's last answer: a rating or a choice given openly, as long as it is still what the rater says.

Votes of listening tests are not among them. What they say together is weighed after every vote, and a sealed test ends
at the vote that suffices: a vote that could go again once it was weighed would let the result be chosen by looking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from feedback.exceptions import AnsweredAnew, JudgedBlind
from feedback.models import Preference, Rating
from feedback.services.deletion import delete_feedback

VOTE_STANDS = _("You have judged these two in a blind listening test since, and that vote stands.")
ANSWER_STANDS = _("You have answered this anew since, and that answer stands.")


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it was given: which, when, and for a rating the score it took the place of."""

    item: UUID
    at: datetime
    before: int | None = None


def take_back_rating(*, rater: User, given: Given) -> Rating | None:
    """Put back what `rater` said before, and return it; None where that was nothing, or the rating is gone already.

    Raises `AnsweredAnew` when it was changed since.
    """
    with transaction.atomic():
        rating = Rating.objects.select_for_update().filter(rater=rater, pk=given.item).first()
        if rating is None:
            return None
        _require_unchanged(rating, given)
        if given.before is None:
            delete_feedback(item=rating, actor=rater)
            return None
        rating.score = given.before
        rating.save(update_fields=["score", "updated_at"])
        return rating


def take_back_choice(*, rater: User, pair_key: str, given: Given) -> None:
    """Delete the choice of `rater` between two clips. Nothing happens to one that is gone already.

    Raises `AnsweredAnew` when they answered anew since, `JudgedBlind` when they did so in a listening test.
    """
    with transaction.atomic():
        voice = Preference.objects.voice_of(rater, [pair_key]).first()
        if voice is None:
            return
        if voice.source == Preference.Source.TRIAL:
            raise JudgedBlind(str(VOTE_STANDS))
        _require_unchanged(voice, given)
        delete_feedback(item=voice, actor=rater)


def _require_unchanged(item: Rating | Preference, given: Given) -> None:
    if item.pk != given.item or item.updated_at != given.at:
        raise AnsweredAnew(str(ANSWER_STANDS))
