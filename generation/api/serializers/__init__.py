"""The shapes of generation in the API. They check form; `generation/services/` checks the rules."""

from generation.api.serializers.base_models import AddFolderSerializer, BaseModelSerializer, ModelFetchSerializer
from generation.api.serializers.collections import (
    CollectionChangeSerializer,
    CollectionDetailSerializer,
    CollectionMakeSerializer,
    CollectionSerializer,
    SampleIdsSerializer,
    ShareLinkSerializer,
    ShareSerializer,
)
from generation.api.serializers.encoders import AddEncoderSerializer, EncoderSerializer
from generation.api.serializers.favorites import FavoriteAddSerializer, FavoriteNoteSerializer, FavoriteSerializer
from generation.api.serializers.jobs import GenerateSerializer, JobSerializer, JobStatisticsSerializer
from generation.api.serializers.prompts import PromptDetailSerializer
from generation.api.serializers.samples import (
    AudioSampleSerializer,
    ExtendSerializer,
    SampleChangeSerializer,
    VarySerializer,
)

__all__ = [
    "AddEncoderSerializer",
    "AddFolderSerializer",
    "AudioSampleSerializer",
    "BaseModelSerializer",
    "CollectionChangeSerializer",
    "CollectionDetailSerializer",
    "CollectionMakeSerializer",
    "CollectionSerializer",
    "EncoderSerializer",
    "ExtendSerializer",
    "FavoriteAddSerializer",
    "FavoriteNoteSerializer",
    "FavoriteSerializer",
    "GenerateSerializer",
    "JobSerializer",
    "JobStatisticsSerializer",
    "ModelFetchSerializer",
    "PromptDetailSerializer",
    "SampleChangeSerializer",
    "SampleIdsSerializer",
    "ShareLinkSerializer",
    "ShareSerializer",
    "VarySerializer",
]
