"""The library's filter by what has been said about samples."""

from __future__ import annotations

from django import forms
from django.contrib.auth.models import AbstractBaseUser

from feedback.summaries import judged_by, not_judged_by, without_feedback
from generation.listening.library import FurtherFilter
from generation.querysets import AudioSampleQuerySet

NAME = "feedback"
WAITING = "none"
CHOICES = {WAITING: "Waiting for ears", "not_mine": "Not judged by me", "mine": "Judged by me"}


def _field() -> forms.ChoiceField:
    return forms.ChoiceField(label="Feedback", required=False, choices=[("", "Any"), *CHOICES.items()])


def _narrow(samples: AudioSampleQuerySet, value: str, user: AbstractBaseUser) -> AudioSampleQuerySet:
    if value == WAITING:
        return without_feedback(samples)
    return judged_by(samples, user) if value == "mine" else not_judged_by(samples, user)


FEEDBACK_FILTER = FurtherFilter(NAME, _field, _narrow, CHOICES.__getitem__)
