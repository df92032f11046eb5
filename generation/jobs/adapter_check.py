"""What is done before an adapter is listed: unpack it, load it onto its base, see that it changes something.

Runs where torch is: in a generation worker, in a command, or at the end of a training run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from django.utils.translation import gettext_noop

from adapters.models import Adapter, AdapterRegistration
from adapters.services.registration import accept, take_in
from generation.jobs.worker import adapter_spec, sentence_for
from text2song.work import patiently, raise_if_stopping

if TYPE_CHECKING:
    from generation.engine import EngineCache

log = structlog.get_logger(__name__)


def check_waiting(engines: EngineCache, worker: str) -> None:
    """Try every upload that waits; each ends registered or refused."""
    while registration := AdapterRegistration.objects.claim_next(worker):
        check_on_base(registration, engines)


def check_on_base(registration: AdapterRegistration, engines: EngineCache) -> None:
    """End a claimed registration: registered if the adapter works, else refused with the reason."""
    registration.perform(lambda registration: list_if_it_works(registration, engines), check_sentence)


def list_if_it_works(
    registration: AdapterRegistration, engines: EngineCache, complete: Callable[[Adapter], object] | None = None
) -> Adapter:
    """Unpack a claimed registration where that is to do, try it on its base, and list it; `complete` as in `accept`.

    Raises what `take_in`, the engine and `accept` raise.
    """
    take_in(registration)
    effect = measure_effect(registration, engines)
    adapter = patiently(lambda: accept(registration, complete))
    log.info("adapter_registered", adapter_id=str(adapter.pk), effect=effect)
    return adapter


def measure_effect(registration: AdapterRegistration, engines: EngineCache) -> float:
    """How much the adapter changes what its base computes. Raises when it does not fit, or changes nothing."""
    spec = adapter_spec(registration)
    engine = engines.get(registration.base_model.spec())
    raise_if_stopping()
    return engine.adapter_effect(spec)


def check_sentence(error: Exception) -> str:
    return sentence_for(error, doing=gettext_noop("trying the adapter on its base model"))
