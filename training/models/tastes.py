"""The fitting of a taste: work for a generation worker, who has the model at hand by which clips are heard."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Taste
from adapters.models import names as validators
from adapters.models.tastes import DATASET
from datasets_app.models import Dataset
from generation.models import BaseModel
from text2song.models import UUIDModel
from text2song.queue import Cluster
from text2song.work import Work
from training import querysets

MOST_REFIT = 100_000


class TasteFit(Work, UUIDModel):
    """queued -> running -> completed | failed. It hears what has not been heard, fits, tries, and scores every clip.

    `filters` choose the votes; with `dataset` its rows are taken instead.
    """

    class State(models.TextChoices):
        QUEUED = "queued", gettext_lazy("Queued")
        RUNNING = "running", gettext_lazy("Running")
        COMPLETED = "completed", gettext_lazy("Completed")
        FAILED = "failed", gettext_lazy("Failed")

    CLUSTER: ClassVar[Cluster] = "generation"
    BROKEN: ClassVar[str] = gettext_lazy("Fitting it failed unexpectedly. The log has the details; try again.")

    name = models.CharField(max_length=validators.NAME_LENGTH, validators=[validators.validate_name])
    base_model = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="taste_fits")
    filters = models.JSONField(default=dict, blank=True)
    dataset = models.ForeignKey(Dataset, null=True, blank=True, on_delete=models.PROTECT, related_name="taste_fits")
    refit_every = models.PositiveIntegerField(default=0)
    seed = models.PositiveBigIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    taste = models.OneToOneField(Taste, null=True, blank=True, on_delete=models.SET_NULL, related_name="fit")

    objects = querysets.TasteFitQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(state__in=("queued", "running")),
                name="one_unfinished_fit_per_taste",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Fit of %(name)s") % {"name": self.name}

    @property
    def chosen_by(self) -> dict[str, Any]:
        """What chose its votes, as its taste keeps it: the filters, or the dataset's id."""
        return {DATASET: str(self.dataset_id)} if self.dataset_id else self.filters
