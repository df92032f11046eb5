"""The Create page's use case: a prompt and its job, both or neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from adapters.models import Adapter
from generation.models import BaseModel, GenerationJob
from generation.services import first_of_key, submit_job
from prompts.models import Prompt
from prompts.services import create_prompt


def create_music(
    *,
    actor: User,
    prompt_values: Mapping[str, Any],
    earlier_prompt: Prompt | None = None,
    base_model: BaseModel | None = None,
    adapter: Adapter | None = None,
    seed: int | None = None,
    idempotency_key: str = "",
    **settings_: Any,
) -> GenerationJob:
    """Save the prompt and send a job for it, in one transaction.

    `earlier_prompt` is used again when text and attributes are the same as its own. With an `idempotency_key` seen
    before, the first job is returned and nothing is stored. Raises what `submit_job` and `create_prompt` raise.
    """
    with transaction.atomic():
        if job := first_of_key(actor, idempotency_key):
            return job
        prompt = earlier_prompt
        if prompt is None or not says_the_same(prompt, prompt_values):
            prompt = create_prompt(actor=actor, **prompt_values)
        return submit_job(
            actor=actor,
            prompt=prompt,
            base_model=base_model,
            adapter=adapter,
            seed=seed,
            idempotency_key=idempotency_key,
            **settings_,
        )


def says_the_same(prompt: Prompt, values: Mapping[str, Any]) -> bool:
    """Whether a saved prompt has exactly these text and attributes."""
    return {"text": prompt.text, **prompt.attributes} == {**values, "text": values["text"].strip()}
