"""Fields that take a value for what it is: `true` is no number, 5 is no text, "5" is no number, "" is no id.

REST framework's own convert what they can. `StrictFieldsMixin` builds a model's fields from these; bodies that declare
fields use them by name. Forms (multipart) hold nothing but text, so there numbers and switches are read from it.
"""

from __future__ import annotations

import math
import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.utils import html

INTEGER, NUMBER = "A whole number is required.", "A number is required."
TEXT, SWITCH = "Text is required.", "Say true or false."
IDENTIFIER = "An id such as 0d9a1c3e-6f0e-4a53-9a8e-2f1f4f0f6f11 is required."
LARGEST = 2**63


def is_identifier(value: Any) -> bool:
    """Whether `value` is a UUID as the studio writes it: 8-4-4-4-12, in either case."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def _is_form(field: serializers.Field) -> bool:
    return html.is_html_input(getattr(field.root, "initial_data", None))


def _number_in(field: serializers.Field, data: Any) -> bool:
    return (isinstance(data, int | float) and not isinstance(data, bool)) or (isinstance(data, str) and _is_form(field))


class IntegerField(serializers.IntegerField):
    """A whole number: 5 or 5.0."""

    default_error_messages = {"invalid": INTEGER}

    def to_internal_value(self, data: Any) -> int:
        if not _number_in(self, data) or (isinstance(data, float) and not abs(data) < LARGEST):
            self.fail("invalid")
        return super().to_internal_value(data)


class FloatField(serializers.FloatField):
    """A finite number."""

    default_error_messages = {"invalid": NUMBER}

    def to_internal_value(self, data: Any) -> float:
        if not _number_in(self, data) or not math.isfinite(number := super().to_internal_value(data)):
            self.fail("invalid")
        return number


class CharField(serializers.CharField):
    """Text."""

    default_error_messages = {"invalid": TEXT}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class BooleanField(serializers.BooleanField):
    """true or false."""

    default_error_messages = {"invalid": SWITCH}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool) and not _is_form(self):
            self.fail("invalid")
        return super().to_internal_value(data)


class UUIDField(serializers.UUIDField):
    """An id, as the studio writes it."""

    default_error_messages = {"invalid": IDENTIFIER}

    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not is_identifier(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class ChoiceField(serializers.ChoiceField):
    """One of a few words, as they are written."""

    default_error_messages = {"invalid_choice": "“{input}” is not one of: {choices}."}

    def to_internal_value(self, data: Any) -> Any:
        if data == "" and self.allow_blank:
            return ""
        if isinstance(data, str) and data in self.choices:
            return data
        self.fail("invalid_choice", input=str(data)[:80], choices=", ".join(str(name) for name in self.choices))


class RelatedField(serializers.PrimaryKeyRelatedField):
    """Something that is there, by its id."""

    default_error_messages = {
        "required": "This field is required.",
        "does_not_exist": "There is nothing with the id {pk_value} here.",
        "incorrect_type": IDENTIFIER,
        "invalid": IDENTIFIER,
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**({"pk_field": UUIDField()} | kwargs))

    def run_validation(self, data: Any = serializers.empty) -> Any:
        # REST framework's own takes "" for null.
        if data == "":
            self.fail("invalid")
        return super().run_validation(data)


STRICT = {
    serializers.IntegerField: IntegerField,
    serializers.FloatField: FloatField,
    serializers.CharField: CharField,
    serializers.BooleanField: BooleanField,
    serializers.UUIDField: UUIDField,
    serializers.ChoiceField: ChoiceField,
}
"""What stands for REST framework's own where a field is made from a model's."""
