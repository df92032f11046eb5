"""Forms of the studio as a whole, and what its forms have in common."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError

from text2song.api_keys import NAME_LENGTH
from text2song.exceptions import DomainError
from text2song.models import ApiKey


class ApiKeyForm(forms.Form):
    """What a new key is for, what it may do, and for how long."""

    EXPIRIES = (("", "Never"), ("7", "In 7 days"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"))

    name = forms.CharField(max_length=NAME_LENGTH, help_text="What it is for: “notebook”, “nightly batch”.")
    scopes = forms.MultipleChoiceField(
        choices=[(ApiKey.READ, "Read: list, look, listen"), (ApiKey.WRITE, "Write: create, change, delete")],
        initial=[ApiKey.READ, ApiKey.WRITE],
        widget=forms.CheckboxSelectMultiple,
        label="May",
        error_messages={"required": "Choose at least one scope."},
    )
    expires_days = forms.TypedChoiceField(
        choices=EXPIRIES, coerce=int, empty_value=None, required=False, label="Expires"
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
