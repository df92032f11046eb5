"""Rows as lines of JSON that any database understands: one list of values a row, in the order of the columns."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models
from django.utils.duration import duration_string


def to_line(values: Sequence[Any]) -> bytes:
    """The row's values as one line. Raises `TypeError` for a value whose type nobody has thought of."""
    return json.dumps(values, default=_encoded, separators=(",", ":")).encode("ascii") + b"\n"


def from_line(line: bytes, fields: Sequence[models.Field]) -> dict[str, Any]:
    """The values by column, as a model takes them."""
    values = json.loads(line)
    return {field.attname: _decoded(value, field) for field, value in zip(fields, values, strict=True)}


def _encoded(value: Any) -> str:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()  # to the microsecond, unlike Django's encoder
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, timedelta):
        return duration_string(value)
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"{type(value).__name__} has no form in a backup yet")


def _decoded(value: Any, field: models.Field) -> Any:
    if isinstance(field, models.JSONField):
        # None would become SQL's NULL, and a column that takes none holds JSON's.
        return models.Value(None, models.JSONField()) if value is None and not field.null else value
    return field.to_python(value)
