"""This process as a worker: its name, that it lives and moves, and that it was asked to end.

A worker's presence row has two times. `seen_at` is beaten by a thread of its own: the process lives, so what it has
claimed stays claimed while a model loads. `turned_at` moves only with the loop that takes work (`text2song/cluster.py`)
or with the work itself: a worker whose loop hangs is not alive to anybody who asks whether work gets done.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache

import psutil
import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.utils import timezone

from text2song.models import WorkerPresence

log = structlog.get_logger(__name__)

BEAT_SECONDS = 5.0
LOOK_SECONDS = 1.0
"""How often the side thread looks whether the parent is there."""
STOP_SECONDS = 20.0
"""What a worker has for giving its work back once it is asked to end; then it ends itself."""

_start_hooks: list[Callable[[str], None]] = []


def on_worker_start(hook: Callable[[str], None]) -> Callable[[str], None]:
    """Run `hook(cluster)` in every worker process when it starts (decorator)."""
    _start_hooks.append(hook)
    return hook


# -- names -----------------------------------------------------------------------------------------------------------


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


# -- asked to end ------------------------------------------------------------------------------------------------------

_stopping = threading.Event()


def ask_to_stop(*signal_and_frame: object) -> None:
    """From now on this process gives its work back and takes no more. Also a signal handler."""
    _stopping.set()


def is_stopping() -> bool:
    """Whether this process was asked to end: long work looks every now and then, and is handed back."""
    return _stopping.is_set()


# -- alive and moving --------------------------------------------------------------------------------------------------


class _Moves:
    """When the loop of this process turned last, and what it is doing; read by the thread that writes the presence."""

    def __init__(self) -> None:
        self.at = time.monotonic()
        self.doing = ""


_moves = _Moves()
_is_worker = threading.Event()


def is_worker() -> bool:
    """Whether this process does queued work, as a worker of a cluster or as a command with a presence."""
    return _is_worker.is_set()


def tick(doing: str | None = None) -> None:
    """Note that this process moves, and with `doing` what it does from now on; empty when it waits for work."""
    _moves.at = time.monotonic()
    if doing is not None:
        _moves.doing = doing


@contextlib.contextmanager
def presence(cluster: str) -> Iterator[str]:
    """Be a living worker of `cluster` for the duration of the block; yields the worker's name."""
    stop = threading.Event()
    name = worker_name()
    _is_worker.set()
    tick("")
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
    now = timezone.now()
    turned_at = now - timedelta(seconds=time.monotonic() - _moves.at)
    values = {"cluster": cluster, "seen_at": now, "turned_at": turned_at, "doing": _moves.doing[:100]}
    WorkerPresence.objects.update_or_create(name=name, defaults=values)


def _beat_until(stop: threading.Event, name: str, cluster: str) -> None:
    try:
        while not stop.wait(BEAT_SECONDS):
            _try_to_beat(name, cluster)
    finally:
        connection.close()


def _try_to_beat(name: str, cluster: str) -> None:
    try:
        close_old_connections()
        _beat(name, cluster)
    except (DatabaseError, InterfaceError):
        log.warning("worker_beat_failed", worker=name, exc_info=True)
        connection.close()


def become_worker(cluster: str, parent: int) -> str:
    """Make this process, started by `parent`, a worker of `cluster` for as long as it lives; returns its name.

    SIGTERM asks it to end, and so does the end of `parent`. It counts as a worker once it is ready to work.
    """
    _is_worker.set()
    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with, args=(parent,), daemon=True, name="lifeline").start()
    for hook in _start_hooks:
        try:
            hook(cluster)
        except Exception:
            log.exception("worker_start_hook_failed", hook=hook.__qualname__)
    name = worker_name()
    tick("")
    _try_to_beat(name, cluster)
    arguments = (threading.Event(), name, cluster)
    threading.Thread(target=_beat_until, args=arguments, daemon=True, name="presence").start()
    return name


def end_with(parent: int) -> None:
    """Ask this process to end when the process that started it is gone; end it when it does not within its time."""
    while not is_stopping():
        if os.getppid() != parent:
            ask_to_stop()
        time.sleep(LOOK_SECONDS)
    time.sleep(STOP_SECONDS)
    os._exit(1)


def leave(name: str) -> None:
    """Take back the presence of a worker that ends."""
    with contextlib.suppress(DatabaseError, InterfaceError):
        WorkerPresence.objects.filter(name=name).delete()
