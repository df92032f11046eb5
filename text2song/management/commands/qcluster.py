"""The library's `qcluster`, with a tree of processes that comes back whatever is killed (`text2song/cluster.py`)."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand

from text2song.cluster import Guard


class Command(BaseCommand):
    help = "Run the workers of one cluster. Q_CLUSTER_NAME says which: default, generation or training."

    def handle(self, *args: Any, **options: Any) -> None:
        # Not by a normal exit: it would wait for queues whose locks a killed process has taken with it.
        os._exit(Guard().run())
