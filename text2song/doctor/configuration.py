"""Settings that bite in production: Django's own checks, and those only this studio can make."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core import checks

from text2song.doctor.finding import Finding, Level, ok, warning, wrong

TAGS = [checks.Tags.security, checks.Tags.files, checks.Tags.staticfiles, checks.Tags.caches]
LOCAL = {"localhost", "127.0.0.1", "[::1]"}
OF_TRANSPORT = {f"security.{number}" for number in ("W004", "W005", "W008", "W012", "W016", "W021")}
"""Django's warnings that come down to: pages are served without HTTPS."""
OF_DEBUG = "security.W018"


def configuration() -> Iterator[Finding]:
    """What is reached only from this machine needs no HTTPS; all else is held to what production needs."""
    findings = [*_of_django(), *_of_the_studio()]
    yield from findings
    if not findings:
        reach = "from other machines" if _is_exposed() else "from this machine only"
        yield ok(f"Settings are sound for pages that are reached {reach}.")


def _of_django() -> Iterator[Finding]:
    for message in checks.run_checks(tags=TAGS, include_deployment_checks=True):
        if message.id in OF_TRANSPORT or message.id == OF_DEBUG:
            continue
        level = Level.WRONG if message.level >= checks.ERROR else Level.WARNING
        found, _, explained = message.msg.partition(". ")
        mend = message.hint or explained or "Django's documentation of the setting has more."
        yield Finding(level, f"{found.rstrip('.')}.", mend)


def _of_the_studio() -> Iterator[Finding]:
    exposed, https = _is_exposed(), settings.SECURE_SSL_REDIRECT
    behind_proxy = settings.SECURE_PROXY_SSL_HEADER is not None
    if settings.DEBUG:
        say = wrong if exposed else warning
        yield say("DEBUG is on: errors show settings and code to whoever meets them.", "Set DEBUG=false.")
    if exposed and not https:
        yield warning(
            "Pages are reached from other machines without HTTPS: passwords can be read on their way.",
            "Put a TLS proxy in front and set HTTPS=true and BEHIND_PROXY=true.",
        )
    if https and not behind_proxy:
        yield warning(
            "HTTPS is on but no proxy is trusted: behind one, every page redirects to itself for ever.",
            "Set BEHIND_PROXY=true if a proxy speaks HTTPS for the studio.",
        )
    if behind_proxy and not exposed:
        yield warning("A proxy is trusted, but only local names are answered.", "Set ALLOWED_HOSTS to the site's name.")
    if "*" in settings.ALLOWED_HOSTS:
        yield warning("Requests for any host name are answered.", "Set ALLOWED_HOSTS to the site's name.")
    if _key_is_this_machines() and _is_shared():
        yield warning(
            "SECRET_KEY was generated on this machine, though database or store are shared with others.",
            "Set SECRET_KEY to the same value on all machines; sign-ins and tasks of one are refused by the other.",
        )


def _is_exposed() -> bool:
    return bool(set(settings.ALLOWED_HOSTS) - LOCAL)


def _is_shared() -> bool:
    return bool(settings.S3_BUCKET or settings.REDIS_URL) or not settings.DATABASES["default"]["ENGINE"].endswith(
        "sqlite3"
    )


def _key_is_this_machines() -> bool:
    file = settings.DATA_DIR / "secret_key"
    return file.is_file() and file.read_text(encoding="ascii") == settings.SECRET_KEY
