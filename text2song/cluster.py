"""A cluster of django-q2 that comes back: what its processes do when one of them dies, stops or hangs.

The tree is flat: the main process guards, and starts a worker, a pusher and a monitor. They share queues whose locks a
killed process never gives back, so after a death by signal nothing of the tree is used again: the worker is asked to
give its work back, everything ends, and whoever started the main process (supervisor, a container engine) starts it
anew with fresh queues. Processes end when the one that started them is gone.

Messages only wake a worker. Its loop also looks at the rows themselves every few seconds, and puts back what dead
workers of any cluster have left, so that no lost message, broker or other cluster can keep work waiting.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable
from multiprocessing import Event, Value, get_context
from multiprocessing.process import BaseProcess
from queue import Empty
from typing import Any

import psutil
import structlog
from django import db
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone
from django_q.cluster import Sentinel
from django_q.conf import Conf
from django_q.scheduler import scheduler
from django_q.worker import worker

from text2song import work
from text2song.models import WorkerPresence
from text2song.workers import become_worker, forget_dead_workers, is_stopping, leave, tick

log = structlog.get_logger(__name__)

LOOK_SECONDS = 3.0
"""How often an idle worker looks at the rows."""
GUARD_SECONDS = 0.5
SCHEDULE_SECONDS = 30.0
STOPPED_SECONDS = 10.0
"""How long a process may be stopped (SIGSTOP, a debugger) before it counts as dead."""
HANG_SECONDS = 60.0
"""How long the loop of an idle worker may stand still before it counts as dead."""
START_SECONDS = 600.0
"""The same for a worker that starts: it imports torch, from a slow disk perhaps."""
GRACE_SECONDS = 25.0
"""What a worker has for giving its work back; it ends itself after `workers.STOP_SECONDS`."""
HELPER_SECONDS = 3.0
STARTING, BUSY = 0.0, -1.0
"""What the time of the last turn says instead, before the first one and while a task is done."""


class Taker:
    """The task queue as the worker's loop reads it: every turn is a sign of life, an idle one looks at the rows."""

    def __init__(self, queue: Any, turned: Any, cluster: str, parent: int) -> None:
        self._queue, self._turned, self._cluster, self._parent = queue, turned, cluster, parent
        self._looked_at = 0.0
        self._database_since = 0.0
        self._name = ""

    def get(self) -> Any:
        """The next task, by message or because a row waits; "STOP" when this process is asked to end."""
        self._name = self._name or become_worker(self._cluster, self._parent)
        tick("")
        while not is_stopping():
            tick()
            self._turned.value = time.monotonic()
            try:
                task = self._queue.get(timeout=GUARD_SECONDS)
            except Empty:
                task = self._look_if_due()
            if task is not None and task != "STOP":
                tick(task["name"])
                self._turned.value = BUSY
                return task
        leave(self._name)
        return "STOP"

    def _look_if_due(self) -> dict[str, Any] | None:
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return None
        self._looked_at = now
        try:
            db.close_old_connections()
            return self._look(now)
        except (DatabaseError, InterfaceError):
            log.warning("database_away", cluster=self._cluster, exc_info=True)
            self._database_since = time.monotonic()
            connection.close()
            return None

    def _look(self, now: float) -> dict[str, Any] | None:
        """Put back what was left behind; a task for what waits longest here, if anything does."""
        forget_dead_workers()
        # After an outage living workers have not been heard of either: give them time to say so.
        if not self._database_since or now - self._database_since > WorkerPresence.TIMEOUT.total_seconds():
            work.take_up_left_behind()
        work.release_leftovers(self._name)
        waiting = work.oldest_waiting(self._cluster)
        return None if waiting is None else _task(waiting)


def _task(waiting: work.Work) -> dict[str, Any]:
    """A task as the pusher would bring it."""
    return {
        "id": uuid.uuid4().hex,
        "name": f"{waiting.task.rpartition('.')[2]} {waiting.pk}"[:100],
        "func": waiting.task,
        "args": (str(waiting.pk),),
        "kwargs": {},
        "started": timezone.now(),
        "cluster": Conf.CLUSTER_NAME,
        "save": False,
    }


class Guard(Sentinel):
    """The main process of a cluster. `run` returns the exit status: 0 when it was asked to end, 1 after a death."""

    def __init__(self) -> None:
        super().__init__(Event(), Event(), uuid.uuid4(), start=False)
        self._asked_to_stop = False
        self._turned = Value("d", STARTING)
        self._spawned_at = 0.0
        self._stopped_since: dict[int, float] = {}
        self._supervisor = os.getppid() if "SUPERVISOR_ENABLED" in os.environ else None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop_when_convenient)

    def run(self) -> int:
        """Guard the processes until this one is asked to end, or one of them dies."""
        self.spawn_cluster()
        scheduled_at = time.monotonic()
        fault = ""
        while not (self._asked_to_stop or self._is_orphan() or fault):
            fault = self._look_after_processes()
            if Conf.SCHEDULER and time.monotonic() - scheduled_at >= SCHEDULE_SECONDS:
                scheduled_at = time.monotonic()
                scheduler(broker=self.broker)
            time.sleep(GUARD_SECONDS)
        if fault:
            log.error("cluster_ends", cluster=Conf.CLUSTER_NAME, reason=fault)
        self.stop()
        return 1 if fault else 0

    def _stop_when_convenient(self, *signal_and_frame: object) -> None:
        self._asked_to_stop = True

    def _is_orphan(self) -> bool:
        return self._supervisor is not None and os.getppid() != self._supervisor

    # -- starting ----------------------------------------------------------------------------------------------------

    def spawn_cluster(self) -> None:
        self.pool: list[Any] = []
        db.connections.close_all()
        self.spawn_worker()
        self.monitor = self.spawn_monitor()
        self.pusher = self.spawn_pusher()

    def spawn_worker(self) -> None:
        self._turned.value, self._spawned_at = STARTING, time.monotonic()
        taker = Taker(self.task_queue, self._turned, Conf.CLUSTER_NAME, os.getpid())
        self.pool.append(self.spawn_process(worker, taker, self.result_queue, Value("f", -1), self.timeout))

    def spawn_process(self, target: Callable[..., Any], *args: Any) -> BaseProcess:
        process = get_context("fork").Process(target=_child, args=(os.getpid(), target, *args), name=target.__name__)
        process.start()
        return process

    # -- guarding ----------------------------------------------------------------------------------------------------

    def _look_after_processes(self) -> str:
        """Start again what has ended by itself; what makes the tree unusable, in words."""
        for process in self._processes():
            if process.is_alive() and (hang := self._hang(process)):
                process.kill()
                return f"the {process.name} {hang}"
            if not process.is_alive() and (process.exitcode or 0) < 0:
                return f"the {process.name} was killed by signal {-(process.exitcode or 0)}"
            if not process.is_alive():
                self._respawn(process)
        return ""

    def _processes(self) -> list[BaseProcess]:
        return [process for process in (*self.pool, self.monitor, self.pusher) if process is not None]

    def _respawn(self, process: BaseProcess) -> None:
        """It ended without a signal, so it holds no lock: asked to, or after an error that it has logged."""
        log.warning("process_ended", cluster=Conf.CLUSTER_NAME, process=process.name, exit_status=process.exitcode)
        db.connections.close_all()
        if process is self.monitor:
            self.monitor = self.spawn_monitor()
        elif process is self.pusher:
            self.pusher = self.spawn_pusher()
        else:
            self.pool.remove(process)
            self.spawn_worker()

    def _hang(self, process: BaseProcess) -> str:
        """Why a living process counts as dead; empty when it does not."""
        now = time.monotonic()
        try:
            stopped = psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return ""
        if not stopped:
            self._stopped_since.pop(process.pid or 0, None)
        elif now - self._stopped_since.setdefault(process.pid or 0, now) > STOPPED_SECONDS:
            return "is stopped"
        return self._loop_hang(now) if process in self.pool else ""

    def _loop_hang(self, now: float) -> str:
        turned = self._turned.value
        if turned == STARTING and now - self._spawned_at > START_SECONDS:
            return "does not start"
        return "does not take work" if turned > 0 and now - turned > HANG_SECONDS else ""

    # -- ending ------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the processes: the worker gives its work back first, results are stored; then nothing is left."""
        self.event_out.set()
        for process in self.pool:
            process.terminate()
        _wait(self.pool, GRACE_SECONDS)
        self.result_queue.put("STOP")
        helpers = [process for process in (self.monitor, self.pusher) if process is not None]
        _wait(helpers, HELPER_SECONDS)
        for process in self._processes():
            process.kill()
        _wait(self._processes(), HELPER_SECONDS)


def _wait(processes: list[BaseProcess], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))


def _child(parent: int, target: Callable[..., Any], *args: Any) -> None:
    """What every process of the tree begins with; the worker watches its parent from its first turn on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if target is not worker:
        threading.Thread(target=_end_helper_with, args=(parent,), daemon=True, name="lifeline").start()
    target(*args)


def _end_helper_with(parent: int) -> None:
    """Pusher and monitor hold nothing that is lost with them."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)
