"""Who is told what of a dataset: it is made of people's answers, and these are told once a clip is judged oneself."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext, gettext_lazy

from datasets_app.models import Dataset
from feedback.querysets import sees_all_answers_on
from text2song.exceptions import Forbidden

ANSWERS = (
    "tags",
    "ratings",
    "mean_rating",
    "liked",
    "margins",
    "ties",
    "both_bad",
    "equal_pairs",
    "triads",
    "circular_triads",
    "consistency",
    "circles",
    "raters",
    "answers",
    "agreement",
    "labels",
    "recommendations",
)
"""Figures of the report that are made of answers; the others are of clips and prompts."""
RULE = gettext_lazy(
    "It tells what others answered. You are told once you have judged every clip in it; curators are told at once."
)


def may_read_answers(reader: User | None, dataset: Dataset) -> bool:
    """Whether `reader` sees every answer behind its rows; the studio itself (None) does."""
    clips = dataset.clips.filter(sample__isnull=False).order_by().values("sample_id")
    return reader is None or sees_all_answers_on(clips, reader)


def require_answers(reader: User | None, dataset: Dataset) -> None:
    """Raise `Forbidden` unless `reader` may have the rows themselves."""
    if not may_read_answers(reader, dataset):
        raise Forbidden(gettext("An export holds the rows of a dataset. %(rule)s") % {"rule": RULE})


def statistics_for(reader: User, dataset: Dataset) -> dict[str, Any]:
    """The report with `answers_told`; figures that the reader is not told are None."""
    told = may_read_answers(reader, dataset)
    shown = {name: None if name in ANSWERS and not told else value for name, value in dataset.statistics.items()}
    return shown | {"answers_told": told}
