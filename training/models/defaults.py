"""What a new experiment starts with where nothing else is said."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy


class TrainingDefaults(models.Model):
    """Settings for which the studio starts elsewhere than it was shipped: one row, changed in Settings.

    Only those that differ are kept, so a default that a later version ships better takes effect by itself. The method
    is none of them: it follows the dataset.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    config = models.JSONField(
        default=dict, blank=True, help_text=gettext_lazy("Settings of TrainingConfig that differ.")
    )
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = pgettext_lazy("model", "training defaults")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_row_of_training_defaults")]

    def __str__(self) -> str:
        return "Training defaults"
