"""What a run made goes into the registry, after the same trial on its base as any other adapter."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.exceptions import AdapterFilesRefused
from adapters.models import Adapter, AdapterRegistration
from adapters.services.registration import accept, free_version, receive_adapter
from generation.jobs.adapter_check import measure_effect, try_on_base
from text2song.workers import worker_name
from training.models import TrainingRun
from training.specs import TrainingResult

if TYPE_CHECKING:
    from generation.engine import EngineCache


def receive_result(run: TrainingRun, result: TrainingResult, final_loss: float | None) -> AdapterRegistration:
    """Send the best checkpoint to the registry as `<experiment>-<run>` with the next free version, not listed yet.

    This process tries it on its base, nobody else. Raises `AdapterFilesRefused` when it does not fit.
    """
    return _receive(
        actor=run.created_by,
        files=Path(result.folder),
        name=run.adapter_name,
        base_model=run.base_model,
        parent=run.parent,
        description=f"Trained with {run.method} on the dataset “{run.dataset.name}”.",
        training_config=run.config | _lineage(run, result, final_loss),
    )


def complete_with(run: TrainingRun, registration: AdapterRegistration, **results: Any) -> Adapter:
    """Try what the run made on its base, then list it and complete the run in one transaction.

    A run that is finished twice, because its worker died over it, lists one adapter. Raises `ClaimLost`, and what the
    engine raises of an adapter that changes nothing.
    """
    try:
        measure_effect(registration, _engines())
    finally:
        _engines().clear()
    with run.held():
        accept(registration)
        if registration.adapter is None:
            raise AdapterFilesRefused(registration.error)
        run.complete(adapter=registration.adapter, **results)
    return registration.adapter


def register_folder(**values: Any) -> Adapter:
    """Register an adapter that was trained without a run; `values` are those of `receive_adapter`, less the version."""
    registration = _receive(**values)
    try_on_base(registration, _engines())
    _engines().clear()
    if registration.adapter is None:
        raise AdapterFilesRefused(registration.error)
    return registration.adapter


def _receive(*, name: str, **values: Any) -> AdapterRegistration:
    """Send it to the registry with the next free version of its name, claimed by this process."""
    free = free_version(name)
    return receive_adapter(name=name, version=free, source=Adapter.Source.TRAINING, worker=worker_name(), **values)


def _lineage(run: TrainingRun, result: TrainingResult, final_loss: float | None) -> dict[str, Any]:
    return {
        "run": str(run.pk),
        "experiment": str(run.experiment_id),
        "dataset": str(run.dataset_id),
        "dataset_hash": run.dataset.content_hash,
        "steps": result.steps,
        "best_step": result.best_step,
        "seconds": round(run.seconds, 1),
        "final_loss": final_loss,
        "best_value": result.best_value if result.best_value < float("inf") else None,
    }


@cache
def _engines() -> EngineCache:
    """Holds nothing between runs: training needs the memory."""
    from generation.engine import EngineCache

    return EngineCache()
