"""Several samples in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from feedback.exceptions import JudgedBlind, refused
from feedback.models import Preference, Ranking, RankingPlace
from feedback.models.judgements import MOST_RANKED, set_key
from feedback.services.comparable import check_comparable
from generation.models import AudioSample

FEWEST_RANKED = 2


def rank(*, samples: Sequence[AudioSample], rater: User) -> tuple[Ranking, bool]:
    """Store an order, best first, and with it every preference it implies: n samples give n (n - 1) / 2.

    What the rater said before of any of these pairs is replaced, in comparisons and in rankings of the same or of other
    samples; only what they said blind, in a listening test, stands instead. Returns the ranking and whether it is new.
    Raises `Refused` unless these are 2 to 8 different samples of one prompt, `JudgedBlind` if no pair would be left.
    """
    if not FEWEST_RANKED <= len(samples) <= MOST_RANKED:
        message = gettext("Rank %(fewest)s to %(most)s samples, not %(samples)s.") % {
            "fewest": FEWEST_RANKED,
            "most": MOST_RANKED,
            "samples": len(samples),
        }
        raise refused("samples", message)
    check_comparable(samples, field="samples")
    pairs = {set_key((better.pk, worse.pk)): (better, worse) for better, worse in combinations(samples, 2)}
    with transaction.atomic():
        voice = Preference.objects.voice_of(rater, pairs)
        for key in voice.filter(source=Preference.Source.TRIAL).values_list("pair_key", flat=True):
            del pairs[key]
        if not pairs:
            raise JudgedBlind(gettext("You have judged all of these in a blind listening test, and those votes stand."))
        ranking, created = Ranking.objects.get_or_create(rater=rater, set_key=set_key(s.pk for s in samples))
        voice.openly().exclude(ranking=ranking).withdraw()
        _replace_places(ranking, samples)
        _replace_preferences(ranking, pairs)
        ranking.save(update_fields=["updated_at"])
    return ranking, created


def _replace_places(ranking: Ranking, samples: Sequence[AudioSample]) -> None:
    ranking.places.all().delete()
    RankingPlace.objects.bulk_create(
        RankingPlace(ranking=ranking, sample=sample, place=place) for place, sample in enumerate(samples, 1)
    )


def _replace_preferences(ranking: Ranking, pairs: Mapping[str, tuple[AudioSample, AudioSample]]) -> None:
    ranking.preferences.all().delete()
    Preference.objects.bulk_create(
        Preference(
            rater=ranking.rater,
            sample_a=better,
            sample_b=worse,
            pair_key=key,
            winner=Preference.Winner.A,
            source=Preference.Source.RANKING,
            ranking=ranking,
        )
        for key, (better, worse) in pairs.items()
    )
