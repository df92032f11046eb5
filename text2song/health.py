"""Is it alive, is it ready, and how is it doing: for load balancers, people and Prometheus."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import translation
from django.utils.translation import gettext
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, renderer_classes
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from text2song.outages import outage_behind
from text2song.workforce import crews

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the studio and whether it answers. Without one that is not `required` the studio still works."""

    name: str
    ok: bool
    detail: str
    required: bool = True


def check_database() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return Check("database", True, connection.vendor)


def check_storage() -> Check:
    """Write, read and remove a small file on the configured storage."""
    storage = storages["default"]
    name = storage.save(f"health/{uuid.uuid4()}", ContentFile(b"ok"))
    try:
        with storage.open(name) as file:
            ok = file.read() == b"ok"
    finally:
        storage.delete(name)
    return Check("storage", ok, "S3" if settings.S3_BUCKET else gettext("local files"))


def check_cache() -> Check:
    """Not required: without it nothing is limited and some pages take longer, nobody is refused."""
    try:
        cache.probe()  # type: ignore[attr-defined]  # of `ForgivingCache`
    except Exception as error:
        log.warning("cache_not_ready", error=repr(error))
        return Check("cache", False, f"keeps nothing, so limits per time do not hold. {_why(error)}", required=False)
    return Check("cache", True, "Redis" if settings.REDIS_URL else gettext("local file"), required=False)


def check_queue() -> Check:
    """Whether work gets done: workers of every cluster move, and none is idle beside work that waits."""
    problems = [crew.problem for crew in crews() if crew.problem]
    return Check("queue", not problems, "; ".join(problems) or gettext("all workers alive"))


KEEP_SECONDS = 10
"""How long the result of a check that writes is kept for `/readyz`, which anybody may ask as often as they like."""
PATIENCE_SECONDS = 5
WRITING = ("storage", "cache")


class Kept:
    """One part's last result in this process. Who asks while it is checked waits a little, then hears it is down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken_at = float("-inf")
        self._check: Check | None = None

    def result(self, name: str, part: Callable[[], Check]) -> Check:
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            return Check(name, False, gettext("does not answer in time"))
        try:
            if self._check is None or time.monotonic() - self._taken_at >= KEEP_SECONDS:
                self._check = _checked(name, part)
                self._taken_at = time.monotonic()
            return self._check
        finally:
            self._lock.release()


kept = {name: Kept() for name in WRITING}


def checks(*, fresh: bool = True) -> list[Check]:
    """Every part, each by itself: one that raises is reported as down and does not hide the others.

    Without `fresh`, parts whose check writes are told as they were up to `KEEP_SECONDS` ago.
    """
    parts: dict[str, Callable[[], Check]] = {
        "database": check_database,
        "storage": check_storage,
        "cache": check_cache,
        "queue": check_queue,
    }
    return [
        _checked(name, part) if fresh or name not in kept else kept[name].result(name, part)
        for name, part in parts.items()
    ]


def _checked(name: str, part: Callable[[], Check]) -> Check:
    try:
        return part()
    except Exception as error:
        log.exception("not_ready", part=name)
        return Check(name, False, _why(error))


def _why(error: Exception) -> str:
    outage = outage_behind(error)
    return outage.sentence if outage else "does not answer"


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process answers."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, storage and queue answer, 503 otherwise, each named.

    The cache is named too, with `required: false`: it is a convenience, and a studio without it is no reason to send
    people away. Anybody may ask as often as they like, so what a check writes is kept for some seconds.
    """
    with translation.override("en"):  # programs read this
        results = checks(fresh=False)
    ready = all(check.ok for check in results if check.required)
    return JsonResponse({"ready": ready, "checks": {c.name: _shown(c) for c in results}}, status=200 if ready else 503)


def _shown(check: Check) -> dict[str, Any]:
    shown = {"ok": check.ok, "detail": check.detail}
    return shown if check.required else shown | {"required": False}


class PrometheusRenderer(BaseRenderer):
    """Passes the text through that prometheus-client has written."""

    media_type = "text/plain"
    format = "prometheus"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return data if isinstance(data, bytes) else str(data).encode()


@extend_schema(exclude=True)
@api_view(["GET"])
@renderer_classes([PrometheusRenderer])
def metrics(request: Request) -> Response:
    """Figures for Prometheus, computed when asked; it signs in with an API key."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    from generation.models import AudioSample, GenerationJob

    registry = CollectorRegistry()
    statistics = GenerationJob.objects.undeleted().statistics()
    jobs = Gauge("studio_jobs", "Generation jobs by state", ["state"], registry=registry)
    for state, count in statistics["states"].items():
        jobs.labels(state=state).set(count)
    Gauge("studio_samples", "Audio samples", registry=registry).set(AudioSample.objects.visible().count())
    Gauge("studio_job_seconds_mean", "Mean seconds of the last 100 completed jobs", registry=registry).set(
        statistics["mean_seconds"] or 0
    )
    names = {
        "studio_workers_alive": ("Workers whose loop turns or whose work moves", "moving"),
        "studio_workers_busy": ("Those of them that are doing something", "at_work"),
        "studio_workers_hanging": ("Worker processes that do not move", "hanging"),
        "studio_work_waiting": ("Work that waits for a worker", "waiting"),
        "studio_work_waiting_seconds": ("How long the oldest has waited", "seconds_waiting"),
    }
    found = crews()
    for name, (explained, attribute) in names.items():
        gauge = Gauge(name, explained, ["cluster"], registry=registry)
        for crew in found:
            gauge.labels(cluster=crew.cluster).set(getattr(crew, attribute))
    return Response(generate_latest(registry))
