"""What the queue runs. Each takes a primary key; the row decides what there is to do."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.utils import timezone
from django_q.conf import Conf

from datasets_app.models import Dataset, Export
from text2song import queue
from text2song.workers import on_worker_start, worker_name

log = structlog.get_logger(__name__)

LOST_AFTER = timedelta(seconds=60)
GAVE_UP = "The worker died {} times over this, most likely for lack of memory or disk. The log has the details."

CUT_OFF = "The import was cut off. Import the file again."


def build_dataset(dataset_id: str) -> None:
    """Build the dataset if nobody has begun."""
    from datasets_app.builder import build

    dataset = Dataset.objects.filter(pk=dataset_id).first()
    if dataset is not None and dataset.claim(worker_name()):
        build(dataset, worker_name())


def write_export(export_id: str) -> None:
    """Write the export's file if nobody has begun."""
    from datasets_app.exports import write

    export = Export.objects.select_related("dataset").filter(pk=export_id).first()
    if export is not None and export.claim(worker_name()):
        write(export, worker_name())


def sweep() -> None:
    """Take up what dead workers left, and send lost wake-ups again."""
    from datasets_app.services import BUILD, EXPORT

    for kind, task in ((Dataset, BUILD), (Export, EXPORT)):
        for work in kind.objects.of_dead_workers():
            _take_up(work)
        for work in kind.objects.waiting().filter(created_at__lt=timezone.now() - LOST_AFTER):
            queue.enqueue(task, work.pk, cluster="default")


def _take_up(work: Dataset | Export) -> None:
    dead = work.worker
    if getattr(work, "is_imported", False):
        work.fail(CUT_OFF, dead)
    elif work.attempts >= work.MAX_ATTEMPTS:
        work.fail(GAVE_UP.format(work.attempts), dead)
        log.error("work_out_of_attempts", kind=work._meta.model_name, pk=str(work.pk))
    elif work.requeue(dead):
        log.warning("work_taken_up", kind=work._meta.model_name, pk=str(work.pk), dead_worker=dead)


@on_worker_start
def sweep_at_start() -> None:
    """A worker that replaces a dead one takes up its work at once."""
    if Conf.CLUSTER_NAME == "default":
        sweep()
