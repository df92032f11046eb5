"""The library's `qcluster`, but one that also ends when its whole process group is terminated, by honcho or systemd."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

from django_q.cluster import Cluster
from django_q.management.commands import qcluster

SENTINEL_ENDS_WITHIN = 1.0
"""Seconds."""


class Command(qcluster.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if options["cluster_name"]:
            os.environ["Q_CLUSTER_NAME"] = options["cluster_name"]
        cluster = StudioCluster()
        cluster.start()
        if options["run_once"]:
            cluster.stop()


class StudioCluster(Cluster):
    def sig_handler(self, signum: int, frame: FrameType | None) -> None:
        """Stop; at once where the same signal has ended the sentinel, for wherever this process waits for it, it would
        wait for ever.
        """
        if signum == signal.SIGTERM and self.sentinel:
            self.sentinel.join(SENTINEL_ENDS_WITHIN)
            if not self.sentinel.is_alive():
                os._exit(0)
        super().sig_handler(signum, frame)
