"""Forms of the studio as a whole, and what its forms have in common."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from text2song.api_keys import NAME_LENGTH
from text2song.exceptions import DomainError
from text2song.models import ApiKey


class ApiKeyForm(forms.Form):
    """What a new key is for, what it may do, and for how long."""

    EXPIRIES = (
        ("", gettext_lazy("Never")),
        ("7", gettext_lazy("In 7 days")),
        ("30", gettext_lazy("In 30 days")),
        ("90", gettext_lazy("In 90 days")),
        ("365", gettext_lazy("In a year")),
    )

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=NAME_LENGTH,
        help_text=gettext_lazy("What it is for: “notebook”, “nightly batch”."),
    )
    scopes = forms.MultipleChoiceField(
        choices=[
            (ApiKey.READ, gettext_lazy("Read: list, look, listen")),
            (ApiKey.WRITE, gettext_lazy("Write: create, change, delete")),
        ],
        initial=[ApiKey.READ, ApiKey.WRITE],
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("May"),
        error_messages={"required": gettext_lazy("Choose at least one scope.")},
    )
    expires_days = forms.TypedChoiceField(
        choices=EXPIRIES, coerce=int, empty_value=None, required=False, label=gettext_lazy("Expires")
    )


def add_refusal(form: forms.BaseForm, error: DomainError | ValidationError) -> None:
    """Show what a service refused beside the fields it names, or above the form."""
    if isinstance(error, ValidationError):
        fields, message = error.message_dict if hasattr(error, "error_dict") else {}, " ".join(error.messages)
    else:
        fields, message = error.fields, error.message
    for name, messages in fields.items():
        if name in form.fields:
            form.add_error(name, messages)
    if not form.errors:
        form.add_error(None, message)
