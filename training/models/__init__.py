"""Rows of training: experiments with their runs, and the promotion of what they make."""

from training.models.defaults import TrainingDefaults
from training.models.experiments import NAME_LENGTH, NAME_MESSAGE, Experiment, LogLine, MetricPoint, TrainingRun
from training.models.tastes import TasteFit
from training.promotion.models import Promotion, PromotionPolicy
from training.rounds.models import Round

__all__ = [
    "NAME_LENGTH",
    "NAME_MESSAGE",
    "Experiment",
    "LogLine",
    "MetricPoint",
    "Promotion",
    "PromotionPolicy",
    "Round",
    "TasteFit",
    "TrainingDefaults",
    "TrainingRun",
]
