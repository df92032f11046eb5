"""Building a dataset from feedback: prompt by prompt, so that memory does not grow with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from uuid import UUID

from datasets_app.exceptions import NoRows
from datasets_app.filters import FilterSpec
from datasets_app.models import Dataset
from datasets_app.rows import DECIMALS, ClipRow, PreferenceRow, Row, SupervisedRow, codes_digest
from datasets_app.selection import TOLERANCE, rows
from datasets_app.splits import assign_splits
from datasets_app.writing import Writer, seal
from feedback.models import SampleTag
from generation.models import AudioSample
from generation.sample_files import load_codes
from text2song.outages import write_refused

PROMPTS_AT_ONCE = 20
ROW_NOUNS = {"supervised": "rated clip", "preference": "judged pair"}
ANSWERS = ("low_votes", "high_votes", "ties")
"""Answers on a pair that say something of one clip to the other."""


def build(dataset: Dataset) -> bool:
    """Fill a claimed dataset; it ends ready or failed. True when it is ready."""
    dataset.perform(_build, lambda error: write_refused(error, dataset.sentence(error)))
    return dataset.is_ready


def _build(dataset: Dataset) -> None:
    spec = FilterSpec.stored(dataset.filters)
    found = rows(dataset.kind, spec)
    prompt_ids = sorted(found.order_by().values_list("prompt", flat=True).distinct())
    if not prompt_ids:
        raise NoRows(ROW_NOUNS[dataset.kind])
    writer = Writer(dataset)
    writer.clear()
    dataset.count(0, found.count())
    dataset.refresh_from_db()
    splits = assign_splits(prompt_ids, dataset.seed)
    for some in _batches(prompt_ids, PROMPTS_AT_ONCE):
        batch = list(rows(dataset.kind, replace(spec, prompts=tuple(map(str, some)))))
        samples = _samples(batch)
        writer.write([_row(values, samples, splits) for values in batch], {pk: s.sample for pk, s in samples.items()})
    seal(dataset)


class _Sample:
    """A sample with what its row freezes of it."""

    def __init__(self, sample: AudioSample, tags: Iterable[str]) -> None:
        self.sample = sample
        self.tags = tuple(sorted(tags))

    def freeze(self) -> ClipRow:
        """The clip as it is now, its codes read from the store."""
        sample, codes = self.sample, load_codes(self.sample)
        return ClipRow(
            sample_id=sample.pk,
            codes=codes,
            codes_sha256=codes_digest(codes),
            seed=sample.seed,
            duration=sample.duration,
            sample_rate=sample.sample_rate,
            model=sample.job.base_model.key,
            base_revision=sample.base_revision,
            adapter=sample.job.adapter.label if sample.job.adapter else None,
            tags=self.tags,
        )


def _samples(batch: Sequence[Mapping[str, Any]]) -> dict[UUID, _Sample]:
    """The samples of pooled rows, with their prompts, models, adapters and tags, in two queries."""
    ids = {values[name] for values in batch for name in ("sample_id", "low", "high") if name in values}
    tags: dict[UUID, set[str]] = defaultdict(set)
    uses = SampleTag.objects.filter(sample__in=ids).trusted().order_by()
    for sample_id, name in uses.values_list("sample_id", "tag__name"):
        tags[sample_id].add(name)
    return {
        sample.pk: _Sample(sample, tags[sample.pk]) for sample in AudioSample.objects.with_context().filter(pk__in=ids)
    }


def _row(values: Mapping[str, Any], samples: Mapping[UUID, _Sample], splits: Mapping[UUID, str]) -> Row:
    if "sample_id" in values:
        rated = samples[values["sample_id"]]
        rating = min(5.0, max(1.0, round(values["rating"], DECIMALS)))
        shared = _shared(values, rated.sample, splits, values["weight"], values["votes"])
        return SupervisedRow(**shared, sample=rated.freeze(), rating=rating)
    won, lost = ("high", "low") if values["high_weight"] > values["low_weight"] + TOLERANCE else ("low", "high")
    weight = values["low_weight"] + values["high_weight"] + values["tie_weight"]
    margin = max(0.0, values[f"{won}_weight"] - values[f"{lost}_weight"]) / weight
    chosen, rejected = samples[values[won]], samples[values[lost]]
    shared = _shared(values, chosen.sample, splits, weight, sum(values[name] for name in ANSWERS))
    return PreferenceRow(**shared, chosen=chosen.freeze(), rejected=rejected.freeze(), margin=round(margin, DECIMALS))


def _shared(
    values: Mapping[str, Any], sample: AudioSample, splits: Mapping[UUID, str], weight: float, votes: int
) -> dict[str, Any]:
    prompt = sample.job.prompt
    return {
        "split": splits[prompt.pk],
        "prompt_id": prompt.pk,
        "prompt": prompt.text,
        "text": sample.rendered_text,
        "weight": round(weight, DECIMALS),
        "votes": votes,
    }


def _batches(values: Iterable[UUID], size: int) -> Iterator[list[UUID]]:
    remaining = iter(values)
    while some := list(islice(remaining, size)):
        yield some
