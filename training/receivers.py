"""What other apps ask of training."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.models import Adapter
from datasets_app.dependents import uses_datasets
from datasets_app.models import Dataset
from training.models import Experiment


@uses_datasets
def users_of_dataset(dataset: Dataset) -> Iterator[str]:
    """Unarchived experiments that train on it, and living adapters that were trained on it."""
    for name in Experiment.objects.training_on(dataset).order_by("name").values_list("name", flat=True):
        yield f"the experiment “{name}”"
    for adapter in Adapter.objects.visible().filter(run__dataset=dataset).order_by("name", "version"):
        yield f"the adapter “{adapter.label}”"
