"""What a worker does before an adapter is registered: unpack it, load it onto its base, see that it changes something.

Runs where torch is: in a generation worker, in a command, or in a training run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from adapters.exceptions import AdapterFilesRefused
from adapters.files.keeping import local_folder
from adapters.models import Adapter, AdapterRegistration
from adapters.services.registration import accept, receive_adapter, take_in
from generation.jobs.worker import sentence_for
from generation.specs import AdapterSpec
from text2song.work import patiently, raise_if_stopping

if TYPE_CHECKING:
    from generation.engine import EngineCache

log = structlog.get_logger(__name__)


def register_adapter(*, engines: EngineCache, worker: str, **values: Any) -> Adapter:
    """Register an adapter in this process; `values` are those of `receive_adapter`, whose errors it raises too."""
    registration = receive_adapter(worker=worker, **values)
    try_on_base(registration, engines)
    if registration.adapter is None:
        raise AdapterFilesRefused(registration.error)
    return registration.adapter


def try_waiting(engines: EngineCache, worker: str) -> None:
    """Unpack and try every adapter that waits; each ends registered or refused."""
    while registration := AdapterRegistration.objects.claim_next(worker):
        try_on_base(registration, engines)


def try_on_base(registration: AdapterRegistration, engines: EngineCache) -> None:
    """End a claimed registration: registered if the adapter works, else refused with the reason."""

    def measure_and_accept(registration: AdapterRegistration) -> None:
        take_in(registration)
        effect = measure_effect(registration, engines)
        if patiently(lambda: accept(registration)):
            log.info("adapter_registered", adapter_id=str(registration.pk), effect=effect)

    registration.perform(measure_and_accept, trial_sentence)


def measure_effect(registration: AdapterRegistration, engines: EngineCache) -> float:
    """How much the adapter changes what its base computes. Raises when it does not fit, or changes nothing."""
    spec = AdapterSpec(str(local_folder(registration)), registration.sha256, label=registration.label)
    engine = engines.get(registration.base_model.spec())
    raise_if_stopping()
    return engine.adapter_effect(spec)


def trial_sentence(error: Exception) -> str:
    return sentence_for(error, doing="trying the adapter on its base model")
