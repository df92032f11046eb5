"""What the feedback panel of one sample shows to one rater."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.urls import reverse

from feedback.judgements.history import feedback_on
from feedback.judgements.likely_tags import by_likelihood, likely
from feedback.judgements.summaries import SampleSummary, summaries_of_samples
from feedback.models import Criterion, Note, Rating, SampleTag, Tag
from feedback.pages.forms import AddTagForm, NoteForm, RatingForm, TagSetForm
from feedback.services.deletion import Feedback
from generation.models import AudioSample
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import here

LISTED = 30


@dataclass
class Panel:
    """The panel's controls filled with what the rater said so far, and the list beside them.

    `refused` holds a form that was sent and not taken, by the name of its control; it is shown as it was typed.
    """

    sample: AudioSample
    rater: User
    refused: dict[str, forms.Form] = field(default_factory=dict)

    @cached_property
    def ratings(self) -> list[RatingForm]:
        """A form for each criterion in use."""
        given = dict(Rating.objects.filter(sample=self.sample, rater=self.rater).values_list("criterion_id", "score"))
        return [
            self._form(f"rating-{criterion.slug}", RatingForm, {"score": given.get(criterion.pk)}, criterion=criterion)
            for criterion in Criterion.objects.filter(is_active=True)
        ]

    def rating(self, slug: str) -> RatingForm | None:
        """The form of one criterion."""
        return next((form for form in self.ratings if form.criterion.slug == slug), None)

    @property
    def overall(self) -> RatingForm | None:
        """The one question that is asked first."""
        return next(iter(self.ratings), None)

    @property
    def more_ratings(self) -> list[RatingForm]:
        """All others, behind a fold."""
        return self.ratings[1:]

    @cached_property
    def offered(self) -> list[Tag]:
        """The curated tags and those the rater has used, likely ones first."""
        mine = SampleTag.objects.filter(rater=self.rater).order_by().values("tag")
        tags = Tag.objects.canonical().filter(Q(is_curated=True) | Q(pk__in=mine))
        return by_likelihood(tags, rater=self.rater, sample=self.sample)

    @cached_property
    def tags(self) -> TagSetForm:
        mine = SampleTag.objects.filter(sample=self.sample, rater=self.rater, start__isnull=True)
        ticked = list(mine.values_list("tag__name", flat=True))
        return self._form("tags", TagSetForm, {"tags": ticked}, offered=self.offered, likely=likely(self.offered))

    @property
    def parts(self) -> models.QuerySet[SampleTag]:
        """The rater's own tags on parts of the sample, in order."""
        mine = SampleTag.objects.filter(sample=self.sample, rater=self.rater, start__isnull=False)
        return mine.select_related("tag").order_by("start", "end")

    @cached_property
    def add_tag(self) -> AddTagForm:
        return self._form("add_tag", AddTagForm, {})

    @cached_property
    def note(self) -> NoteForm:
        mine = Note.objects.filter(sample=self.sample, rater=self.rater).first()
        return self._form("note", NoteForm, {"text": mine.text if mine else ""})

    @property
    def has_note(self) -> bool:
        return bool(self.note["text"].value())

    @cached_property
    def items(self) -> list[Feedback]:
        """The newest feedback on the sample that the rater may see."""
        samples = AudioSample.objects.filter(pk=self.sample.pk).order_by().values("pk")
        return feedback_on(samples, self.rater)[:LISTED]

    @cached_property
    def summary(self) -> SampleSummary:
        return summaries_of_samples(reader=self.rater, ids=[self.sample.pk])[self.sample.pk]

    def _form(self, name: str, kind: Callable[..., forms.Form], initial: dict[str, Any], **options: Any) -> Any:
        return self.refused.get(name) or kind(initial=initial, sample=self.sample, **options)


def panel_context(request: StudioRequest, panel: Panel) -> dict[str, Any]:
    """What the panel's templates need."""
    sample_page = reverse("sample-detail", args=[panel.sample.pk])
    return {"panel": panel, "sample": panel.sample, "next": f"{here(request) or sample_page}#feedback"}
