"""Base models whose files this machine needs: there, complete, and the ones their rows speak of."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.models import Adapter, AdapterRegistration
from generation.base_models.folder import BrokenModelFolder, content_revision, inspect_model_folder, weight_files
from generation.models import BaseModel, GenerationJob
from text2song.doctor.finding import Finding, ok, warning, wrong
from training.models import TrainingRun

HASHED_BYTES = 500_000_000
"""Weights up to this size are read in full to tell whether they changed; larger ones only by `--deep`."""


def model_files(*, deep: bool) -> Iterator[Finding]:
    """The active model, and those of unfinished work and of default adapters."""
    needed = _needed()
    if not any(model.is_active for model in needed):
        yield wrong("No base model is active, so nothing can be generated.", "Make one active under Settings, Models.")
    for model, reason in needed.items():
        yield _examined(model, reason, deep=deep)


def _needed() -> dict[BaseModel, str]:
    """Models, each with what needs it."""
    reasons = {
        "unfinished jobs": GenerationJob.objects.unfinished(),
        "unfinished training": TrainingRun.objects.unfinished(),
        "adapters to be checked": AdapterRegistration.objects.unfinished(),
        "a default adapter": Adapter.objects.visible().filter(is_default=True),
    }
    needed = dict.fromkeys(BaseModel.objects.filter(is_active=True), "the active model")
    for reason, rows in reasons.items():
        for model in BaseModel.objects.filter(pk__in=rows.order_by().values("base_model")):
            needed.setdefault(model, f"needed by {reason}")
    return needed


def _examined(model: BaseModel, reason: str, *, deep: bool) -> Finding:
    try:
        facts = inspect_model_folder(model.folder)
        revision = _revision(model, deep=deep)
    except (BrokenModelFolder, OSError) as error:
        return wrong(f"{model}, {reason}, cannot be used: {str(error).rstrip('.')}.", _mend(model))
    if revision not in ("", model.revision):
        return warning(
            f"The files of {model}, {reason}, are not those it was added with: adapters made for them may not fit.",
            "Run `manage.py setup`, which takes note of the new files."
            if model.source == BaseModel.Source.BUNDLED
            else f"Put the former files back into {model.folder}, or add the folder anew under another name.",
        )
    shape = (model.sample_rate, model.channels, model.codebooks)
    if shape != (facts.sample_rate, facts.channels, facts.codebooks):
        return wrong(f"The files of {model}, {reason}, are another model's than its row describes.", _mend(model))
    return ok(f"{model}, {reason}, is complete in {model.folder}.")


def _revision(model: BaseModel, *, deep: bool) -> str:
    """What the files are, as far as they tell; a hub model's commit is not written in those that were fetched."""
    size = sum(file.stat().st_size for file in weight_files(model.folder))
    if (model.source == BaseModel.Source.HUB and not model.copy_path) or (size > HASHED_BYTES and not deep):
        return ""
    return content_revision(model.folder)


def _mend(model: BaseModel) -> str:
    if model.source == BaseModel.Source.HUB and not model.copy_path:
        return f"Move {model.folder} out of the way if it is there, then run `manage.py fetch_model {model.key}`."
    if model.source == BaseModel.Source.BUNDLED:
        return f"Restore {model.folder} from version control."
    return f"Put the model's folder back to {model.folder}, or make another model active."
