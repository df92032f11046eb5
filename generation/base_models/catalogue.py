"""The base models the studio knows from the start, and keeping their rows up to date."""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings

from generation.base_models.architecture import Architecture
from generation.base_models.folder import BrokenModelFolder, content_revision, inspect_model_folder
from generation.models import BaseModel

log = structlog.get_logger(__name__)

_MUSICGEN: dict[str, Any] = {
    "source": BaseModel.Source.HUB,
    "licence": "CC-BY-NC 4.0",
    "sample_rate": 32_000,
    "frame_rate": 50.0,
    "max_duration": 30,
}
_MONO: dict[str, Any] = {"channels": 1, "codebooks": 4}
_STEREO: dict[str, Any] = {"channels": 2, "codebooks": 8}
_SMALL: dict[str, Any] = {"hidden_size": 1024, "layers": 24, "heads": 16, "feed_forward": 4096}
_MEDIUM: dict[str, Any] = {"hidden_size": 1536, "layers": 48, "heads": 24, "feed_forward": 6144}
_LARGE: dict[str, Any] = {"hidden_size": 2048, "layers": 48, "heads": 32, "feed_forward": 8192}

STUDIO_TINY = "studio-tiny"

HUB_MODELS: dict[str, dict[str, Any]] = {
    "musicgen-small": {
        **_MUSICGEN,
        **_MONO,
        "display_name": "MusicGen Small",
        "description": "Quick ideas on a small GPU; runs on a patient CPU.",
        "recommended_duration": 10,
        "memory_gb": 4,
        "quality": 20,
    },
    "musicgen-stereo-small": {
        **_MUSICGEN,
        **_STEREO,
        "display_name": "MusicGen Stereo Small",
        "description": "As Small, with a stereo image.",
        "recommended_duration": 10,
        "memory_gb": 5,
        "quality": 25,
    },
    "musicgen-medium": {
        **_MUSICGEN,
        **_MONO,
        "display_name": "MusicGen Medium",
        "description": "The best balance of quality and speed.",
        "recommended_duration": 15,
        "memory_gb": 8,
        "quality": 30,
    },
    "musicgen-stereo-medium": {
        **_MUSICGEN,
        **_STEREO,
        "display_name": "MusicGen Stereo Medium",
        "description": "As Medium, with a stereo image.",
        "recommended_duration": 15,
        "memory_gb": 10,
        "quality": 35,
    },
    "musicgen-large": {
        **_MUSICGEN,
        **_MONO,
        "display_name": "MusicGen Large",
        "description": "The highest quality, for a large GPU.",
        "recommended_duration": 10,
        "memory_gb": 16,
        "quality": 40,
    },
    "musicgen-stereo-large": {
        **_MUSICGEN,
        **_STEREO,
        "display_name": "MusicGen Stereo Large",
        "description": "As Large, with a stereo image.",
        "recommended_duration": 10,
        "memory_gb": 18,
        "quality": 45,
    },
}


ARCHITECTURES: dict[str, Architecture] = {
    "musicgen-small": Architecture(**_SMALL, **_MONO),
    "musicgen-stereo-small": Architecture(**_SMALL, **_STEREO),
    "musicgen-medium": Architecture(**_MEDIUM, **_MONO),
    "musicgen-stereo-medium": Architecture(**_MEDIUM, **_STEREO),
    "musicgen-large": Architecture(**_LARGE, **_MONO),
    "musicgen-stereo-large": Architecture(**_LARGE, **_STEREO),
}
"""The sizes of the hub models: what a folder is told by, whatever it is called."""


def known_model(architecture: Architecture | None) -> BaseModel | None:
    """The hub model whose sizes these are, if the catalogue has one. A fine-tuned one has the sizes of its origin."""
    key = next((key for key, known in ARCHITECTURES.items() if known == architecture), None)
    return BaseModel.objects.filter(key=key, source=BaseModel.Source.HUB).first()


def sync_catalogue() -> None:
    """Create the rows of known models, and read the bundled one's facts from its folder. Safe to run again.

    What an administrator changed on a hub model's row stays.
    """
    for key, facts in HUB_MODELS.items():
        BaseModel.objects.get_or_create(key=key, defaults={**facts, "location": f"facebook/{key}"})
    _sync_bundled()
    if not BaseModel.objects.filter(is_active=True).exists():
        BaseModel.objects.filter(key=STUDIO_TINY).update(is_active=True)


def _sync_bundled() -> None:
    folder = settings.BUNDLED_MODEL_DIR
    try:
        facts = inspect_model_folder(folder)
        revision = content_revision(folder)
    except BrokenModelFolder:
        log.exception("bundled_model_broken", folder=str(folder))
        return
    BaseModel.objects.update_or_create(
        key=STUDIO_TINY,
        defaults={
            "display_name": "studio-tiny",
            "source": BaseModel.Source.BUNDLED,
            "location": "",
            "description": "Bundled and always ready: small, quick, for learning and testing the whole loop.",
            "licence": "MIT",
            "sample_rate": facts.sample_rate,
            "channels": facts.channels,
            "codebooks": facts.codebooks,
            "frame_rate": facts.frame_rate,
            "max_duration": int(facts.max_duration),
            "recommended_duration": min(8, int(facts.max_duration)),
            "memory_gb": 0.5,
            "quality": 10,
            "revision": revision,
        },
    )
