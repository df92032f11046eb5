"""The last check before an adapter is registered: does it load onto its base, and change what that base computes?

Runs where torch is: in a generation worker, in a command, or in a training run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import F

from adapters.exceptions import AdapterFilesRefused
from adapters.files import local_folder
from adapters.models import Adapter, AdapterRegistration
from adapters.registration import accept, receive_adapter, refuse
from generation.specs import AdapterSpec
from generation.worker import sentence_for

if TYPE_CHECKING:
    from generation.engine import EngineCache

log = structlog.get_logger(__name__)


def register_adapter(*, engines: EngineCache, **values: Any) -> Adapter:
    """Register an adapter in this process; `values` are those of `receive_adapter`, whose errors it raises too."""
    registration = receive_adapter(**values)
    try_on_base(registration, engines)
    if registration.adapter is None:
        raise AdapterFilesRefused(registration.error)
    return registration.adapter


def try_waiting(engines: EngineCache) -> None:
    """Try every adapter that waits; each ends registered or refused."""
    while registration := AdapterRegistration.objects.checking().select_related("base_model", "parent").first():
        try_on_base(registration, engines)


def try_on_base(registration: AdapterRegistration, engines: EngineCache) -> None:
    """End `registration`: registered if the adapter works, else refused with the reason. A lost database is raised."""
    if registration.attempts >= registration.MAX_ATTEMPTS:
        refuse(registration, "The worker died each time it loaded the adapter, most likely for lack of memory.")
        return
    AdapterRegistration.objects.filter(pk=registration.pk).update(attempts=F("attempts") + 1)
    try:
        spec = AdapterSpec(str(local_folder(registration)), registration.sha256)
        effect = engines.get(registration.base_model.spec()).adapter_effect(spec)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.warning("adapter_refused", registration_id=str(registration.pk), exc_info=True)
        refuse(registration, sentence_for(error, doing="trying the adapter on its base model"))
        return
    if accept(registration):
        log.info("adapter_registered", adapter_id=str(registration.pk), effect=effect)
