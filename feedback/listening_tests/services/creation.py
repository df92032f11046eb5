"""Making a test: its arms, its prompts, and how they are played."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Field
from django.utils.translation import gettext

from adapters.exceptions import AdapterNotSelectable
from adapters.models import Adapter
from adapters.services.selection import require_selectable
from feedback.listening_tests.access import require_curator
from feedback.listening_tests.exceptions import ArmsRefused, WrongState
from feedback.models import Arm, ListeningTest
from generation.jobs.presets import PRESET_BY_KEY, SAMPLING_KEYS
from generation.models import BaseModel, GenerationJob
from generation.models.jobs import MAX_SEED, MAX_STRENGTH
from prompts.models import PromptSuite
from text2song.exceptions import Refused

FEWEST_ARMS, MOST_ARMS = 2, 6
MOST_JOBS = 1000
DEFAULT_PRESET = "balanced"


@dataclass(frozen=True, slots=True)
class ArmSpec:
    """One side as a curator chose it: a base model, alone or with an adapter at a strength."""

    base_model: BaseModel
    adapter: Adapter | None = None
    strength: float = 1.0

    @property
    def sound(self) -> tuple[object, ...]:
        """Equal for arms that sound the same: an adapter at strength 0 is the base model alone."""
        if self.adapter is None or self.strength == 0:
            return (self.base_model.pk,)
        return (self.base_model.pk, self.adapter.pk, self.strength)

    @property
    def names(self) -> list[str]:
        """What must not be told to raters."""
        adapter = [self.adapter.name, self.adapter.label] if self.adapter else []
        return [self.base_model.key, self.base_model.display_name, *adapter]


def create_test(
    *,
    actor: User | None,
    name: str,
    suite: PromptSuite,
    arms: Sequence[ArmSpec],
    sampling: Mapping[str, Any] | None = None,
    seed: int | None = None,
    **values: Any,
) -> ListeningTest:
    """Store a draft. `values` are further fields of `ListeningTest`.

    Raises `Forbidden` (curators only), `ArmsRefused`, `Refused` (open suite, telling description) and
    `ValidationError` (fields out of range).
    """
    require_curator(actor, gettext("make a listening test"))
    test = ListeningTest(
        name=name.strip(),
        suite=suite,
        created_by=actor,
        seed=random.SystemRandom().randint(0, MAX_SEED) if seed is None else seed,
        sampling=checked_sampling(sampling or {}),
        **values,
    )
    test.full_clean(exclude=["created_by", "sampling"])
    _check_suite(suite, len(arms))
    _check_arms(arms, test.duration)
    check_description(test.description, [name for arm in arms for name in arm.names])
    with transaction.atomic():
        test.save(force_insert=True)
        Arm.objects.bulk_create(
            Arm(
                test=test,
                position=position,
                base_model=arm.base_model,
                adapter=arm.adapter,
                adapter_strength=arm.strength if arm.adapter else 1.0,
            )
            for position, arm in enumerate(arms)
        )
    return test


def update_test(*, actor: User, test: ListeningTest, **values: Any) -> ListeningTest:
    """Change name, description or votes wanted. Everything else is fixed, so that votes stay comparable."""
    require_curator(actor, gettext("change a listening test"))
    fixed = sorted(set(values) - {"name", "description", "votes_wanted"})
    if fixed:
        raise WrongState(
            gettext("%(fields)s cannot be changed; make a new test instead.") % {"fields": ", ".join(fixed)}
        )
    for field, value in values.items():
        setattr(test, field, value)
    test.full_clean(exclude=["created_by", "suite", "sampling"])
    specs = (ArmSpec(arm.base_model, arm.adapter) for arm in test.arms.select_related("base_model", "adapter"))
    check_description(test.description, [name for arm in specs for name in arm.names])
    test.save(update_fields=list(values))
    return test


def checked_sampling(values: Mapping[str, Any]) -> dict[str, Any]:
    """All four sampling values, what is not given being that of the preset “Balanced”.

    Raises `ValidationError` naming the field at fault.
    """
    unknown = sorted(set(values) - set(SAMPLING_KEYS))
    if unknown:
        raise ValidationError(
            {
                "sampling": [
                    gettext("Unknown: %(unknown)s. Known: %(known)s.")
                    % {"unknown": ", ".join(unknown), "known": ", ".join(SAMPLING_KEYS)}
                ]
            }
        )
    checked = dict(PRESET_BY_KEY[DEFAULT_PRESET].sampling)
    for name, value in values.items():
        try:
            field = GenerationJob._meta.get_field(name)
            assert isinstance(field, Field)
            checked[name] = field.clean(value, None)
        except (ValidationError, OverflowError, TypeError) as error:
            messages = error.messages if isinstance(error, ValidationError) else [gettext("Enter a number.")]
            raise ValidationError({"sampling": [f"{name}: {message}" for message in messages]}) from error
    return checked


def _check_suite(suite: PromptSuite, arms: int) -> None:
    if not suite.is_frozen:
        message = gettext(
            "The suite “%(suite)s” is still open. Freeze it first, so that every arm is asked the same."
        ) % {"suite": suite.name}
        raise Refused(message, fields={"suite": [message]})
    jobs = suite.items.count() * arms
    if jobs > MOST_JOBS:
        message = gettext("%(jobs)s jobs would be needed; a test makes at most %(most)s. Choose a smaller suite.") % {
            "jobs": jobs,
            "most": MOST_JOBS,
        }
        raise Refused(message, fields={"suite": [message]})


def _check_arms(arms: Sequence[ArmSpec], duration: int) -> None:
    if not FEWEST_ARMS <= len(arms) <= MOST_ARMS:
        raise ArmsRefused(
            gettext("A test compares %(fewest)s to %(most)s arms, not %(arms)s.")
            % {"fewest": FEWEST_ARMS, "most": MOST_ARMS, "arms": len(arms)}
        )
    if len({arm.sound for arm in arms}) < len(arms):
        raise ArmsRefused(gettext("Two arms are equal, so nothing could be told between them. Choose different ones."))
    for arm in arms:
        if not 0 <= arm.strength <= MAX_STRENGTH:
            raise ArmsRefused(
                gettext("The strength of an adapter is from 0 to %(most)s, not %(strength)s.")
                % {"most": MAX_STRENGTH, "strength": f"{arm.strength:g}"}
            )
        limit = arm.base_model.max_duration
        if duration > limit:
            raise ArmsRefused(
                gettext("%(duration)s s is over the %(limit)s s limit of %(base_model)s.")
                % {"duration": duration, "limit": limit, "base_model": arm.base_model.display_name}
            )
        if arm.adapter is not None:
            try:
                require_selectable(arm.adapter, arm.base_model)
            except AdapterNotSelectable as error:
                raise ArmsRefused(error.message) from error


def check_description(description: str, names: Sequence[str]) -> None:
    """Raters read the description before they vote: refuse one that names a model or an adapter."""
    named = [name for name in names if name.casefold() in description.casefold()]
    if named:
        message = gettext("Raters read the description, so it must not name “%(name)s”.") % {"name": named[0]}
        raise Refused(message, fields={"description": [message]})
