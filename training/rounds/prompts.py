"""What a round is for: somebody's own prompts, or some drawn from the templates; and what it is judged on."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from datasets_app.models import DatasetItem
from prompts.models import Prompt, PromptSuite, PromptTemplate
from prompts.services import create_prompt, create_suite, freeze_suite
from prompts.services.templates import apply_template
from prompts.wording.rendering import render_prompt
from prompts.wording.sameness import text_key
from prompts.wording.vocabulary import MOODS
from training.rounds.exceptions import TooFewPrompts

HELD_OUT = 12
"""Prompts of a suite that is made for a round: four pairs each are as many votes as a test asks of one person."""
FEWEST_HELD_OUT = 6
FEWEST_TAUGHT = 4


def own_prompts(owner: User) -> QuerySet[Prompt]:
    """What a person wrote and may be trained on, the newest first."""
    return Prompt.objects.visible().filter(author=owner).outside_suites().order_by("-created_at", "-id")


def distinct(prompts: Iterable[Prompt]) -> list[Prompt]:
    """The first of each that ask for the same."""
    found: dict[str, Prompt] = {}
    for prompt in prompts:
        found.setdefault(prompt.text_key, prompt)
    return list(found.values())


def draw_prompts(owner: User, count: int, seed: int) -> list[Prompt]:
    """So many prompts from the templates a person may use, none of which models are evaluated on.

    Each template as it is first; then in other moods. Prompts of theirs that ask for the same are used again. Fewer
    where the templates give no more.
    """
    rng = random.Random(seed)
    taken = set(Prompt.objects.in_frozen_suites().values_list("text_key", flat=True))
    drawn: dict[str, dict[str, Any]] = {}
    for values in _variations(owner, rng):
        key = text_key(str(render_prompt(**values)))
        if key not in taken:
            drawn.setdefault(key, values)
        if len(drawn) >= count:
            break
    known = {prompt.text_key: prompt for prompt in own_prompts(owner).filter(text_key__in=drawn)}
    return [known.get(key) or create_prompt(actor=owner, **values) for key, values in drawn.items()]


def _variations(owner: User, rng: random.Random) -> Iterable[dict[str, Any]]:
    templates = list(PromptTemplate.objects.available_to(owner))
    rng.shuffle(templates)
    plain = [apply_template(template=template) for template in templates]
    for values in plain:
        values.pop("duration", None)
    moods = [term.slug for term in MOODS]
    rng.shuffle(moods)
    yield from plain
    yield from ({**values, "mood": mood} for mood, values in product(moods, plain))


def hold_out(prompts: Sequence[Prompt], count: int = 0) -> tuple[list[Prompt], list[Prompt]]:
    """A part to teach with, and a part of `count` to judge on that nothing was ever trained on; without, a quarter.

    Raises `TooFewPrompts` where too few are left for either.
    """
    learned = DatasetItem.objects.exclude(split=DatasetItem.Split.TEST)
    taught = set(learned.filter(text_key__in=[p.text_key for p in prompts]).values_list("text_key", flat=True))
    fresh = [prompt for prompt in prompts if prompt.text_key not in taught]
    count = count or min(HELD_OUT, max(FEWEST_HELD_OUT, len(prompts) // 4))
    if len(fresh) < count or len(prompts) - count < FEWEST_TAUGHT:
        raise TooFewPrompts(len(fresh), FEWEST_HELD_OUT + FEWEST_TAUGHT)
    held = {fresh[place * len(fresh) // count].pk for place in range(count)}
    return [p for p in prompts if p.pk not in held], [p for p in prompts if p.pk in held]


def suite_of(prompts: Sequence[Prompt], name: str) -> PromptSuite:
    """A frozen suite of the prompts, made by the studio; the name gets a number where it is taken."""
    taken = set(PromptSuite.objects.filter(name__startswith=name).values_list("name", flat=True))
    free = next(n for n in (name, *(f"{name} ({k})" for k in range(2, 10_000))) if n not in taken)
    suite = create_suite(
        actor=None,
        name=free,
        description="Held out for a round of “Teach the studio”: nothing is trained on these.",
        prompt_ids=[prompt.pk for prompt in prompts],
    )
    return freeze_suite(actor=None, suite=suite)
