"""Days and times as people and scripts write them."""

from __future__ import annotations

import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext


class MomentField(forms.Field):
    """A day or an ISO 8601 time as an aware time; a day alone means its start, or its end with `end_of_day`."""

    def __init__(self, *, end_of_day: bool = False, **kwargs: Any) -> None:
        self.end_of_day = end_of_day
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> datetime.datetime | None:
        text = str(value or "").strip()
        if not text:
            return None
        try:
            moment = self._moment(text)
            return moment.astimezone(datetime.UTC)
        except (ValueError, OverflowError) as error:
            raise ValidationError(
                gettext("Give a date such as 2026-03-31, or an ISO 8601 time."), code="invalid"
            ) from error

    def _moment(self, text: str) -> datetime.datetime:
        moment: datetime.datetime | None
        if day := parse_date(text):
            moment = datetime.datetime.combine(day, datetime.time.max if self.end_of_day else datetime.time.min)
        else:
            # In a query string an unescaped "+" of a zone arrives as a blank.
            moment = parse_datetime(text.replace(" ", "+") if "T" in text else text)
        if moment is None:
            raise ValueError(text)
        return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
