"""Forms of the studio as a whole."""

from __future__ import annotations

from django import forms

from text2song.api_keys import NAME_LENGTH
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
