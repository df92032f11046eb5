"""LoRA adapters, and adapters on their way into the registry."""

from adapters.models.adapters import (
    ARCHIVE_FILE,
    CONFIG_FILE,
    KEPT_FILES,
    README_FILE,
    SENT_FILES,
    WEIGHTS_FILE,
    Adapter,
    AdapterFiles,
    AdapterRegistration,
    DefaultChange,
)
from adapters.models.tastes import Taste

__all__ = [
    "ARCHIVE_FILE",
    "CONFIG_FILE",
    "KEPT_FILES",
    "README_FILE",
    "SENT_FILES",
    "WEIGHTS_FILE",
    "Adapter",
    "AdapterFiles",
    "AdapterRegistration",
    "DefaultChange",
    "Taste",
]
