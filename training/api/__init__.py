"""The API of training."""

from training.api.experiments import ExperimentViewSet
from training.api.promotions import PromotionViewSet
from training.api.runs import RunViewSet

__all__ = ["ExperimentViewSet", "PromotionViewSet", "RunViewSet"]
