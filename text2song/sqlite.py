"""Searching on SQLite, whose own LIKE knows only the capitals of ASCII."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver


@receiver(connection_created)
def _search_in_every_script(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Put `like` in the place of the connection's LIKE, so that searches find what PostgreSQL finds."""
    if connection.vendor == "sqlite":
        for arguments in (2, 3):
            connection.connection.create_function("like", arguments, like, deterministic=True)


def like(pattern: Any, value: Any, escape: str = "") -> bool | None:
    """SQL's `value LIKE pattern ESCAPE escape`, without regard to case in any script.

    >>> like("%жираф%", "Жираф"), like("a_c", "ABC"), like("100\\\\%", "100%", "\\\\"), like("%", None)
    (True, True, True, None)
    """
    if pattern is None or value is None:
        return None
    return _matcher(str(pattern), escape)(str(value).casefold()) is not None


@lru_cache(maxsize=256)
def _matcher(pattern: str, escape: str) -> Any:
    wildcards = {"%": ".*", "_": "."}
    signs = iter(pattern.casefold())
    parts = [re.escape(next(signs, "")) if sign == escape else wildcards.get(sign, re.escape(sign)) for sign in signs]
    return re.compile("".join(parts), re.DOTALL).fullmatch
