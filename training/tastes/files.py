"""A taste's files, to take away."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import FileResponse
from django.utils.text import slugify
from django.utils.translation import gettext

from adapters.exceptions import AdapterFilesUnavailable
from adapters.models import Taste
from text2song.exceptions import DomainError
from training.tastes.telling import report_for


def file_response(taste: Taste) -> FileResponse:
    """Its weights as an answer, named for people. Raises `AdapterFilesUnavailable`."""
    try:
        file = taste.weights.open("rb")
    except DomainError:
        raise
    except Exception as error:
        raise AdapterFilesUnavailable(
            gettext(
                "The files of the taste “%(taste_label)s” cannot be read. Check the store under "
                "Settings, or fit it anew."
            )
            % {"taste_label": taste.label}
        ) from error
    name = f"{slug_of(taste)}.safetensors"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")


def slug_of(taste: Taste) -> str:
    """What its files are called: ASCII letters, digits and dashes."""
    return f"{slugify(taste.name) or 'taste'}-{taste.version}"


def described(taste: Taste, reader: User) -> dict[str, Any]:
    """What stands beside its weights: what they are, what they read, and how good they are."""
    return {
        "name": taste.name,
        "version": taste.version,
        "base_model": taste.base_model.key,
        "base_revision": taste.base_revision,
        "sha256": taste.sha256,
        "is_usable": taste.is_usable,
        "weights": taste.described,
        "report": report_for(reader, taste),
    }
