"""Whether work gets done: the broker and its messages, workers, the schedule, and work that nobody does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule
from redis.exceptions import RedisError

from text2song.doctor.finding import Finding, in_words, ok, warning, wrong
from text2song.management.commands.setup import SCHEDULES
from text2song.work import kinds
from text2song.workforce import CLUSTERS, Crew, crew, crews

OVERDUE = timedelta(minutes=5)
"""The schedule is looked at every half minute, as long as a queue worker runs."""
DRAIN_SECONDS = 2.0
"""An idle worker takes a message within one."""
START_REDIS = "Check REDIS_URL, and that Redis runs and can be reached from here."


def cache_works() -> Iterator[Finding]:
    """A value is kept and given back. Pages and API go on without it; it counts what limits per time are made of."""
    where = "Redis" if settings.REDIS_URL else "The cache folder"
    mend = START_REDIS if settings.REDIS_URL else f"See that {settings.DATA_DIR / 'cache'} can be written."
    try:
        cache.probe()  # type: ignore[attr-defined]  # of `ForgivingCache`
    except Exception as error:
        yield wrong(f"{where} does not keep what it is given: {in_words(error)}.", mend)
        return
    yield ok(f"{where} keeps what it is given.")


def broker() -> Iterator[Finding]:
    """It can be reached; how many messages it holds."""
    try:
        brokers = {cluster: get_broker(cluster) for cluster in CLUSTERS}
        sizes = {cluster: found.queue_size() for cluster, found in brokers.items() if found.ping()}
        info = brokers["default"].info()
    except RedisError as error:
        yield wrong(f"Redis, which carries wake-ups, does not answer: {in_words(error)}.", START_REDIS)
        return
    waiting = ", ".join(f"{size} for {cluster}" for cluster, size in sizes.items() if size)
    yield ok(f"{info} answers; messages: {waiting or 'none wait'}.")


def messages() -> Iterator[Finding]:
    """None lies beside an idle worker, and none is for a cluster that does not exist. Messages hold no work."""
    before = {cluster: _lying(cluster) for cluster in CLUSTERS}
    idle = [cluster for cluster, size in before.items() if size and _is_idle(crew(cluster))]
    if idle:
        time.sleep(DRAIN_SECONDS)
    untouched = [cluster for cluster in idle if _lying(cluster) >= before[cluster] and _is_idle(crew(cluster))]
    for cluster in untouched:
        yield warning(
            f"{before[cluster]} messages lie beside an idle {cluster} worker, which does not fetch them.",
            "Restart that worker; the work itself is done without messages too, some seconds later.",
        )
    strange = 0 if settings.REDIS_URL else OrmQ.objects.exclude(key__in=CLUSTERS).count()
    if strange:
        yield warning(
            f"{strange} messages are for clusters that do not exist.", "Delete them under Admin, Queued tasks."
        )
    if not (untouched or strange):
        yield ok("None lies around.")


def _lying(cluster: str) -> int:
    return get_broker(cluster).queue_size()


def _is_idle(found: Crew) -> bool:
    return found.moving > found.at_work


def workers() -> Iterator[Finding]:
    """Each cluster has workers that move, and none is idle beside work that waits."""
    for found in crews():
        if found.problem:
            waits = f"; {found.waiting} wait" if found.waiting else ""
            yield wrong(f"In the cluster {found.cluster}, {found.problem}{waits}.", _mend(found))
        else:
            busy = f"{found.at_work} of {found.moving} busy"
            yield ok(f"{found.cluster}: {busy}, {found.waiting or 'nothing'} waiting.")


def _mend(found: Crew) -> str:
    if not found.moving and not found.hanging:
        return f"Start it: `Q_CLUSTER_NAME={found.cluster} python manage.py qcluster`, or `make run` for all."
    return "Its log tells what it is at; restart it if it is not started anew by itself within two minutes."


def schedule() -> Iterator[Finding]:
    """What goes on by itself is there as `setup` makes it, and is not overdue."""
    rows = {row.name: row for row in Schedule.objects.all()}
    missing = [name for name, values in SCHEDULES.items() if not _as_made(rows.get(name), values)]
    if missing:
        yield wrong(f"Not as it should be in the schedule: {', '.join(missing)}.", "Run `manage.py setup`.")
    now = timezone.now()
    late = [row for name, row in rows.items() if name in SCHEDULES and (row.next_run or now) < now - OVERDUE]
    for row in late:
        minutes = (now - row.next_run).total_seconds() / 60
        yield wrong(
            f"{row.name} is {minutes:.0f} minutes overdue.",
            "Start the queue worker, which runs the schedule: `Q_CLUSTER_NAME=default python manage.py qcluster`.",
        )
    for row in rows.values():
        if row.success() is False:
            yield warning(f"{row.name} failed when it ran last.", "Admin, Failed tasks, has the error.")
    if not (missing or late):
        yield ok(f"All {len(SCHEDULES)} entries are there and on time.")


def _as_made(row: Schedule | None, values: dict[str, object]) -> bool:
    """Repeats count down to 0, which is the end; -1 is for ever."""
    return row is not None and row.repeats != 0 and all(getattr(row, name) == value for name, value in values.items())


def unfinished() -> Iterator[Finding]:
    """No work is marked as a worker's that is gone."""
    left, running = 0, 0
    for kind in kinds():
        left += kind.objects.left_behind().count()
        running += kind.objects.filter(Q(state=kind.WORKING)).count()
    if left:
        yield warning(
            f"{left} pieces of work are marked as done by workers that are gone.",
            "Any worker that runs puts them back within a minute; start one, or see its log.",
        )
    else:
        yield ok(f"{running or 'Nothing'} in work, nothing left behind.")
