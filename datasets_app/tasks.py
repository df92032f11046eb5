"""What the queue runs. Each takes a primary key, and does all that waits."""

from __future__ import annotations

from datasets_app.models import Dataset, Export
from text2song.work import task_for
from text2song.workers import worker_name


@task_for(Dataset)
def build_datasets(dataset_id: str) -> None:
    """Build every dataset that waits."""
    from datasets_app.building.builder import build

    while dataset := Dataset.objects.claim_next(worker_name()):
        build(dataset)


@task_for(Export)
def write_exports(export_id: str) -> None:
    """Write the file of every export that waits."""
    from datasets_app.formats.exports import write

    while export := Export.objects.claim_next(worker_name()):
        write(export)
