"""Scores of single samples."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from feedback.exceptions import refused
from feedback.models import Criterion, Rating
from feedback.models.judgements import HIGHEST_SCORE, LOWEST_SCORE
from generation.models import AudioSample


def rate(*, sample: AudioSample, rater: User, scores: Mapping[str, int]) -> tuple[list[Rating], bool]:
    """Store one rating for each criterion (by slug) in `scores`; a rater's earlier one on it is replaced.

    Returns the ratings in the order of the panel, and whether any of them is new. All are stored or none. Raises
    `Refused` for no scores, unknown or retired criteria, and scores that are no whole numbers from 1 to 5.
    """
    if not scores:
        raise refused("scores", gettext("Give at least one score, such as {“overall”: 4}."))
    criteria = _criteria(scores)
    for slug, score in scores.items():
        _check_score(slug, score)
    created = False
    ratings = []
    with transaction.atomic():
        for criterion in criteria:
            rating, is_new = Rating.objects.update_or_create(
                rater=rater, sample=sample, criterion=criterion, defaults={"score": scores[criterion.slug]}
            )
            ratings.append(rating)
            created |= is_new
    return ratings, created


def _criteria(scores: Mapping[str, int]) -> list[Criterion]:
    active = list(Criterion.objects.filter(is_active=True))
    known = [criterion.slug for criterion in active]
    unknown = [str(slug)[:50] for slug in scores if slug not in known]
    if unknown:
        raise refused(
            "scores",
            gettext("Unknown criterion: %(unknown)s. Known: %(known)s.")
            % {"unknown": ", ".join(unknown[:10]), "known": ", ".join(known)},
        )
    return [criterion for criterion in active if criterion.slug in scores]


def _check_score(slug: str, score: object) -> None:
    # `True` is an int to Python, and no score to a rater.
    if type(score) is not int or not LOWEST_SCORE <= score <= HIGHEST_SCORE:
        message = gettext("A score must be a whole number from %(low)s to %(high)s.") % {
            "low": LOWEST_SCORE,
            "high": HIGHEST_SCORE,
        }
        raise refused(f"scores.{slug}", message)
