"""What is examined, in the order in which it is told: first what the rest needs."""

from __future__ import annotations

from functools import partial

from django.conf import settings

from text2song.doctor import configuration, database, machine, model_files, store, work
from text2song.doctor.examination import SECONDS, Examination
from text2song.doctor.finding import warning

DEEP_SECONDS = 24 * 3600.0
GPU_SECONDS = 120.0
TABLES = ("database", "migrations")


def examinations(*, deep: bool) -> list[Examination]:
    """Everything. `deep` reads files in full, and gives what has much to look at the time for it."""
    seconds = DEEP_SECONDS if deep else SECONDS
    overdue = warning(f"There is more than can be looked at in {SECONDS:.0f} seconds.", "`--deep` takes the time.")
    broker = () if settings.REDIS_URL else TABLES
    gpu = partial(machine.gpu, seconds=GPU_SECONDS) if deep else machine.gpu
    return [
        Examination("database", database.reachable),
        Examination("migrations", database.migrations, ("database",)),
        Examination("writing", database.writable, TABLES),
        Examination("store", store.usable),
        Examination("cache", work.cache_works),
        Examination("queue", work.broker, broker),
        Examination("messages", work.messages, ("queue", *TABLES)),
        Examination("workers", work.workers, TABLES),
        Examination("schedule", work.schedule, TABLES),
        Examination("unfinished work", work.unfinished, TABLES),
        Examination("models", partial(model_files.model_files, deep=deep), TABLES, seconds, overdue),
        Examination("adapters", partial(store.adapters, deep=deep), (*TABLES, "store"), seconds, overdue),
        Examination("orphaned files", store.orphans, (*TABLES, "store"), seconds, overdue),
        Examination("GPU", gpu, seconds=GPU_SECONDS + SECONDS if deep else SECONDS),
        Examination("versions", machine.versions),
        Examination("disk", machine.disk),
        Examination("memory", machine.memory),
        Examination("clocks", database.clock, TABLES),
        Examination("store's clock", store.clock),
        Examination("settings", configuration.configuration),
    ]
