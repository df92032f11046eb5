"""The shapes of generation in the API. They check form; `services.py` checks the rules."""

from generation.serializers.audio import AudioSampleSerializer, ExtendSerializer, VarySerializer
from generation.serializers.base_models import AddFolderSerializer, BaseModelSerializer, ModelFetchSerializer
from generation.serializers.favorites import FavoriteAddSerializer, FavoriteNoteSerializer, FavoriteSerializer
from generation.serializers.jobs import GenerateSerializer, JobSerializer, JobStatisticsSerializer

__all__ = [
    "AddFolderSerializer",
    "AudioSampleSerializer",
    "BaseModelSerializer",
    "ExtendSerializer",
    "FavoriteAddSerializer",
    "FavoriteNoteSerializer",
    "FavoriteSerializer",
    "GenerateSerializer",
    "JobSerializer",
    "JobStatisticsSerializer",
    "ModelFetchSerializer",
    "VarySerializer",
]
