"""`manage.py check`: what would fail later, said before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

WAVESURFER = "wavesurfer.esm.js"


@register(Tags.files)
def bundled_model_is_here(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if (settings.BUNDLED_MODEL_DIR / "config.json").is_file():
        return []
    return [
        Error(
            f"The bundled model is missing from {settings.BUNDLED_MODEL_DIR}.",
            hint="Restore the folder from version control.",
            id="studio.E001",
        )
    ]


@register(Tags.staticfiles)
def front_end_packages_are_here(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    folders: dict[str, Path] = dict(entry for entry in settings.STATICFILES_DIRS if isinstance(entry, tuple))
    if (folders["vendor/wavesurfer"] / WAVESURFER).is_file():
        return []
    return [
        Warning(
            "The front-end packages are not installed; players will not draw.",
            hint="Run `make install`.",
            id="studio.W001",
        )
    ]


@register(Tags.security, deploy=True)
def scripts_are_told_where_audio_lives(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    sources = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["media-src"]
    if not settings.S3_BUCKET or len(sources) > 2:
        return []
    return [
        Warning(
            "Audio is on S3 but neither S3_PUBLIC_URL nor S3_ENDPOINT_URL is set; browsers will refuse to play it.",
            hint="Set S3_PUBLIC_URL to the address presigned links point to.",
            id="studio.W002",
        )
    ]
