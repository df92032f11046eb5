"""What people say about samples, and the listening tests that ask them."""

from feedback.listening_tests.models import Arm, ArmJob, ClipPair, ListeningTest, Trial
from feedback.models.judgements import Criterion, Note, Preference, Ranking, RankingPlace, Rating, SampleTag, Tag
from feedback.models.raters import Invitation, RaterProfile

__all__ = [
    "Arm",
    "ArmJob",
    "ClipPair",
    "Criterion",
    "Invitation",
    "ListeningTest",
    "Note",
    "Preference",
    "Ranking",
    "RankingPlace",
    "RaterProfile",
    "Rating",
    "SampleTag",
    "Tag",
    "Trial",
]
