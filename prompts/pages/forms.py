"""Forms of the prompts pages. Rules live in the models; forms only read what a browser sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from prompts.coach.advice import Draft
from prompts.models import Prompt, PromptSuite, PromptTemplate
from prompts.wording import validators
from prompts.wording.validators import TEMPO_MESSAGE, TEXT_MESSAGE
from prompts.wording.vocabulary import (
    INSTRUMENT_BY_SLUG,
    INSTRUMENT_GROUPS,
    MAX_TEMPO,
    MAX_TEXT_LENGTH,
    MIN_TEMPO,
    InstrumentGroup,
    Term,
)

_ORDER = {slug: place for place, slug in enumerate(INSTRUMENT_BY_SLUG)}
ATTRIBUTE_FIELDS = ("text", "style", "mood", "tempo", "primary_instruments", "secondary_instruments")


class RoleInput(forms.SelectMultiple):
    """Reads one role's instruments: from the picker's `role-<slug>` radios, or from a plain list of slugs."""

    def __init__(self, role: str) -> None:
        super().__init__(
            choices=[(term.slug, pgettext_lazy("music", term.name)) for term in INSTRUMENT_BY_SLUG.values()]
        )
        self.role = role

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        listed = data.getlist(name) if hasattr(data, "getlist") else data.get(name) or []
        picked = [slug for slug in INSTRUMENT_BY_SLUG if data.get(f"role-{slug}") == self.role]
        return list(dict.fromkeys([*listed, *picked]))

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


class InstrumentsField(forms.Field):
    """A list of instrument slugs in one role, in the vocabulary's order: the picker knows no other.

    So what a form shows when it is filled from a template or prompt is what it sends, word for word.
    """

    def __init__(self, role: str) -> None:
        super().__init__(
            required=False,
            widget=RoleInput(role),
            label=_("Primary instruments") if role == "primary" else _("Secondary instruments"),
        )

    def to_python(self, value: Any) -> list[str]:
        return sorted(value or [], key=lambda slug: _ORDER.get(slug, len(_ORDER)))

    def validate(self, value: Any) -> None:
        validators.validate_instruments(value)


@dataclass(frozen=True, slots=True)
class InstrumentChoice:
    """An instrument in the picker and the role it has now: "primary", "secondary" or ""."""

    term: Term
    role: str


@dataclass(frozen=True, slots=True)
class GroupChoice:
    group: InstrumentGroup
    choices: tuple[InstrumentChoice, ...]


class AttributesForm(forms.ModelForm):
    """The editor's fields. Text and attributes obey the model's rules; typed values survive an invalid form."""

    tempo = forms.IntegerField(
        label=_("Tempo"),
        required=False,
        min_value=MIN_TEMPO,
        max_value=MAX_TEMPO,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), TEMPO_MESSAGE),
        widget=forms.NumberInput(
            attrs={"inputmode": "numeric", "placeholder": _("Any"), "aria-describedby": "notes-tempo"}
        ),
    )
    primary_instruments = InstrumentsField("primary")
    secondary_instruments = InstrumentsField("secondary")

    class Meta:
        fields: tuple[str, ...] = ATTRIBUTE_FIELDS
        error_messages = {"text": {"required": TEXT_MESSAGE}}
        widgets = {
            "text": forms.Textarea(
                attrs={
                    "rows": 3,
                    "placeholder": _(
                        "What should it sound like? For example: a calm melody that opens slowly, "
                        "like a town waking up under snow"
                    ),
                    "aria-describedby": "text-counter notes-text",
                }
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["style"].choices = [("", _("Any style")), *_without_blank(self.fields["style"].choices)]
        self.fields["mood"].choices = [("", _("Any mood")), *_without_blank(self.fields["mood"].choices)]

    @property
    def draft(self) -> Draft:
        """What is written so far: valid values as they are, the text even when it is too long."""
        if not self.is_bound:
            return Draft(**{name: self._initial(name) for name in ATTRIBUTE_FIELDS})
        self.is_valid()
        values = {name: self.cleaned_data[name] for name in ATTRIBUTE_FIELDS if name in self.cleaned_data}
        values.setdefault("text", self._text)
        return Draft(**values)

    def _initial(self, name: str) -> Any:
        """An initial value as the draft holds it; one that is not valid counts as not set."""
        field = self.fields[name]
        try:
            return field.clean(self.get_initial_for_field(field, name))
        except ValidationError:
            return getattr(Draft(), name)

    @property
    def typed_values(self) -> dict[str, Any]:
        """The fields as they were sent, right or wrong, to start a form with again."""
        return {name: self[name].value() for name in ATTRIBUTE_FIELDS}

    @property
    def text_used(self) -> int:
        return len(self._text)

    @property
    def _text(self) -> str:
        return validators.normal_text(self["text"].value() or "")

    @property
    def text_limit(self) -> int:
        return MAX_TEXT_LENGTH

    @property
    def instrument_groups(self) -> list[GroupChoice]:
        """The seven groups with each instrument's present role, for the picker."""
        primary = set(self["primary_instruments"].value() or ())
        secondary = set(self["secondary_instruments"].value() or ()) - primary
        roles = dict.fromkeys(secondary, "secondary") | dict.fromkeys(primary, "primary")
        return [
            GroupChoice(group, tuple(InstrumentChoice(term, roles.get(term.slug, "")) for term in group.instruments))
            for group in INSTRUMENT_GROUPS
        ]

    @property
    def picked_instruments(self) -> dict[str, list[Term]]:
        """The terms of each role, for the picker's summary line."""
        return {
            role: [choice.term for group in self.instrument_groups for choice in group.choices if choice.role == role]
            for role in ("primary", "secondary")
        }


class PromptForm(AttributesForm):
    """A new prompt. `cleaned_data` is what `services.create_prompt` takes."""

    class Meta(AttributesForm.Meta):
        model = Prompt


class TemplateForm(AttributesForm):
    """A template of one's own: the editor's fields and how to find it again."""

    class Meta(AttributesForm.Meta):
        model = PromptTemplate
        fields = ("name", "description", "category", *ATTRIBUTE_FIELDS, "duration")


class SuiteForm(forms.ModelForm):
    """The service tells a name that is taken, as it does at every door."""

    refused_with = 400
    """The status of the page that shows what is wrong."""

    class Meta:
        model = PromptSuite
        fields = ("name", "description")
        labels = {"name": _("Name"), "description": _("Description")}
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}

    def validate_unique(self) -> None:
        pass


def _without_blank(choices: Any) -> list[tuple[str, str]]:
    return [(value, label) for value, label in choices if value]
