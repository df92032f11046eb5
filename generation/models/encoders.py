"""Audio encoders beside the base models: what they hear in clips is read by tastes. None is ever needed."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy

from generation import querysets
from generation.specs import EncoderSpec
from text2song.models import UUIDModel


class Encoder(UUIDModel):
    """A folder that `transformers` loads. It is listened with while it is active and has no `problem`."""

    key = models.SlugField(max_length=80, unique=True)
    display_name = models.CharField(max_length=100)
    path = models.CharField(max_length=500, help_text=gettext_lazy("The folder's absolute path."))
    architecture = models.CharField(max_length=100)
    sample_rate = models.PositiveIntegerField(help_text=gettext_lazy("Hz"))
    size = models.PositiveBigIntegerField(help_text=gettext_lazy("Bytes of its weights"))
    licence = models.CharField(max_length=100, blank=True, help_text=gettext_lazy("As its folder states it."))
    revision = models.CharField(max_length=64, unique=True, help_text=gettext_lazy("Content hash of its files."))
    is_active = models.BooleanField(default=True, help_text=gettext_lazy("Whether clips are heard with it."))
    problem = models.TextField(blank=True, help_text=gettext_lazy("Why a worker could not load it."))

    PREFIX: ClassVar[str] = "encoder:"
    """Of the kinds of features that encoders make."""

    objects = querysets.EncoderQuerySet.as_manager()

    class Meta:
        ordering = ("display_name", "key")

    def __str__(self) -> str:
        return self.display_name

    @property
    def kind(self) -> str:
        """Of the features it makes: other files hear otherwise."""
        return f"{self.PREFIX}{self.key}:{self.revision[:12]}"

    @property
    def is_listening(self) -> bool:
        return self.is_active and not self.problem

    @property
    def folder(self) -> Path:
        return Path(self.path)

    def spec(self) -> EncoderSpec:
        """The encoder as the engine wants it."""
        return EncoderSpec(self.key, self.path, self.revision, self.display_name)

    def activate(self) -> None:
        """Listen with it; one that could not be loaded is tried again."""
        self.is_active, self.problem = True, ""
        self.save(update_fields=["is_active", "problem"])

    def deactivate(self) -> None:
        """Hear no further clips with it. What it heard stays."""
        self.is_active = False
        self.save(update_fields=["is_active"])

    def cannot_be_loaded(self, problem: str) -> None:
        """A worker found out; it is left alone until somebody activates it again."""
        Encoder.objects.filter(pk=self.pk).update(problem=problem)
        self.problem = problem
