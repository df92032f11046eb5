"""The cache is a convenience: where it is away it keeps nothing, and nobody is refused for that.

Counting has to be right over threads, processes and machines, so both back ends count atomically: an SQLite file in the
data folder (`diskcache`), or Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partialmethod
from typing import Any

import structlog
from diskcache import Cache, DjangoCache
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.utils.module_loading import import_string

log = structlog.get_logger(__name__)

REST_SECONDS = 5
"""After a failure the cache is left alone for so long: to wait for it at every request would be another outage."""
LOCK_SECONDS = 5
MOST_BYTES = 64 * 1024 * 1024


class DiskCache(DjangoCache):
    """`diskcache` in one file. It waits `LOCK_SECONDS` for another writer, then raises `diskcache.Timeout`.

    Its own default is to try for ever, which on a disk that takes no writes is a hang.
    """

    def __init__(self, directory: str, params: dict[str, Any]) -> None:
        BaseCache.__init__(self, params)
        self._cache = Cache(directory, timeout=LOCK_SECONDS, size_limit=MOST_BYTES)

    add = partialmethod(DjangoCache.add, retry=False)
    set = partialmethod(DjangoCache.set, retry=False)
    touch = partialmethod(DjangoCache.touch, retry=False)
    delete = partialmethod(DjangoCache.delete, retry=False)
    incr = partialmethod(DjangoCache.incr, retry=False)

    def close(self, **kwargs: Any) -> None:
        """Called after every request; opening the file again would cost more than all the counting."""


class ForgivingCache(BaseCache):
    """The cache named by `OPTIONS["backend"]`; while it is away, one that is always empty and keeps nothing.

    `incr` then raises `ValueError`, as for any key that is not there. What went wrong is in the log, once for every
    `REST_SECONDS`.
    """

    def __init__(self, location: str, params: Mapping[str, Any]) -> None:
        super().__init__({**params})
        options = {**params.get("OPTIONS", {})}
        self._class: Callable[..., BaseCache] = import_string(options.pop("backend"))
        self._arguments = (location, {**params, "OPTIONS": options})
        self._backend: BaseCache | None = None
        self._rests_until = 0.0

    def probe(self) -> None:
        """Write and read a value now. Raises what the back end raises."""
        backend = self._class(*self._arguments)
        backend.set("probe", 1, timeout=60)
        if backend.get("probe") != 1:
            raise OSError("The cache does not keep what it is given.")

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self._tried("add", key, value, timeout, version, otherwise=False)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._tried("get", key, default, version, otherwise=default)

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._tried("set", key, value, timeout, version, otherwise=None)

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self._tried("touch", key, timeout, version, otherwise=False)

    def delete(self, key: str, version: int | None = None) -> bool:
        return self._tried("delete", key, version, otherwise=False)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        counted = self._tried("incr", key, delta, version, otherwise=None)
        if counted is None:
            raise ValueError(f"Key '{key}' not found")
        return counted

    def clear(self) -> None:
        self._tried("clear", otherwise=None)

    def _tried(self, operation: str, *arguments: Any, otherwise: Any) -> Any:
        if time.monotonic() < self._rests_until:
            return otherwise
        try:
            self._backend = self._backend or self._class(*self._arguments)
            return getattr(self._backend, operation)(*arguments)
        except ValueError:  # a key that is not there, or one that no cache can take
            raise
        except Exception:
            log.exception("cache_unavailable", operation=operation, rests_seconds=REST_SECONDS)
            self._backend = None  # a connection that failed half way may not be usable again
            self._rests_until = time.monotonic() + REST_SECONDS
            return otherwise
