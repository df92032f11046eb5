"""Datasets: immutable snapshots of what people judged, made for training."""

from datasets_app.models.datasets import (
    MAX_SEED,
    NAME_LENGTH,
    NAME_MESSAGE,
    Clip,
    Dataset,
    DatasetItem,
    DatasetPart,
    Export,
    codes_path,
    export_path,
)

__all__ = [
    "MAX_SEED",
    "NAME_LENGTH",
    "NAME_MESSAGE",
    "Clip",
    "Dataset",
    "DatasetItem",
    "DatasetPart",
    "Export",
    "codes_path",
    "export_path",
]
