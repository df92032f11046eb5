"""Base models, encoders, jobs, audio samples and favourites."""

from generation.models.base_models import BaseModel, ModelFetch
from generation.models.encoders import Encoder
from generation.models.favorites import Favorite
from generation.models.features import ClipFeatures, ClipScore, HearingFailure
from generation.models.jobs import GenerationDefaults, GenerationJob, SamplingSettings
from generation.models.samples import AudioSample

__all__ = [
    "AudioSample",
    "BaseModel",
    "ClipFeatures",
    "ClipScore",
    "Encoder",
    "Favorite",
    "GenerationDefaults",
    "GenerationJob",
    "HearingFailure",
    "ModelFetch",
    "SamplingSettings",
]
