"""The one way work is sent to the queue: a function's dotted path and a primary key.

The row the key names is the truth; the message only wakes a worker. With the database as broker the message commits
with the row; with Redis it is sent after the commit.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import transaction
from django_q.brokers.redis_broker import Redis
from django_q.tasks import async_task
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = structlog.get_logger(__name__)

Cluster = Literal["default", "generation", "training"]


def enqueue(task: str, pk: UUID, *, cluster: Cluster) -> None:
    """Wake a worker of `cluster` to run `task` (a dotted path) on the row `pk`.

    A broker that cannot be reached is logged, not raised: workers look at the rows themselves every few seconds.
    """
    if settings.REDIS_URL:
        transaction.on_commit(lambda: _send_to_redis(task, pk, cluster))
    else:
        _send(task, pk, cluster)


def _send(task: str, pk: UUID, cluster: Cluster) -> None:
    async_task(task, str(pk), q_options={"cluster": cluster, "task_name": f"{task.rpartition('.')[2]} {pk}"[:100]})


def _send_to_redis(task: str, pk: UUID, cluster: Cluster) -> None:
    try:
        _send(task, pk, cluster)
    except RedisError:
        log.exception("wake_up_not_sent", task=task, pk=str(pk))


class RedisBroker(Redis):
    """The library's, but one that is away costs whoever sends a message a few seconds, not for ever."""

    @staticmethod
    def get_connection(list_key: str | None = None) -> redis.Redis:
        return redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=3, retry=Retry(NoBackoff(), 1)
        )
