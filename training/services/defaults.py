"""What new experiments start with: read by all, changed by curators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext

from text2song.exceptions import Forbidden
from training.config import InvalidConfig, TrainingConfig
from training.exceptions import ConfigRefused
from training.models import TrainingDefaults

FOLLOWS_DATASET = "method"


def starting_config() -> dict[str, Any]:
    """Every setting as a new experiment has it where nothing else is said, as JSON values."""
    shipped = TrainingConfig().to_mapping()
    changed = TrainingDefaults.objects.values_list("config", flat=True).first() or {}
    return shipped | {name: value for name, value in changed.items() if name in shipped}


def set_training_defaults(*, actor: User, config: Mapping[str, Any]) -> None:
    """Let experiments made from now on start with these; settings that `config` leaves out start as shipped.

    For curators. Raises `Forbidden`, and `ConfigRefused` naming every setting at fault.
    """
    if not actor.is_staff:
        raise Forbidden(gettext("Only curators change what new experiments start with."))
    try:
        chosen = TrainingConfig.from_mapping(config).to_mapping()
    except InvalidConfig as error:
        raise ConfigRefused(error.problems) from error
    shipped = TrainingConfig().to_mapping()
    differing = {name: value for name, value in chosen.items() if value != shipped[name] and name != FOLLOWS_DATASET}
    values = {"config": differing, "set_by": actor, "updated_at": timezone.now()}
    TrainingDefaults.objects.update_or_create(pk=1, defaults=values)
