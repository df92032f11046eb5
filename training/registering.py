"""What a run made goes into the registry, after the same trial on its base as any other adapter."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from adapters.exceptions import AdapterFilesRefused
from adapters.models import Adapter, AdapterRegistration
from adapters.registration import free_version, receive_adapter
from generation.adapter_trial import try_on_base
from training.models import TrainingRun
from training.specs import TrainingResult

if TYPE_CHECKING:
    from generation.engine import EngineCache


def register_result(run: TrainingRun, result: TrainingResult, final_loss: float | None) -> Adapter:
    """Register the best checkpoint as `<experiment>-<run>` with the next free version.

    A run that is finished twice, because its worker died over it, registers one adapter. Raises
    `AdapterFilesRefused` when the adapter changes nothing, or does not fit.
    """
    registration = _earlier(run) or _receive(
        actor=run.created_by,
        files=Path(result.folder),
        name=run.adapter_name,
        base_model=run.base_model,
        parent=run.parent,
        description=f"Trained with {run.method} on the dataset “{run.dataset.name}”.",
        training_config=run.config | _lineage(run, result, final_loss),
    )
    return _try_now(registration)


def register_folder(**values: Any) -> Adapter:
    """Register an adapter that was trained without a run; `values` are those of `receive_adapter`, less the version."""
    return _try_now(_receive(**values))


def _receive(*, name: str, **values: Any) -> AdapterRegistration:
    """Send it to the registry with the next free version of its name."""
    return receive_adapter(name=name, version=free_version(name), source=Adapter.Source.TRAINING, **values)


def _try_now(registration: AdapterRegistration) -> Adapter:
    """End a registration in this process; raises `AdapterFilesRefused` with the reason."""
    if registration.is_checking:
        engines = _engines()
        try_on_base(registration, engines)
        engines.clear()
        registration.refresh_from_db()  # a generation worker may have been faster
    if registration.adapter is None:
        raise AdapterFilesRefused(registration.error)
    return registration.adapter


def withdraw(adapter: Adapter) -> None:
    """Take back an adapter whose run was cancelled while it was registered."""
    Adapter.objects.filter(pk=adapter.pk).update(deleted_at=timezone.now(), is_active=False, is_default=False)


def _earlier(run: TrainingRun) -> AdapterRegistration | None:
    """What an attempt before this one had sent to the registry."""
    sent = AdapterRegistration.objects.filter(training_config__run=str(run.pk))
    return sent.exclude(state=AdapterRegistration.State.REFUSED).filter(adapter__deleted_at__isnull=True).first()


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
