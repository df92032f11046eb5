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
        """Stop, unless the same signal has ended the sentinel: to tell it then would wait for it for ever."""
        if signum == signal.SIGTERM and self.sentinel:
            self.sentinel.join(SENTINEL_ENDS_WITHIN)
        super().sig_handler(signum, frame)
