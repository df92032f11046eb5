"""What helps when a base model's files are missing or damaged: it depends on where they come from.

Who reads it may be no curator, so each says what is to be done and leaves open by whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

if TYPE_CHECKING:
    from generation.models import BaseModel


def for_missing(model: BaseModel) -> str:
    """How the files come here."""
    if model.source == model.Source.BUNDLED:
        return gettext("They come with the studio: install it again.")
    if model.source == model.Source.FOLDER:
        return gettext("Its folder is gone: put it back at %(location)s.") % {"location": model.location}
    if fetch := model.fetches.unfinished().first():
        return gettext("They are being fetched already (%(percent)s %% so far).") % {"percent": fetch.percent}
    fetched = gettext("fetched by a curator under Settings › Models or with “manage.py fetch_model %(model_key)s”.") % {
        "model_key": model.key
    }
    if model.copy_path:
        return gettext("The copy in %(copy_path)s is gone: it can be put back, or %(fetched)s") % {
            "copy_path": model.copy_path,
            "fetched": fetched,
        }
    return gettext("They are %(fetched)s") % {"fetched": fetched}


def for_damaged(model: BaseModel) -> str:
    """How good files come where damaged ones are; files of the hub are fetched only where there are none."""
    if model.source == model.Source.BUNDLED:
        return gettext("They come with the studio: install it again.")
    if model.source == model.Source.FOLDER or model.copy_path:
        return gettext("Put good files into %(folder)s.") % {"folder": model.folder}
    return gettext("Delete %(folder)s, then fetch them again with “manage.py fetch_model %(model_key)s”.") % {
        "folder": model.folder,
        "model_key": model.key,
    }
