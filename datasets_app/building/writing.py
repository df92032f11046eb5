"""Putting rows into a dataset that is being built."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile

from adapters.models import Taste
from datasets_app.exceptions import InvalidRow
from datasets_app.formats.rows import ClipRow, Row, canonical
from datasets_app.models import Clip, Dataset, DatasetItem
from datasets_app.querysets import CLIPS
from datasets_app.report.figures import report
from generation.models import AudioSample
from generation.sound.files import pack_codes
from prompts.models import Prompt
from text2song.work import patiently


class Writer:
    """Writes rows of a claimed dataset one batch after another, each in a transaction in which it is still claimed.

    `taste` labelled those of the rows that have a judge. Raises `ClaimLost` where it is not.
    """

    def __init__(self, dataset: Dataset, taste: Taste | None = None) -> None:
        self.dataset = dataset
        self.taste = taste
        self.position = 0

    def clear(self) -> None:
        """Remove what an attempt before this one left."""
        with self.dataset.held():
            self.dataset.items.all().delete()
            files = [clip.codes_file for clip in self.dataset.clips.exclude(codes_file="")]
            self.dataset.clips.all().delete()
        for file in files:
            if file.name:
                file.storage.delete(file.name)

    def write(self, rows: Sequence[Row], samples: Mapping[UUID, AudioSample]) -> None:
        """Store rows with codes. `samples` are those of this studio that the clips are; the others keep own codes."""
        prompts = Prompt.objects.in_bulk({row.prompt_id for row in rows})
        facts = {clip.sample_id: clip for row in rows for clip in row.clips}
        known = set(self.dataset.clips.filter(sample_key__in=facts).values_list("sample_key", flat=True))
        new = [self._clip(clip, samples.get(key)) for key, clip in facts.items() if key not in known]
        with self.dataset.held():
            Clip.objects.bulk_create(new)
            clips = {clip.sample_key: clip for clip in self.dataset.clips.filter(sample_key__in=facts)}
            _require_one_sound(rows, clips)
            DatasetItem.objects.bulk_create(
                DatasetItem.from_row(
                    self.dataset,
                    self.position + index,
                    row,
                    [clips[clip.sample_id] for clip in row.clips],
                    prompts.get(row.prompt_id),
                    self.taste,
                )
                for index, row in enumerate(rows)
            )
        self.position += len(rows)
        self.dataset.count(self.position, max(self.position, self.dataset.rows_total))

    def _clip(self, row: ClipRow, sample: AudioSample | None) -> Clip:
        clip = Clip(
            dataset=self.dataset,
            sample_key=row.sample_id,
            sample=sample,
            codes_sha256=row.codes_sha256,
            audio_sha256=sample.sha256 if sample else "",
            seed=row.seed,
            duration=row.duration,
            sample_rate=row.sample_rate,
            model=row.model,
            base_revision=row.base_revision,
            adapter=row.adapter or "",
            tags=list(row.tags),
            notes=list(row.notes),
        )
        if sample is None:
            assert row.codes is not None, "rows to store are read with codes"
            name = f"{self.dataset.claimed_name(row.sample_id)}.npz"
            clip.codes_file.save(name, ContentFile(pack_codes(row.codes)), save=False)
        return clip


def _require_one_sound(rows: Sequence[Row], clips: Mapping[UUID, Clip]) -> None:
    for clip in (clip for row in rows for clip in row.clips):
        if clips[clip.sample_id].codes_sha256 != clip.codes_sha256:
            raise InvalidRow(f"The clip {clip.sample_id} has other codes in another row.")


def seal(dataset: Dataset, labels: Mapping[str, Any] | None = None) -> bool:
    """building -> ready, with content hash and report; False when the claim was lost.

    `labels` is what the report tells of a taste's labels beside their number.
    """
    made = report(dataset, labels)
    rows = {f"{name}_rows": split["rows"] for name, split in made["splits"].items()}
    results = {"content_hash": content_hash(dataset), "statistics": made, **rows}
    return patiently(lambda: dataset.complete(**results))


def content_hash(dataset: Dataset) -> str:
    """sha256 over the dataset's rows in an order that only they decide; it is read row by row."""
    digest = hashlib.sha256()
    items = dataset.items.by_prompt().select_related(*CLIPS)
    for item in items.iterator(chunk_size=2000):
        digest.update(canonical(item.to_row(codes=False)))
    return digest.hexdigest()
