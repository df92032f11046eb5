"""What feedback does when something else happens."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from feedback.judgements.summaries import without_feedback
from feedback.models import Note, Preference, Ranking, RaterProfile, Rating, SampleTag, Trial
from feedback.services.deletion import forget_samples, rows_of_samples
from generation.needed import needs_samples
from generation.signals import samples_deleted, samples_leaving

needs_samples(without_feedback)  # what was judged teaches: tastes, datasets


@receiver(samples_leaving, dispatch_uid="feedback.rows_of_samples")
def rows_going(sender: Any, samples: QuerySet, **kwargs: Any) -> list[Model]:
    """What is going to be forgotten, so that it can come back."""
    return rows_of_samples(samples)


@receiver(samples_deleted, dispatch_uid="feedback.forget_samples")
def forget(sender: Any, samples: QuerySet, **kwargs: Any) -> None:
    """Feedback goes with its samples."""
    forget_samples(samples)


@receiver(pre_delete, sender=RaterProfile, dispatch_uid="feedback.forget_answers_that_count_nowhere")
def forget_answers_that_count_nowhere(sender: Any, instance: RaterProfile, **kwargs: Any) -> None:
    """Answers outlive their rater without a name; those of an excluded rater or a program would then count as a
    person's.
    """
    if instance.is_excluded or instance.kind == RaterProfile.Kind.SYNTHETIC:
        for answers in (Preference, Ranking, Trial, Rating, SampleTag, Note):
            answers.objects.filter(rater=instance.user_id).delete()
