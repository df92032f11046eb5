"""What to play: prompts, templates and frozen evaluation suites."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Length, Trim
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext, gettext_lazy, pgettext, pgettext_lazy

from prompts import querysets
from prompts.exceptions import SuiteIsFrozen
from prompts.wording import validators
from prompts.wording.rendering import Rendered, render_prompt
from prompts.wording.sameness import text_key
from prompts.wording.vocabulary import (
    INSTRUMENT_BY_SLUG,
    MAX_TEMPO,
    MAX_TEXT_LENGTH,
    MIN_TEMPO,
    MOOD_BY_SLUG,
    MOODS,
    STYLE_BY_SLUG,
    STYLES,
    Term,
)
from text2song.models import SoftDeleteModel, UUIDModel


class MusicalAttributes(models.Model):
    """Text and musical attributes, shared by prompts and templates. Attributes are vocabulary slugs."""

    text = models.TextField(validators=[validators.validate_text], error_messages={"blank": validators.TEXT_MESSAGE})
    style = models.CharField(
        max_length=32,
        blank=True,
        validators=[validators.validate_style],
        choices=[(term.slug, pgettext_lazy("music", term.name)) for term in STYLES],
        error_messages={"invalid_choice": gettext_lazy("Unknown style: %(value)s.")},
    )
    mood = models.CharField(
        max_length=32,
        blank=True,
        validators=[validators.validate_mood],
        choices=[(term.slug, pgettext_lazy("music", term.name)) for term in MOODS],
        error_messages={"invalid_choice": gettext_lazy("Unknown mood: %(value)s.")},
    )
    tempo = models.PositiveSmallIntegerField(
        gettext_lazy("tempo (BPM)"), null=True, blank=True, validators=[validators.validate_tempo]
    )
    primary_instruments = models.JSONField(default=list, blank=True, validators=[validators.validate_instruments])
    secondary_instruments = models.JSONField(default=list, blank=True, validators=[validators.validate_instruments])

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=models.Q(tempo__isnull=True) | models.Q(tempo__range=(MIN_TEMPO, MAX_TEMPO)),
                name="%(class)s_tempo_in_range",
            ),
        ]

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        self.text = validators.normal_text(self.text)
        super().clean_fields(exclude)

    def clean(self) -> None:
        super().clean()
        if validators.are_known(**self.attributes):
            validators.validate_roles(self.primary_instruments, self.secondary_instruments)

    @property
    def attributes(self) -> dict[str, Any]:
        """Everything but the text, as keyword arguments of `render_prompt`."""
        return {
            "style": self.style,
            "mood": self.mood,
            "tempo": self.tempo,
            "primary_instruments": self.primary_instruments,
            "secondary_instruments": self.secondary_instruments,
        }

    @property
    def style_term(self) -> Term | None:
        return STYLE_BY_SLUG.get(self.style)

    @property
    def mood_term(self) -> Term | None:
        return MOOD_BY_SLUG.get(self.mood)

    @property
    def primary_terms(self) -> list[Term]:
        return [INSTRUMENT_BY_SLUG[slug] for slug in self.primary_instruments]

    @property
    def secondary_terms(self) -> list[Term]:
        return [INSTRUMENT_BY_SLUG[slug] for slug in self.secondary_instruments]


class Prompt(MusicalAttributes, SoftDeleteModel, UUIDModel):
    """One thing to play. A saved prompt never changes: samples and datasets refer to it; reuse makes a new one.

    `rendered_text` is the whole of it in words. A model may read less: `generation.jobs.reading`. Prompts that ask for
    the same in words have the same `text_key`.
    """

    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="prompts"
    )
    rendered_text = models.TextField(editable=False)
    text_key = models.CharField(max_length=64, editable=False, db_index=True)

    objects = querysets.PromptQuerySet.as_manager()

    is_favorite: bool
    """Added by `with_hearts_of`."""

    class Meta(MusicalAttributes.Meta):
        ordering = ("-created_at", "-id")
        constraints = [
            *MusicalAttributes.Meta.constraints,
            models.CheckConstraint(
                condition=models.expressions.ExpressionWrapper(
                    models.Q(models.lookups.GreaterThan(Length(Trim("text")), 0))
                    & models.Q(models.lookups.LessThanOrEqual(Length("text"), MAX_TEXT_LENGTH)),
                    output_field=models.BooleanField(),
                ),
                name="prompt_text_length",
            ),
        ]

    def __str__(self) -> str:
        """The text in one line of at most 80 characters."""
        return Truncator(" ".join(self.text.split())).chars(80)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.text_key = text_key(self.rendered_text)
        super().save(*args, **kwargs)

    def full_clean(self, exclude: Iterable[str] | None = None, *args: Any, **kwargs: Any) -> None:
        """Validate everything a person wrote; what is made from it is never validated."""
        super().full_clean({*(exclude or ()), "rendered_text", "text_key"}, *args, **kwargs)

    def clean(self) -> None:
        super().clean()
        if validators.are_known(**self.attributes):
            self.rendered_text = str(self.rendered)

    @property
    def rendered(self) -> Rendered:
        return render_prompt(self.text, **self.attributes)


class PromptTemplate(MusicalAttributes, UUIDModel):
    """A starting point. System templates have no owner; users keep up to `MAX_PER_USER` of their own."""

    MAX_PER_USER = 100

    class Category(models.TextChoices):
        ELECTRONIC = "electronic", pgettext_lazy("music", "Electronic")
        CLASSICAL = "classical", pgettext_lazy("music", "Classical")
        JAZZ = "jazz", pgettext_lazy("music", "Jazz")
        AMBIENT = "ambient", pgettext_lazy("music", "Ambient")
        CINEMATIC = "cinematic", pgettext_lazy("music", "Cinematic")
        POP = "pop", pgettext_lazy("music", "Pop")
        ROCK = "rock", pgettext_lazy("music", "Rock")
        HIP_HOP = "hip-hop", pgettext_lazy("music", "Hip-hop")
        LO_FI = "lo-fi", pgettext_lazy("music", "Lo-fi")
        FOLK = "folk", pgettext_lazy("music", "Folk")
        WORLD = "world", pgettext_lazy("music", "World")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="prompt_templates",
        help_text=gettext_lazy("Leave empty for a system template, which everyone sees."),
    )
    name = models.CharField(max_length=100, validators=[validators.validate_characters])
    description = models.CharField(max_length=500, blank=True, validators=[validators.validate_characters])
    category = models.CharField(
        max_length=50,
        choices=Category.choices,
        error_messages={"invalid_choice": gettext_lazy("Unknown category: %(value)s.")},
    )
    duration = models.PositiveSmallIntegerField(
        gettext_lazy("duration (s)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(120)],
        help_text=gettext_lazy("Seconds; cut to the model's limit when the template is applied."),
    )
    updated_at = models.DateTimeField(auto_now=True)

    objects = querysets.PromptTemplateQuerySet.as_manager()

    class Meta(MusicalAttributes.Meta):
        ordering = ("category", "name")
        constraints = [
            *MusicalAttributes.Meta.constraints,
            models.UniqueConstraint(fields=["owner", "name"], name="template_name_once_per_owner"),
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(owner__isnull=True), name="system_template_name_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_system(self) -> bool:
        return self.owner_id is None

    @property
    def shown_name(self) -> str:
        """Of one that comes with the studio in the reader's language, of others as its owner wrote it."""
        return pgettext("template", self.name) if self.is_system else self.name

    @property
    def shown_description(self) -> str:
        return pgettext("template", self.description) if self.is_system and self.description else self.description


class PromptSuite(UUIDModel):
    """A list of prompts for evaluation. Frozen, it can never change, and its prompts never enter a training dataset."""

    name = models.CharField(max_length=200, unique=True, validators=[validators.validate_characters])
    description = models.TextField(blank=True, validators=[validators.validate_characters])
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    frozen_at = models.DateTimeField(null=True, blank=True, editable=False)
    prompts = models.ManyToManyField(Prompt, through="SuiteItem", related_name="suites")

    objects = querysets.PromptSuiteQuerySet.as_manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at is not None

    @property
    def prompt_ids(self) -> list[uuid.UUID]:
        """The prompts' ids in the suite's order."""
        return [item.prompt_id for item in self.items.all()]

    def freeze(self) -> None:
        """Close the list for good. An empty suite cannot be frozen."""
        if self.is_frozen:
            raise SuiteIsFrozen(self.name)
        if not self.items.exists():
            raise ValidationError(gettext("Add at least one prompt before freezing the suite."), code="empty")
        self.frozen_at = timezone.now()
        self.save(update_fields=["frozen_at"])


class SuiteItem(models.Model):
    """A prompt's place in a suite."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    suite = models.ForeignKey(PromptSuite, on_delete=models.CASCADE, related_name="items")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="suite_items")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("position", "id")
        constraints = [models.UniqueConstraint(fields=["suite", "prompt"], name="prompt_once_per_suite")]

    def __str__(self) -> str:
        return f"{self.suite}: {self.prompt}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._refuse_if_frozen()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self._refuse_if_frozen()
        return super().delete(*args, **kwargs)

    def _refuse_if_frozen(self) -> None:
        if self.suite.is_frozen:
            raise SuiteIsFrozen(self.suite.name)
