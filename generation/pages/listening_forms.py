"""Forms of the listening pages: finding samples, making relatives of one, notes on favourites."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from adapters.models import Adapter, Taste
from generation.jobs.long_form import LONG_FORM_MAX_SECONDS
from generation.listening.library import FURTHER_FILTERS, ORDERS
from generation.models import AudioSample, BaseModel, Collection, Favorite, GenerationJob
from generation.models.jobs import MAX_SAMPLES
from generation.services.samples import EXTENDED, VARIED, usual_beginning, usual_extension
from prompts.wording.vocabulary import INSTRUMENT_GROUPS, MAX_TEMPO, MIN_TEMPO, MOODS, STYLES

_INSTRUMENT_CHOICES = [
    ("", gettext_lazy("Any instrument")),
    *(
        (
            pgettext_lazy("music", group.name),
            [(term.slug, pgettext_lazy("music", term.name)) for term in group.instruments],
        )
        for group in INSTRUMENT_GROUPS
    ),
]


def _order_by(taste: Taste) -> str:
    """One that scores no new clips still puts those in order that it heard."""
    if taste.why_deaf:
        return gettext("Best first for %(taste_label)s (it hears no new clips)") % {"taste_label": taste.label}
    return gettext("Best first for %(taste_label)s") % {"taste_label": taste.label}


class LibraryFilter(forms.Form):
    """What to look for in the library. Everything is optional, and everything given has to hold."""

    q = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("Words of title or prompt")}),
    )
    sort = forms.ChoiceField(
        label=gettext_lazy("Sort"),
        required=False,
        error_messages={"invalid_choice": gettext_lazy("There is no such order.")},
    )
    style = forms.ChoiceField(
        label=gettext_lazy("Style"),
        required=False,
        choices=[("", gettext_lazy("Any style")), *((term.slug, pgettext_lazy("music", term.name)) for term in STYLES)],
    )
    mood = forms.ChoiceField(
        label=gettext_lazy("Mood"),
        required=False,
        choices=[("", gettext_lazy("Any mood")), *((term.slug, pgettext_lazy("music", term.name)) for term in MOODS)],
    )
    instrument = forms.ChoiceField(label=gettext_lazy("Instrument"), required=False, choices=_INSTRUMENT_CHOICES)
    tempo_min = forms.IntegerField(
        label=gettext_lazy("Tempo from"), required=False, min_value=MIN_TEMPO, max_value=MAX_TEMPO
    )
    tempo_max = forms.IntegerField(
        label=gettext_lazy("Tempo to"), required=False, min_value=MIN_TEMPO, max_value=MAX_TEMPO
    )
    model = forms.ModelChoiceField(
        label=gettext_lazy("Model"),
        queryset=BaseModel.objects.all(),
        required=False,
        to_field_name="key",
        empty_label=gettext_lazy("Any model"),
        error_messages={"invalid_choice": gettext_lazy("There is no such model.")},
    )
    adapter = forms.ModelChoiceField(
        label=gettext_lazy("Adapter"),
        queryset=Adapter.objects.visible(),
        required=False,
        empty_label=gettext_lazy("Any adapter"),
        error_messages={"invalid_choice": gettext_lazy("There is no such adapter.")},
    )
    person = forms.ModelChoiceField(
        label=gettext_lazy("Made by"),
        queryset=User.objects.none(),
        required=False,
        to_field_name="username",
        empty_label=gettext_lazy("Anybody"),
        error_messages={"invalid_choice": gettext_lazy("There is nobody of this name who made a clip.")},
    )
    collection = forms.ModelChoiceField(
        queryset=Collection.objects.none(),
        label=gettext_lazy("Collection"),
        required=False,
        empty_label=gettext_lazy("Any collection"),
        error_messages={"invalid_choice": gettext_lazy("There is no such collection.")},
    )
    date_from = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    date_to = forms.DateField(label=gettext_lazy("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    heart = forms.BooleanField(label=gettext_lazy("Favourites only"), required=False)
    by_taste = forms.ModelChoiceField(
        label=gettext_lazy("Order by a taste"),
        queryset=Taste.objects.none(),
        required=False,
        empty_label=gettext_lazy("None"),
        error_messages={"invalid_choice": gettext_lazy("There is no such taste that you can use.")},
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usable = Taste.objects.visible_to(user).newest().filter(is_usable=True).select_related("base_model")
        self.fields["by_taste"].queryset = usable
        self.fields["by_taste"].label_from_instance = _order_by
        self.fields["sort"].choices = [(name, order.label) for name, order in ORDERS.items()]
        makers = GenerationJob.objects.visible().order_by().values("requested_by")
        self.fields["person"].queryset = User.objects.filter(pk__in=makers).order_by("username")
        self.fields["collection"].queryset = Collection.objects.visible_to(user)
        for name, further in FURTHER_FILTERS.items():
            self.fields[name] = further.field()

    def further_fields(self) -> list[forms.BoundField]:
        """What other parts of the studio add."""
        return [self[name] for name in FURTHER_FILTERS]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        self._in_order("tempo_min", "tempo_max", gettext("The highest tempo is below the lowest."))
        self._in_order("date_from", "date_to", gettext("The last day is before the first."))
        return values

    def _in_order(self, low: str, high: str, otherwise: str) -> None:
        first, last = self.cleaned_data.get(low), self.cleaned_data.get(high)
        if first is not None and last is not None and last < first:
            self.add_error(high, otherwise)


class ExtendForm(forms.Form):
    """How much to add to a clip, and in how many versions."""

    seconds = forms.IntegerField(label=gettext_lazy("Add seconds"), min_value=1)
    num_samples = forms.IntegerField(
        label=gettext_lazy("Versions"), min_value=1, max_value=MAX_SAMPLES, initial=EXTENDED
    )

    def __init__(self, *args: Any, sample: AudioSample, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="extend_%s", **kwargs)
        self.most = max(0, LONG_FORM_MAX_SECONDS - round(sample.duration))
        field = self.fields["seconds"]
        field.initial = usual_extension(sample)
        field.widget.attrs["max"] = self.most
        field.help_text = gettext("1 to %(most)s more seconds; the new clips begin with this one.") % {
            "most": self.most
        }


class VaryForm(forms.Form):
    """How much of a clip's beginning its relatives keep, and how many there shall be."""

    keep_seconds = forms.FloatField(label=gettext_lazy("Keep the first seconds"), min_value=0.1)
    num_samples = forms.IntegerField(
        label=gettext_lazy("Variations"), min_value=1, max_value=MAX_SAMPLES, initial=VARIED
    )

    def __init__(self, *args: Any, sample: AudioSample, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="vary_%s", **kwargs)
        self.most = max(0.0, sample.duration - 0.5)
        field = self.fields["keep_seconds"]
        field.initial = usual_beginning(sample)
        field.widget.attrs |= {"max": f"{self.most:.1f}", "step": "0.1"}
        field.help_text = gettext("0.1 to %(most)s s stay as they are; from there each goes its own way.") % {
            "most": f"{self.most:.1f}"
        }


class HeartForm(forms.Form):
    """What a heart is put on: one prompt, or one sample."""

    prompt = forms.UUIDField(required=False)
    sample = forms.UUIDField(required=False)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not self.errors and (values.get("prompt") is None) == (values.get("sample") is None):
            raise ValidationError(gettext("Name either a prompt or a sample."))
        return values


class LinesField(forms.CharField):
    """Several lines of text, whose ends count as one character, as they do in the browser."""

    def to_python(self, value: Any) -> str | None:
        return super().to_python(value.replace("\r\n", "\n") if isinstance(value, str) else value)


class NoteForm(forms.Form):
    """The note on a favourite."""

    note = LinesField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=Favorite._meta.get_field("note").max_length,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": gettext_lazy("What you like about it")}),
    )
