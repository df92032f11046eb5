"""What people do with datasets. Pages, API, admin and commands call these; the actor is always named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from datasets_app.building.builder import ROW_NOUNS, build
from datasets_app.building.filters import FilterSpec
from datasets_app.building.machine_labels import Counted, counted
from datasets_app.building.selection import told
from datasets_app.dependents import users_of
from datasets_app.exceptions import DatasetInUse, DatasetNotFound, DatasetNotReady, NoRows
from datasets_app.models import Dataset, Export
from datasets_app.report.telling import require_answers
from feedback.listening_tests.access import require_curator
from text2song.exceptions import Forbidden
from text2song.workers import worker_name

NOT_TYPED = ("filters", "created_by", "statistics")


def create_dataset(
    *,
    actor: User | None,
    name: str,
    kind: str,
    filters: Mapping[str, Any] | None = None,
    description: str = "",
    seed: int = 0,
    now: bool = False,
) -> Dataset:
    """Store a dataset and wake a worker to build it; with `now` it is built here, by a process that has a presence.

    Raises `Forbidden` (curators only: what fits which filters tells what others answered), `ValidationError` (name,
    kind, seed), `InvalidFilters`, and `NoRows` when nothing fits the filters; with a taste `NothingLabelled` when it
    has nothing to label, and `AdapterFilesUnavailable`. Nothing is stored then.
    """
    require_curator(actor, gettext("build a dataset"))
    dataset = new_dataset(actor=actor, name=name, kind=kind, description=description, seed=seed)
    spec = FilterSpec.from_mapping(filters or {}, dataset.kind)
    dataset.filters = spec.to_mapping()
    dataset.rows_total = counted(dataset.kind, spec, seed).rows
    if not dataset.rows_total:
        raise NoRows(ROW_NOUNS[dataset.kind])
    if now:
        dataset.be_claimed(worker_name())
    with transaction.atomic():
        dataset.save(force_insert=True)
        if not now:
            dataset.wake_worker()
    if now:
        build(dataset)
    return dataset


def new_dataset(*, actor: User | None, name: str, kind: str, description: str = "", seed: int = 0) -> Dataset:
    """A dataset that is not stored yet; raises `ValidationError`."""
    text = description.replace("\r\n", "\n").strip()
    dataset = Dataset(created_by=actor, name=name.strip(), kind=kind, description=text, seed=seed)
    dataset.full_clean(exclude=NOT_TYPED, validate_constraints=False)
    return dataset


@dataclass(frozen=True, slots=True)
class Preview:
    """Rows a dataset would have; None where they are only said to be fewer than `FEWEST_TOLD`.

    `judged` are those of people, `labelled` those of a taste.
    """

    judged: int | None
    labelled: int | None

    @property
    def rows(self) -> int | None:
        """All of them, where that tells no more of the parts."""
        return None if self.judged is None or self.labelled is None else self.judged + self.labelled


def preview(*, actor: User | None, kind: str, filters: Mapping[str, Any], seed: int = 0) -> int | None:
    """How many rows a dataset would have; None for fewer than `FEWEST_TOLD`, unless the studio itself asks.

    Raises `InvalidFilters`, and `Forbidden`: counts are for curators only, like all that chooses rows. A least count
    alone would not do, since the difference of two large counts is the answer on one clip. With a taste it raises as
    `create_dataset` does; which texts it may label depends on `seed`.
    """
    return preview_parts(actor=actor, kind=kind, filters=filters, seed=seed).rows


def preview_parts(*, actor: User | None, kind: str, filters: Mapping[str, Any], seed: int = 0) -> Preview:
    """As `preview`, the rows of people and of a taste apart."""
    require_curator(actor, gettext("count what a dataset would hold"))
    spec = FilterSpec.from_mapping(filters, kind)
    return _told(actor, counted(kind, spec, seed), spec)


def _told(actor: User | None, found: Counted, spec: FilterSpec) -> Preview:
    """Of so few judged pairs that they are not counted out, a share of all rows would be the count."""
    judged = told(actor, found.judged)
    hidden = judged is None and spec.taste_share < 1
    return Preview(judged, None if hidden else found.labelled)


def may_change(user: User, dataset: Dataset) -> bool:
    """Whether `user` may delete it: who made it, and curators."""
    return bool(user.is_staff or (dataset.created_by_id is not None and dataset.created_by_id == user.pk))


def delete_dataset(*, dataset: Dataset, actor: User) -> None:
    """Hide it; its rows and files stay. Raises `Forbidden`, `DatasetInUse`, and `DatasetNotFound` the second time."""
    if not may_change(actor, dataset):
        raise Forbidden(gettext("Only the person who made a dataset, or a curator, can delete it."))
    with transaction.atomic():
        living = Dataset.objects.visible().select_for_update().filter(pk=dataset.pk)
        if not living.exists():
            raise DatasetNotFound(gettext("This dataset is deleted already."))
        if users := users_of(dataset):
            raise DatasetInUse(dataset.name, users)
        living.update(deleted_at=timezone.now())
    dataset.refresh_from_db()


def start_export(*, dataset: Dataset, file_format: str, actor: User | None) -> Export:
    """The export of a dataset in a format: what is there or under way already, else a new one that waits for a worker.

    Raises `Forbidden` where the actor may not read the rows, `DatasetNotReady`, and `ValidationError` for an unknown
    format.
    """
    if dataset.is_deleted:
        raise DatasetNotFound(gettext("This dataset is deleted."))
    if not dataset.is_ready:
        raise DatasetNotReady(dataset.name, dataset.state)
    require_answers(actor, dataset)
    export = Export(dataset=dataset, format=file_format, created_by=actor, rows_total=dataset.row_count)
    export.clean_fields(exclude=["dataset", "created_by"])
    if earlier := _standing_export(export):
        return earlier
    try:
        with transaction.atomic():
            export.save(force_insert=True)
            export.wake_worker()
    except IntegrityError:
        if earlier := _standing_export(export):
            return earlier
        raise
    return export


def _standing_export(wanted: Export) -> Export | None:
    """One of the same dataset and format that is under way, or whose file is there."""
    same = Export.objects.filter(dataset=wanted.dataset_id, format=wanted.format).exclude(state=Export.State.FAILED)
    return next((e for e in same if e.is_unfinished or (e.file.name and e.file.storage.exists(e.file.name))), None)
