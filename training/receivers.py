"""What other apps ask of training."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext

from adapters.models import Adapter
from adapters.pages.configuration import Group, describes_adapters
from datasets_app.dependents import uses_datasets
from datasets_app.models import Dataset
from training.config import Group as ConfigGroup
from training.models import Experiment
from training.pages.settings_in_words import settings_in_words

LORA_IN_FILE = {
    "lora_r": "r",
    "lora_alpha": "lora_alpha",
    "lora_dropout": "lora_dropout",
    "target_modules": "target_modules",
}
"""Settings that adapter_config.json tells too, by their names there."""


@uses_datasets
def users_of_dataset(dataset: Dataset) -> Iterator[str]:
    """Unarchived experiments that train on it, and living adapters that were trained on it."""
    for name in Experiment.objects.training_on(dataset).order_by("name").values_list("name", flat=True):
        yield gettext("the experiment “%(name)s”") % {"name": name}
    for adapter in Adapter.objects.visible().filter(run__dataset=dataset).order_by("name", "version"):
        yield gettext("the adapter “%(adapter_label)s”") % {"adapter_label": adapter.label}


@describes_adapters
def settings_of_adapter(adapter: Adapter) -> list[Group]:
    """What its files tell, and how it was trained where that is known.

    The files come first: a run that goes on from an adapter takes rank, alpha and layers from it.
    """
    kept = {name: adapter.peft_config[key] for name, key in LORA_IN_FILE.items() if key in adapter.peft_config}
    if not adapter.training_config:
        return settings_in_words(kept, groups=[ConfigGroup.LORA])
    return settings_in_words({**adapter.training_config, **kept})
