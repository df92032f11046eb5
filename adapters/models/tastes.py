"""Tastes: what people like, learned from their votes, to be listened with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext, gettext_lazy

from adapters import querysets
from adapters.models import names as validators
from text2song.models import SoftDeleteModel, UUIDModel

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from adapters.base import Base

DATASET = "dataset"
"""In `filters`, the id of the dataset whose rows were taken."""


def weights_path(taste: Taste, filename: str) -> str:
    """Names come from the claim that fitted it."""
    return f"tastes/{filename}"


class Taste(SoftDeleteModel, UUIDModel):
    """A reward model: scores of clips, fitted on the votes of one person, of several, or of all.

    It never votes. `filters` chose the votes, as they choose a dataset's rows, or name a dataset; `weights` is a
    safetensors file and `described` what stands beside it (`generation.sound.taste`); `report` is how good it is. A
    taste fitted anew is a new version of the same name. *Usable* ones may pick, order and label clips, as long as they
    hear new ones; the others only learn.
    """

    name = models.CharField(
        max_length=validators.NAME_LENGTH,
        validators=[validators.validate_name],
        error_messages={"blank": validators.TASTE_NAME_MESSAGE},
    )
    version = models.PositiveIntegerField(default=1)
    base_model = models.ForeignKey("generation.BaseModel", on_delete=models.PROTECT, related_name="tastes")
    base_revision = models.CharField(
        max_length=64, blank=True, help_text=gettext_lazy("The base model's files it heard with.")
    )
    filters = models.JSONField(
        default=dict, blank=True, editable=False, help_text=gettext_lazy("What chose the votes.")
    )
    refit_every = models.PositiveIntegerField(
        default=0, help_text=gettext_lazy("New votes after which it is fitted anew by itself; 0 never does.")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    weights = models.FileField(upload_to=weights_path, max_length=200, editable=False)
    sha256 = models.CharField(max_length=64, editable=False, help_text=gettext_lazy("Of the weights."))
    described = models.JSONField(default=dict, editable=False)
    report = models.JSONField(default=dict, editable=False)
    votes = models.PositiveIntegerField(editable=False)
    is_usable = models.BooleanField(default=False, editable=False)

    unheard: str | None = None
    """What `with_hearing` found for many tastes at once; None asks when it is wanted."""

    objects = querysets.TasteQuerySet.as_manager()

    class Meta:
        ordering = ("name", "-version")
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="taste_name_and_version_once"),
            models.CheckConstraint(condition=~models.Q(name=""), name="taste_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """As in “anna@3”."""
        return f"{self.name}@{self.version}"

    @property
    def raters(self) -> list[str]:
        """Names of those whose votes it learned from; none where it was everybody's."""
        return list(self.filters.get("raters", []))

    @property
    def is_of_dataset(self) -> bool:
        """Whether it learned from the rows of a dataset, which `filters` then names."""
        return DATASET in self.filters

    @property
    def whose(self) -> str:
        """As in “anna”, “anna and ben”, “everybody”, “a dataset”."""
        if self.is_of_dataset:
            return gettext("a dataset")
        names = self.raters
        return gettext(" and ").join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or gettext(
            "everybody"
        )

    @property
    def kinds(self) -> list[str]:
        """The features of a clip that it reads."""
        return list(self.described.get("kinds", []))

    @property
    def accuracy(self) -> dict[str, Any]:
        """`value`, `low`, `high`: the share of votes on prompts held out that it predicts, with its 95 % interval."""
        return self.report.get("accuracy", {})

    def fits(self, base_model: Base) -> bool:
        """Whether it hears the clips of this base model as its files are now."""
        same_files = not base_model.revision or self.base_revision in ("", base_model.revision)
        return self.base_model_id == base_model.pk and same_files

    @property
    def why_deaf(self) -> str:
        """Why it scores no new clips, in a sentence; empty while all is here that it listens with."""
        why = self.base_model.why_unheard(self.kinds) if self.unheard is None else self.unheard
        return f"{self.label} {why}" if why else ""

    @property
    def may_pick(self) -> bool:
        """Whether it may pick, order and label clips: it can be relied on, and hears new ones."""
        return self.is_usable and not self.why_deaf

    def is_of(self, user: User) -> bool:
        """Whether it learned from this person's votes alone."""
        return self.raters == [user.get_username()]
