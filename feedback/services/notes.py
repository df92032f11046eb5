"""Raters' own words."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext

from feedback.exceptions import refused
from feedback.models import Note
from feedback.models.judgements import NOTE_LENGTH
from generation.models import AudioSample
from prompts.wording.validators import normal_text, validate_characters


def write_note(*, sample: AudioSample, rater: User, text: str) -> tuple[Note, bool]:
    """Store the rater's note on a sample in place of an earlier one; returns it and whether it is new.

    Raises `Refused` unless the trimmed text has 1 to 2000 characters that can be stored.
    """
    note = normal_text(text)
    _check(note)
    with transaction.atomic():
        return Note.objects.update_or_create(rater=rater, sample=sample, defaults={"text": note})


def _check(text: str) -> None:
    message = ""
    if not text:
        message = gettext("Write something, or delete the note.")
    elif len(text) > NOTE_LENGTH:
        message = gettext("The note has %(length)s characters; at most %(most)s are allowed.") % {
            "length": len(text),
            "most": NOTE_LENGTH,
        }
    else:
        try:
            validate_characters(text)
        except ValidationError as error:
            message = " ".join(error.messages)
    if message:
        raise refused("text", message)
