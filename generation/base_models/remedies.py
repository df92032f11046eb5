"""What helps when a base model's files are missing or damaged: it depends on where they come from.

Who reads it may be no curator, so each says what is to be done and leaves open by whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generation.models import BaseModel


def for_missing(model: BaseModel) -> str:
    """How the files come here."""
    if model.source == model.Source.BUNDLED:
        return "They come with the studio: install it again."
    if model.source == model.Source.FOLDER:
        return f"Its folder is gone: put it back at {model.location}."
    if fetch := model.fetches.unfinished().first():
        return f"They are being fetched already ({fetch.percent} % so far)."
    fetched = f"fetched by a curator under Settings › Models or with “manage.py fetch_model {model.key}”."
    if model.copy_path:
        return f"The copy in {model.copy_path} is gone: it can be put back, or {fetched}"
    return f"They are {fetched}"


def for_damaged(model: BaseModel) -> str:
    """How good files come where damaged ones are; files of the hub are fetched only where there are none."""
    if model.source == model.Source.BUNDLED:
        return "They come with the studio: install it again."
    if model.source == model.Source.FOLDER or model.copy_path:
        return f"Put good files into {model.folder}."
    return f"Delete {model.folder}, then fetch them again with “manage.py fetch_model {model.key}”."
