"""Bodies and answers of the feedback API."""

from feedback.api.serializers.answers import (
    FeedbackAnswerSerializer,
    FeedbackItemSerializer,
    JobFeedbackSerializer,
    NoteItemSerializer,
    PreferenceItemSerializer,
    RankingItemSerializer,
    RatingItemSerializer,
    TagItemSerializer,
)
from feedback.api.serializers.bodies import (
    BODIES,
    NoteBodySerializer,
    PreferenceBodySerializer,
    RankingBodySerializer,
    RatingBodySerializer,
    TagsBodySerializer,
)
from feedback.api.serializers.figures import StatisticsSerializer
from feedback.api.serializers.vocabulary import (
    CriterionSerializer,
    TagChangeSerializer,
    TagCreateSerializer,
    TagMergeSerializer,
    TagSerializer,
)

__all__ = [
    "BODIES",
    "CriterionSerializer",
    "FeedbackAnswerSerializer",
    "FeedbackItemSerializer",
    "JobFeedbackSerializer",
    "NoteBodySerializer",
    "NoteItemSerializer",
    "PreferenceBodySerializer",
    "PreferenceItemSerializer",
    "RankingBodySerializer",
    "RankingItemSerializer",
    "RatingBodySerializer",
    "RatingItemSerializer",
    "StatisticsSerializer",
    "TagChangeSerializer",
    "TagCreateSerializer",
    "TagItemSerializer",
    "TagMergeSerializer",
    "TagSerializer",
    "TagsBodySerializer",
]
