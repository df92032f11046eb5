"""Every address of the studio, and what is answered there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

from django.core.cache import cache as studio_cache
from django.urls import NoReverseMatch, URLPattern, get_resolver, reverse


def patterns(resolver: Any = None, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Each named address, as `reverse` knows it."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLPattern):
            if entry.name:
                yield f"{namespace}{entry.name}", entry
        else:
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from patterns(entry, inner)


def pages() -> list[str]:
    """Addresses of pages that take no argument."""
    found = set()
    for name, _ in patterns():
        with suppress(NoReverseMatch):
            found.add(reverse(name))
    return sorted(address for address in found if not address.startswith(("/admin/", "/api/")))


def app_of_address(name: str) -> str:
    """The app, or the package, whose view answers at the address of this name; empty for none, and in the admin."""
    view = _views().get(name)
    return getattr(view, "cls", view).__module__.partition(".")[0] if view and ":" not in name else ""


@cache
def _views() -> dict[str, Any]:
    return {name: entry.callback for name, entry in patterns()}


def answer_of(client: Any, url: str) -> tuple[int, str]:
    studio_cache.clear()  # the limit of requests
    answer = client.get(url)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return answer.status_code, f"{headers}\n{body.decode('latin-1')}"
