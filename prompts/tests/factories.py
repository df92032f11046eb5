"""Prompts, templates and suites for tests; all of them valid by the models' own rules."""

from __future__ import annotations

from typing import Any

import factory

from prompts import services
from prompts.models import Prompt, PromptSuite, PromptTemplate
from text2song.tests.factories import UserFactory


class PromptFactory(factory.django.DjangoModelFactory):
    """Stored through the service, so `rendered_text` is what the model would be given."""

    class Meta:
        model = Prompt

    author = factory.SubFactory(UserFactory)
    text = factory.Sequence(lambda n: f"calm melody number {n}")

    @classmethod
    def _create(cls, model_class: type[Prompt], *args: Any, author: Any, **values: Any) -> Prompt:
        later = {name: values.pop(name) for name in ("created_at", "deleted_at") if name in values}
        prompt = services.create_prompt(actor=author, **values)
        if later:
            Prompt.objects.filter(pk=prompt.pk).update(**later)
            prompt.refresh_from_db()
        return prompt


class PromptTemplateFactory(factory.django.DjangoModelFactory):
    """A user's own template; `PromptTemplateFactory(owner=None)` is a system one."""

    class Meta:
        model = PromptTemplate

    owner = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"Template {n}")
    category = PromptTemplate.Category.JAZZ
    text = "a slow walk home after the concert"


class PromptSuiteFactory(factory.django.DjangoModelFactory):
    """An open suite; `prompts=[...]` fills it, `frozen=True` closes it."""

    class Meta:
        model = PromptSuite
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"Suite {n}")

    @factory.post_generation
    def prompts(self: PromptSuite, create: bool, extracted: list[Prompt] | None, **kwargs: Any) -> None:
        for position, prompt in enumerate(extracted or []):
            self.items.create(prompt=prompt, position=position)

    @factory.post_generation
    def frozen(self: PromptSuite, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if extracted:
            self.freeze()
