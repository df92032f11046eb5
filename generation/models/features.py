"""What was heard in clips, and how well tastes like them: computed once, when a clip is made."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from django.db import models
from django.utils import timezone

from adapters.models import Taste
from generation.models.samples import AudioSample


class ClipFeatures(models.Model):
    """One kind of numbers about a clip. `kind` names what computed them and its revision; `vector` is float32."""

    sample = models.ForeignKey(AudioSample, on_delete=models.CASCADE, related_name="features")
    kind = models.CharField(max_length=160)
    vector = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sample", "kind"], name="features_once_per_kind")]
        indexes = [models.Index(fields=["kind", "sample"], name="features_by_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.sample_id}"

    @property
    def numbers(self) -> npt.NDArray[np.float32]:
        return numbers(self.vector)


def numbers(vector: bytes | memoryview[int]) -> npt.NDArray[np.float32]:
    """What is stored as `vector`."""
    return np.frombuffer(vector, dtype="<f4")


class HearingFailure(models.Model):
    """A kind of numbers that could not be had of a clip. It is tried again, but neither at once nor for ever."""

    sample = models.ForeignKey(AudioSample, on_delete=models.CASCADE, related_name="hearing_failures")
    kind = models.CharField(max_length=160)
    attempts = models.PositiveSmallIntegerField(default=1)
    tried_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sample", "kind"], name="hearing_fails_once_per_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.sample_id}, {self.attempts} times"


class ClipScore(models.Model):
    """What a taste makes of a clip: differences of `score` are log-odds, `spread` is its standard deviation."""

    sample = models.ForeignKey(AudioSample, on_delete=models.CASCADE, related_name="taste_scores")
    taste = models.ForeignKey(Taste, on_delete=models.CASCADE, related_name="scores")
    score = models.FloatField()
    spread = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sample", "taste"], name="one_score_per_taste")]
        indexes = [models.Index(fields=["taste", "score"], name="scores_by_taste")]

    def __str__(self) -> str:
        return f"{self.score:.2f} of {self.sample_id}"
