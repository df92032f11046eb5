"""The stars of a clip, as lists are ordered and narrowed by them."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Avg, FloatField, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Coalesce

from feedback.models import Criterion, Rating
from feedback.querysets import samples_judged_by
from generation.querysets import AudioSampleQuerySet


def with_stars(samples: AudioSampleQuerySet, reader: User) -> AudioSampleQuerySet:
    """With an alias `stars`: the reader's own answer to the question that is asked first; else the mean of the answers
    that the reader sees; 0 without any.
    """
    first = Criterion.objects.filter(is_active=True).first()
    ratings = Rating.objects.order_by().filter(criterion=first, sample=OuterRef("pk"))
    own = Subquery(ratings.filter(rater=reader).values("score")[:1])
    seen = ratings if reader.is_staff else ratings.filter(Q(sample__in=samples_judged_by(reader)))
    mean = Subquery(seen.values("sample").annotate(mean=Avg("score")).values("mean"))
    return samples.alias(stars=Coalesce(Cast(own, FloatField()), mean, Value(0.0)))
