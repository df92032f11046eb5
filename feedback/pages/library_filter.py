"""The library's filters by what has been said about samples."""

from __future__ import annotations

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext, gettext_lazy

from feedback.judgements.summaries import judged_by, not_judged_by, without_feedback
from feedback.models import Note
from generation.listening.library import FurtherFilter
from generation.querysets import AudioSampleQuerySet
from text2song.words import parse_words

NAME = "feedback"
WAITING = "none"
CHOICES = {
    WAITING: gettext_lazy("Waiting for ears"),
    "not_mine": gettext_lazy("Not judged by me"),
    "mine": gettext_lazy("Judged by me"),
}


def _field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label=gettext("Feedback"), required=False, choices=[("", gettext("Any")), *CHOICES.items()]
    )


def _narrow(samples: AudioSampleQuerySet, value: str, user: User) -> AudioSampleQuerySet:
    if value == WAITING:
        return without_feedback(samples)
    return judged_by(samples, user) if value == "mine" else not_judged_by(samples, user)


def _note_field() -> forms.CharField:
    return forms.CharField(
        label=gettext("Words of a note"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search"}),
    )


def _noted(samples: AudioSampleQuerySet, value: str, user: User) -> AudioSampleQuerySet:
    """With a note that holds all the words; others' notes are found where they are shown."""
    return samples.filter(pk__in=Note.objects.visible_to(user).matching(parse_words(value)).order_by().values("sample"))


FEEDBACK_FILTERS = (
    FurtherFilter(NAME, _field, _narrow, lambda value: str(CHOICES[value])),
    FurtherFilter("note", _note_field, _noted, lambda words: gettext("note with “%(words)s”") % {"words": words}),
)
