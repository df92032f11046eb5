"""Worker processes: who they are, that they live, and what happens when they start.

A worker's presence row is refreshed by a thread of its own, so it stays fresh while a model loads or a batch decodes,
and goes stale when the process dies. Apps register what to do at a worker's start with `on_worker_start`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from functools import cache

import psutil
import structlog
from django.db import DatabaseError, close_old_connections, connection
from django.dispatch import receiver
from django.utils import timezone
from django_q.conf import Conf
from django_q.signals import post_spawn

from text2song.models import WorkerPresence

log = structlog.get_logger(__name__)

BEAT_SECONDS = 5.0
_start_hooks: list[Callable[[], None]] = []


def on_worker_start(hook: Callable[[], None]) -> Callable[[], None]:
    """Run `hook` in every worker process when it starts (decorator)."""
    _start_hooks.append(hook)
    return hook


def worker_name() -> str:
    """`host:pid:start-time` of this process."""
    return _name_of(os.getpid())


@cache
def _name_of(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{int(psutil.Process(pid).create_time())}"


def is_dead(name: str) -> bool:
    """Whether the worker called `name` ran on this host and is gone. A worker of another host is never known dead."""
    host, _, rest = name.rpartition(":")[0].rpartition(":")
    pid, started = int(rest), int(name.rpartition(":")[2])
    if host != socket.gethostname():
        return False
    try:
        process = psutil.Process(pid)
        return int(process.create_time()) != started or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def forget_dead_workers() -> None:
    """Remove the presence of workers that died on this host, and of any not heard of for an hour."""
    dead = [name for name in WorkerPresence.objects.values_list("name", flat=True) if is_dead(name)]
    WorkerPresence.objects.filter(name__in=dead).delete()
    WorkerPresence.objects.filter(seen_at__lt=timezone.now() - 120 * WorkerPresence.TIMEOUT).delete()


@contextlib.contextmanager
def presence(cluster: str) -> Iterator[str]:
    """Be a living worker of `cluster` for the duration of the block; yields the worker's name."""
    stop = threading.Event()
    name = worker_name()
    _beat(name, cluster)
    thread = threading.Thread(target=_beat_until, args=(stop, name, cluster), daemon=True, name="presence")
    thread.start()
    try:
        yield name
    finally:
        stop.set()
        thread.join(timeout=BEAT_SECONDS)
        with contextlib.suppress(DatabaseError):
            WorkerPresence.objects.filter(name=name).delete()


def _beat(name: str, cluster: str) -> None:
    WorkerPresence.objects.update_or_create(name=name, defaults={"cluster": cluster, "seen_at": timezone.now()})


def _beat_until(stop: threading.Event, name: str, cluster: str) -> None:
    try:
        while not stop.wait(BEAT_SECONDS):
            try:
                close_old_connections()
                _beat(name, cluster)
            except DatabaseError:
                log.warning("worker_beat_failed", worker=name, exc_info=True)
    finally:
        connection.close()


@receiver(post_spawn, dispatch_uid="worker-start")
def _start_worker(**kwargs: object) -> None:
    """Announce a new queue worker for as long as its process lives, then run the apps' hooks."""
    name, cluster = worker_name(), Conf.CLUSTER_NAME
    _beat(name, cluster)
    threading.Thread(target=_beat_until, args=(threading.Event(), name, cluster), daemon=True, name="presence").start()
    for hook in _start_hooks:
        try:
            hook()
        except Exception:
            log.exception("worker_start_hook_failed", hook=hook.__qualname__)
