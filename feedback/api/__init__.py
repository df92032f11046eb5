"""The API of feedback: judgements of all kinds, their figures, and the vocabulary."""

from feedback.api.comparisons import PreferenceViewSet, RankingViewSet
from feedback.api.judgements import FeedbackViewSet
from feedback.api.performance import AdapterPerformanceViewSet
from feedback.api.vocabulary import CriterionViewSet, TagViewSet

__all__ = [
    "AdapterPerformanceViewSet",
    "CriterionViewSet",
    "FeedbackViewSet",
    "PreferenceViewSet",
    "RankingViewSet",
    "TagViewSet",
]
