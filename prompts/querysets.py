"""Collections of prompts and templates in the domain's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from django.db.models import (
    BooleanField,
    Case,
    Count,
    Expression,
    ExpressionWrapper,
    F,
    IntegerField,
    Q,
    QuerySet,
    Value,
    When,
)

from prompts.hearts import hearts
from prompts.wording.sameness import text_key
from text2song.models import SoftDeleteQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from prompts.models import Prompt, PromptSuite, PromptTemplate


class PromptQuerySet(SoftDeleteQuerySet["Prompt"]):
    def matching(self, words: list[str]) -> Self:
        """Prompts holding any of `words`, annotated with `matches` (how many of them), best match first."""
        if not words:
            return self
        any_word = Q()
        matches: Expression = Value(0, output_field=IntegerField())
        for word in words:
            holds = Q(rendered_text__icontains=word)
            any_word |= holds
            matches = matches + Case(When(holds, then=1), default=0, output_field=IntegerField())
        return self.filter(any_word).annotate(matches=matches).order_by("-matches", "-created_at", "-id")

    def with_author(self) -> Self:
        return self.select_related("author")

    def with_hearts_of(self, user: User) -> Self:
        """With `is_favorite`: whether the user's heart is on it."""
        has_heart = Q(pk__in=hearts().set_by(user))
        return self.annotate(is_favorite=ExpressionWrapper(has_heart, output_field=BooleanField()))

    def favorites_of(self, user: User) -> Self:
        """Those the user's heart is on."""
        return self.filter(pk__in=hearts().set_by(user))

    def outside_suites(self) -> Self:
        """Prompts that may be trained on: none that asks for what a prompt of a frozen suite asks for."""
        return self.exclude(text_key__in=self.model.objects.in_frozen_suites().values("text_key"))

    def in_frozen_suites(self) -> Self:
        """Prompts that models are evaluated on."""
        return self.filter(suites__frozen_at__isnull=False).order_by()

    def bulk_create(self, objs: Iterable[Prompt], *args: Any, **kwargs: Any) -> list[Prompt]:
        """As `save` would, each gets its key."""
        prompts = list(objs)
        for prompt in prompts:
            prompt.text_key = text_key(prompt.rendered_text)
        return super().bulk_create(prompts, *args, **kwargs)


class PromptTemplateQuerySet(QuerySet["PromptTemplate"]):
    def available_to(self, user: User) -> Self:
        """System templates first, by category; then the user's own."""
        return self.filter(Q(owner__isnull=True) | Q(owner=user)).order_by(
            F("owner").asc(nulls_first=True), "category", "name"
        )


class PromptSuiteQuerySet(QuerySet["PromptSuite"]):
    def open(self) -> Self:
        """Suites whose list may still change."""
        return self.filter(frozen_at__isnull=True)

    def with_counts(self) -> Self:
        """With `prompt_count`."""
        return self.annotate(prompt_count=Count("items"))
