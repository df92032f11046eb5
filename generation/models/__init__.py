"""Base models, jobs, audio samples and favourites."""

from generation.models.base_models import BaseModel, ModelFetch
from generation.models.favorites import Favorite
from generation.models.features import ClipFeatures, ClipScore
from generation.models.jobs import GenerationDefaults, GenerationJob, SamplingSettings
from generation.models.samples import AudioSample

__all__ = [
    "AudioSample",
    "BaseModel",
    "ClipFeatures",
    "ClipScore",
    "Favorite",
    "GenerationDefaults",
    "GenerationJob",
    "ModelFetch",
    "SamplingSettings",
]
