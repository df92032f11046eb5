"""Forms of the feedback panel and of comparisons. They read what was sent; the services check the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from feedback.judgements.starting_words import stored_name
from feedback.models import Criterion, Preference, Tag
from feedback.models.judgements import HIGHEST_SCORE, LOWEST_SCORE, MOST_RANKED, NOTE_LENGTH, TAG_LENGTH
from feedback.services import TagUse
from feedback.services.preferences import DECIDED, STRENGTHS
from generation.listening.comparison import MOST
from generation.models import AudioSample
from generation.pages.listening_forms import LinesField

SCORE_ERROR = _("A score must be a whole number from 1 to 5.")
SCORES = [(score, str(score)) for score in range(LOWEST_SCORE, HIGHEST_SCORE + 1)]

FEW = 3
"""So many tags of a sign find room in a row on a phone."""


class RatingForm(forms.Form):
    """One criterion as a group of five radio buttons; at a `place`, in the row of a clip or beside its player."""

    score = forms.TypedChoiceField(
        choices=SCORES,
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose 1 to 5 stars."),
            "invalid_choice": SCORE_ERROR,
        },
    )

    def __init__(self, *args: Any, sample: AudioSample, criterion: Criterion, place: str = "", **kwargs: Any) -> None:
        super().__init__(*args, auto_id=f"{place or 'rate'}-{sample.pk}-{criterion.slug}-%s", **kwargs)
        self.criterion = criterion

    @property
    def stars(self) -> list[Star]:
        return stars_of(self.criterion, self["score"].value(), str(self.auto_id) % "score")


@dataclass(frozen=True, slots=True)
class Star:
    """One of five. `meaning` stands with the first and the last."""

    score: int
    id: str
    is_chosen: bool
    meaning: str


def stars_of(criterion: Criterion, chosen: int | str | None, begins: str) -> list[Star]:
    """The choices of a score, with ids that begin so. Rows have them without a form: a list shows a hundred stars."""
    ends = {LOWEST_SCORE: criterion.low_label, HIGHEST_SCORE: criterion.high_label}
    return [
        Star(score, f"{begins}_{at}", words == str(chosen), gettext(ends[score]) if score in ends else "")
        for at, (score, words) in enumerate(SCORES)
    ]


@dataclass(frozen=True, slots=True)
class Chip:
    """A tag to tick. `is_extra` ones are left out where there is little room."""

    tag: Tag
    is_ticked: bool
    is_extra: bool


class TagSetForm(forms.Form):
    """Tags as boxes to tick: those on the whole sample are exactly the ticked ones. `offered` may be ticked, of which
    `likely` are shown, and those that are ticked.
    """

    tags = forms.MultipleChoiceField(required=False)

    def __init__(
        self, *args: Any, sample: AudioSample, offered: Sequence[Tag], likely: Sequence[Tag], **kwargs: Any
    ) -> None:
        super().__init__(*args, auto_id=f"tags-{sample.pk}-%s", **kwargs)
        self.fields["tags"].choices = [(tag.name, tag.spoken) for tag in offered]
        self.offered, self.likely = offered, likely

    @property
    def rows(self) -> list[tuple[str, list[Chip]]]:
        """The chips of each sign that has any, good ones first."""
        ticked = set(self["tags"].value() or [])
        shown = [tag for tag in self.offered if tag in self.likely or tag.name in ticked]
        rows = []
        for sign in (Tag.Sign.GOOD, Tag.Sign.BAD, Tag.Sign.NEUTRAL):
            found = [tag for tag in shown if tag.sign == sign]
            chips = [Chip(tag, tag.name in ticked, place >= FEW) for place, tag in enumerate(found)]
            rows.append((sign.value, chips))
        return [row for row in rows if row[1]]


class AddTagForm(forms.Form):
    """A tag found by its name or in the rater's own words, on the whole sample or on a part of it."""

    name = forms.CharField(label=_("Find a tag, or use your own word"), max_length=TAG_LENGTH)
    sign = forms.ChoiceField(
        label=_("It is"),
        required=False,
        choices=[
            ("", _("as known")),
            (Tag.Sign.GOOD, _("good")),
            (Tag.Sign.BAD, _("bad")),
            (Tag.Sign.NEUTRAL, _("neutral")),
        ],
    )
    start = forms.FloatField(label=_("From (s)"), required=False, min_value=0)
    end = forms.FloatField(label=_("To (s)"), required=False, min_value=0)

    def __init__(self, *args: Any, sample: AudioSample, **kwargs: Any) -> None:
        super().__init__(*args, auto_id=f"add-tag-{sample.pk}-%s", **kwargs)
        self.fields["name"].widget.attrs |= {
            "list": f"tag-names-{sample.pk}",
            "autocomplete": "off",
            "placeholder": _("Find a tag…"),
            "data-tag-search": "",
        }
        for name in ("start", "end"):
            self.fields[name].widget.attrs |= {"step": "0.01", "max": f"{sample.duration:.2f}"}

    @property
    def has_part(self) -> bool:
        """Whether a part was named, or wrongly so: the fields for it stand open then."""
        return any(self[name].value() not in (None, "") or self[name].errors for name in ("start", "end"))

    def use(self) -> TagUse:
        """What was asked for. Of a valid form."""
        values = self.cleaned_data
        return TagUse(
            stored_name(values["name"]), sign=values["sign"] or None, start=values["start"], end=values["end"]
        )


class NoteForm(forms.Form):
    """The rater's own words."""

    text = LinesField(
        label=_("Note"),
        max_length=NOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": _("What strikes you about it?")}),
        error_messages={"required": _("Write something, or delete the note in the list.")},
    )

    def __init__(self, *args: Any, sample: AudioSample, **kwargs: Any) -> None:
        super().__init__(*args, auto_id=f"note-{sample.pk}-%s", **kwargs)


class AmongForm(forms.Form):
    """The samples a comparison is about, in the order they are shown."""

    among = forms.TypedMultipleChoiceField(coerce=UUID)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        named = data.getlist("among")[: MOST + 1] if data is not None else []
        self.fields["among"].choices = [(value, value) for value in named]

    def clean_among(self) -> list[UUID]:
        ids: list[UUID] = self.cleaned_data["among"]
        if len(ids) > MOST:
            raise forms.ValidationError(gettext("At most %(most)s samples are compared at once.") % {"most": MOST})
        return ids


class PreferenceForm(forms.Form):
    """Which of two of the shown samples is better."""

    sample_a = forms.TypedChoiceField(label=_("First"), coerce=UUID)
    sample_b = forms.TypedChoiceField(label=_("Second"), coerce=UUID)
    strength = forms.TypedChoiceField(
        label=_("How much"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            ("", _("not said")),
            *((value, format_lazy("{} · {}", value, words)) for value, words in STRENGTHS.items()),
        ],
    )
    winner = forms.ChoiceField(
        choices=Preference.Winner.choices, error_messages={"required": _("Say which one is better.")}
    )

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, auto_id="prefer-%s", **kwargs)
        self.fields["sample_a"].choices = self.fields["sample_b"].choices = choices

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("winner") not in DECIDED:
            values["strength"] = None  # how much better is asked beside every answer, and means nothing for a tie
        return values


class RankingForm(forms.Form):
    """A place for each of the shown samples."""

    def __init__(self, *args: Any, samples: Sequence[tuple[AudioSample, str]], **kwargs: Any) -> None:
        super().__init__(*args, auto_id="rank-%s", **kwargs)
        places = [(place, str(place)) for place in range(1, min(len(samples), MOST_RANKED) + 1)]
        self.samples = [sample for sample, _ in samples]
        for sample, name in samples:
            self.fields[self.key(sample)] = forms.TypedChoiceField(
                label=gettext("Place of %(name)s") % {"name": name}, coerce=int, choices=places
            )

    @staticmethod
    def key(sample: AudioSample) -> str:
        return f"place-{sample.pk}"

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        given = sorted(values[name] for name in self.fields if name in values)
        if not self.errors and given != list(range(1, len(self.samples) + 1)):
            raise forms.ValidationError(
                gettext("Give each of the places 1 to %(samples)s to one sample; none may be repeated or left out.")
                % {"samples": len(self.samples)}
            )
        return values

    def order(self) -> list[AudioSample]:
        """The samples, best first. Of a valid form."""
        return sorted(self.samples, key=lambda sample: self.cleaned_data[self.key(sample)])
