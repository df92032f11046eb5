"""The library's filters by what has been said about samples."""

from __future__ import annotations

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext, gettext_lazy, ngettext

from feedback.judgements.stars import with_stars
from feedback.judgements.summaries import judged_by, not_judged_by, not_judged_of_own, without_feedback
from feedback.models import Note, SampleTag, Tag
from feedback.models.judgements import HIGHEST_SCORE
from generation.listening.library import FurtherFilter, Order
from generation.querysets import AudioSampleQuerySet
from text2song.words import parse_words

NAME = "feedback"
WAITING, FOR_ME = "none", "for_me"
CHOICES = {
    WAITING: gettext_lazy("Waiting for ears"),
    FOR_ME: gettext_lazy("Made for me, waiting for my ears"),
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
    if value == FOR_ME:
        return not_judged_of_own(samples, user)
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


def _stars_field() -> forms.TypedChoiceField:
    fewest = [(n, ngettext("%(n)s star or more", "%(n)s stars or more", n) % {"n": n}) for n in range(1, HIGHEST_SCORE)]
    most = (HIGHEST_SCORE, gettext("%(n)s stars") % {"n": HIGHEST_SCORE})
    return forms.TypedChoiceField(
        label=gettext("Stars"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", gettext("Any")), *fewest, most],
    )


def _starred(samples: AudioSampleQuerySet, fewest: int, user: User) -> AudioSampleQuerySet:
    return with_stars(samples, user).filter(stars__gte=fewest)  # type: ignore[misc]  # added by `with_stars`


class TagChoiceField(forms.ModelChoiceField):
    """One tag of the vocabulary, by its name."""

    def label_from_instance(self, tag: Tag) -> str:
        return tag.spoken


def _tag_field() -> TagChoiceField:
    return TagChoiceField(
        label=gettext("Tag"),
        queryset=Tag.objects.canonical(),
        required=False,
        to_field_name="name",
        empty_label=gettext("Any tag"),
        error_messages={"invalid_choice": gettext("There is no such tag.")},
    )


def _tagged(samples: AudioSampleQuerySet, tag: Tag, user: User) -> AudioSampleQuerySet:
    """With this tag of the reader's, or of others where theirs are shown."""
    uses = SampleTag.objects.visible_to(user).filter(tag=tag)
    return samples.filter(pk__in=uses.order_by().values("sample"))


FEEDBACK_FILTERS = (
    FurtherFilter(
        "stars",
        _stars_field,
        _starred,
        lambda n: ngettext("%(n)s star or more", "%(n)s stars or more", n) % {"n": n},
        "So many stars or more: the caller's own, or the mean of all where it is shown to them.",
    ),
    FurtherFilter("tag", _tag_field, _tagged, lambda tag: tag.spoken, "Name of a tag that is shown to the caller."),
    FurtherFilter(
        NAME,
        _field,
        _narrow,
        lambda value: str(CHOICES[value]),
        "none: nobody has judged it; mine, not_mine: whether the caller has; for_me: made for them, and they have not.",
    ),
    FurtherFilter(
        "note",
        _note_field,
        _noted,
        lambda words: gettext("note with “%(words)s”") % {"words": words},
        "Words of a note that is shown to the caller; all of them.",
    ),
)
BY_STARS = Order(gettext_lazy("Stars"), ("-stars",), with_stars)
