"""What the models of this studio read of a prompt, by their keys."""

from __future__ import annotations

from generation.jobs.reading import NOT_HERE, read_by
from generation.models import BaseModel
from prompts.wording.reading import Reading
from prompts.wording.rendering import Rendered


def read_by_model(rendered: Rendered, key: str) -> Reading:
    """What the model called `key`, or else the active one, reads of a prompt."""
    model = (key and BaseModel.objects.filter(key=key).first()) or BaseModel.objects.filter(is_active=True).first()
    return read_by(model.folder, rendered) if model else Reading(str(rendered), not_known=NOT_HERE)
