"""Datasets that come as a file, from this studio or from another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError
from django.db.models import Count
from django.utils.translation import gettext

from datasets_app.building.writing import Writer, seal
from datasets_app.exceptions import InvalidRow, SharedText
from datasets_app.formats.parsing import read_rows
from datasets_app.formats.rows import ClipRow, Row, SupervisedRow, codes_digest
from datasets_app.models import Dataset
from datasets_app.services import new_dataset
from feedback.listening_tests.access import require_curator
from generation.exceptions import StorageUnavailable
from generation.models import AudioSample
from generation.sound.files import load_codes
from prompts.models import Prompt
from prompts.wording.sameness import text_key
from text2song.exceptions import Conflict
from text2song.work import ClaimLost

ROWS_AT_ONCE = 100


def import_dataset(*, actor: User | None, path: Path, name: str, worker: str, description: str = "") -> Dataset:
    """Make a dataset of the rows of an exported file, folder or zip; it has the content hash of the one exported.

    Clips of this studio are recognised by id and codes; others bring their codes along. `worker` names this process.
    Raises `Forbidden` (curators only), `ValidationError` (name), `InvalidRow` and `OSError`, and nothing is stored
    then; `Conflict` when this process was taken for dead meanwhile.
    """
    require_curator(actor, gettext("import a dataset"))
    rows = read_rows(path)
    first = next(rows, None)
    if first is None:
        raise InvalidRow(gettext("%(path_name)s holds no rows.") % {"path_name": path.name})
    kind = _kind(first)
    dataset = new_dataset(actor=actor, name=name, kind=kind, description=description)
    dataset.imported_from = path.name[:200]
    dataset.be_claimed(worker)
    dataset.save(force_insert=True)
    writer = Writer(dataset)
    try:
        _fill(writer, chain([first], rows))
        _check(dataset)
        if not seal(dataset):
            raise ClaimLost
    except ClaimLost as error:  # the row has failed with this reason meanwhile
        raise Conflict(Dataset.CUT_OFF) from error
    except BaseException:
        writer.clear()
        dataset.delete()
        raise
    return dataset


def _kind(row: Row) -> str:
    return Dataset.Kind.SUPERVISED if isinstance(row, SupervisedRow) else Dataset.Kind.PREFERENCE


def _fill(writer: Writer, rows: Iterator[Row]) -> None:
    frozen = FrozenTexts.now()
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        if any(_kind(row) != writer.dataset.kind for row in batch):
            raise InvalidRow(gettext("The file mixes rated clips and pairs; a dataset holds one kind."))
        for row in batch:
            frozen.refuse(row)
        try:
            writer.write(batch, _own_samples(clip for row in batch for clip in row.clips))
        except IntegrityError as error:
            raise InvalidRow(gettext("The file holds the same row twice.")) from error


def _own_samples(clips: Iterable[ClipRow]) -> dict[UUID, AudioSample]:
    """Those of the clips that are samples of this studio: same id, same codes."""
    digests = {clip.sample_id: clip.codes_sha256 for clip in clips}
    found = AudioSample.objects.in_bulk(digests)
    return {pk: sample for pk, sample in found.items() if _digest(sample) == digests[pk]}


def _digest(sample: AudioSample) -> str:
    try:
        return codes_digest(load_codes(sample))
    except StorageUnavailable:
        return ""


def _check(dataset: Dataset) -> None:
    """What holds for every dataset: a training split, and splits that share no text."""
    items = dataset.items.order_by()
    if not items.filter(split="train").exists():
        raise InvalidRow(gettext("The file has no row in the split “train”."))
    spread = items.values("text_key").annotate(n=Count("split", distinct=True)).filter(n__gt=1)
    first = spread.order_by("text_key").first()
    if first is not None:
        shared = items.filter(text_key=first["text_key"]).order_by("position")[0]
        raise SharedText(shared.prompt_text)


@dataclass(frozen=True, slots=True)
class FrozenTexts:
    """What the prompts of this studio's frozen suites ask for."""

    ids: frozenset[UUID]
    keys: frozenset[str]

    @classmethod
    def now(cls) -> FrozenTexts:
        """As the suites are at this moment."""
        found = list(Prompt.objects.in_frozen_suites().values_list("pk", "text_key"))
        return cls(frozenset(pk for pk, _ in found), frozenset(key for _, key in found))

    def refuse(self, row: Row) -> None:
        """Raise `InvalidRow` for a row that asks for, or was read as, one of them."""
        if row.prompt_id in self.ids or not self.keys.isdisjoint((row.text_key, text_key(row.text))):
            message = gettext(
                "The prompt “%(value)s” is in a frozen suite here; such prompts are never trained on."
            ) % {"value": row.prompt[:80]}
            raise InvalidRow(message)
