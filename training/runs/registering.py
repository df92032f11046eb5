"""What a run made goes into the registry, after the same check on its base as any other adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.models import Adapter
from generation.services.adapters import register_result
from training.models import TrainingRun
from training.specs import TrainingResult


def complete_with_adapter(run: TrainingRun, result: TrainingResult, **results: Any) -> Adapter:
    """List the best checkpoint as `<experiment>-<run>` with the next free version and complete the run, or do neither.

    `results` are the run's columns. Raises `AdapterFilesRefused` when it does not fit, what the engine raises of an
    adapter that changes nothing, and `ClaimLost`.
    """

    def complete(adapter: Adapter) -> None:
        with run.held():
            run.complete(adapter=adapter, **results)

    return register_result(
        actor=run.created_by,
        files=Path(result.folder),
        name=run.adapter_name,
        base_model=run.base_model,
        parent=run.parent,
        source=Adapter.Source.TRAINING,
        description=f"Trained with {run.method} on the dataset “{run.dataset.name}”.",
        training_config=run.config | _lineage(run, result, results),
        complete=complete,
    )


def _lineage(run: TrainingRun, result: TrainingResult, results: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": str(run.pk),
        "experiment": str(run.experiment_id),
        "dataset": str(run.dataset_id),
        "dataset_hash": run.dataset.content_hash,
        **result.lineage,
        "seconds": round(run.seconds, 1),
        "final_loss": results["final_loss"],
        "best_value": results["best_value"],
    }
