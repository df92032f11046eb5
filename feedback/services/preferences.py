"""Choices between two samples."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext, gettext_lazy

from feedback.exceptions import JudgedBlind, refused
from feedback.models import Preference
from feedback.models.judgements import set_key
from feedback.services.comparable import check_comparable
from generation.models import AudioSample

STRENGTHS = {
    1: gettext_lazy("slightly"),
    2: gettext_lazy("a little"),
    3: gettext_lazy("clearly"),
    4: gettext_lazy("a lot"),
    5: gettext_lazy("much better"),
}
"""How much better the winner is; 1 and 5 are the ends of the scale."""
DECIDED = (Preference.Winner.A, Preference.Winner.B)


def prefer(
    *,
    sample_a: AudioSample,
    sample_b: AudioSample,
    winner: str,
    rater: User,
    strength: int | None = None,
) -> tuple[Preference, bool]:
    """Store which of two samples of one prompt is better, in place of what the rater said of the pair before.

    `winner` is "a", "b", "tie" or "both_bad"; `strength` (1 to 5) belongs to "a" and "b" only. Returns the preference
    and whether it is new. Raises `Refused`, and `JudgedBlind` where the rater voted on the pair in a listening test.
    """
    check_comparable([sample_a, sample_b], field="sample_b")
    if winner not in Preference.Winner.values:
        raise refused(
            "winner",
            gettext("The winner must be one of: %(values)s.") % {"values": ", ".join(Preference.Winner.values)},
        )
    _check_strength(winner, strength)
    values = {"sample_a": sample_a, "sample_b": sample_b, "winner": winner, "strength": strength}
    key = set_key((sample_a.pk, sample_b.pk))
    with transaction.atomic():
        voice = Preference.objects.voice_of(rater, [key])
        if voice.filter(source=Preference.Source.TRIAL).exists():
            raise JudgedBlind(gettext("You have judged these two in a blind listening test, and that vote stands."))
        voice.filter(source=Preference.Source.RANKING).withdraw()
        return Preference.objects.update_or_create(rater=rater, pair_key=key, defaults=values)


def _check_strength(winner: str, strength: int | None) -> None:
    if strength is None:
        return
    if type(strength) is not int or strength not in STRENGTHS:
        raise refused("strength", gettext("The strength must be a whole number from 1 (slightly) to 5 (much better)."))
    if winner not in DECIDED:
        raise refused("strength", gettext("Only a preference for one of the two has a strength; leave it out."))
