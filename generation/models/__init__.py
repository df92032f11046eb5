"""Base models, encoders, jobs, audio samples and favourites."""

from generation.models.base_models import BaseModel, ModelFetch
from generation.models.collections import Collection, CollectionItem
from generation.models.deletions import Deletion
from generation.models.encoders import Encoder
from generation.models.favorites import Favorite
from generation.models.features import ClipFeatures, ClipScore, HearingFailure
from generation.models.jobs import GenerationDefaults, GenerationJob, SamplingSettings
from generation.models.samples import AudioSample
from generation.models.shares import ShareLink

__all__ = [
    "AudioSample",
    "BaseModel",
    "ClipFeatures",
    "ClipScore",
    "Collection",
    "CollectionItem",
    "Deletion",
    "Encoder",
    "Favorite",
    "GenerationDefaults",
    "GenerationJob",
    "HearingFailure",
    "ModelFetch",
    "SamplingSettings",
    "ShareLink",
]
