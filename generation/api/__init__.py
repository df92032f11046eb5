"""The API of generation: models, jobs, audio, favourites."""

from generation.api.audio import AudioViewSet
from generation.api.base_models import BaseModelViewSet
from generation.api.favorites import FavoriteViewSet
from generation.api.generate import GenerateViewSet
from generation.api.jobs import JobViewSet

__all__ = ["AudioViewSet", "BaseModelViewSet", "FavoriteViewSet", "GenerateViewSet", "JobViewSet"]
