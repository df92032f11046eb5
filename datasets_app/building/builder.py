"""Building a dataset from feedback: text by text, so that memory does not grow with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any
from uuid import UUID

from datasets_app.building.filters import FilterSpec
from datasets_app.building.machine_labels import Label, Labels, labels_for
from datasets_app.building.selection import TOLERANCE, rows
from datasets_app.building.splits import assign_splits
from datasets_app.building.writing import Writer, seal
from datasets_app.exceptions import NoRows
from datasets_app.formats.rows import DECIMALS, ClipRow, PreferenceRow, Row, SupervisedRow, codes_digest
from datasets_app.models import Dataset
from feedback.models import Note, SampleTag
from generation.models import AudioSample
from generation.sound.files import load_codes
from prompts.models import Prompt
from text2song.outages import write_refused

TEXTS_AT_ONCE = 20
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
    labels = labels_for(spec, dataset.seed, listen=True) if spec.taste else None
    labelled = _by_text(labels)
    text_keys = sorted({*found.order_by().values_list("asked", flat=True).distinct(), *labelled})
    if not text_keys:
        raise NoRows(ROW_NOUNS[dataset.kind])
    writer = Writer(dataset, labels.taste if labels else None)
    writer.clear()
    dataset.count(0, found.count() + sum(map(len, labelled.values())))
    dataset.refresh_from_db()
    splits = assign_splits(text_keys, dataset.seed)
    for some in _batches(text_keys, TEXTS_AT_ONCE):
        batch = list(rows(dataset.kind, _asking(spec, some)))
        pairs = [pair for text in some for pair in labelled.get(text, [])]
        samples = _samples(_named(batch) | {s.sample for pair in pairs for s in (pair.chosen, pair.rejected)})
        made: list[Row] = [_row(values, samples, splits) for values in batch]
        if labels:
            made += [_labelled_row(pair, labels.judge, samples, splits) for pair in pairs]
        writer.write(made, {pk: s.sample for pk, s in samples.items()})
    seal(dataset, labels.to_mapping() if labels else None)


def _by_text(labels: Labels | None) -> dict[str, list[Label]]:
    found: dict[str, list[Label]] = defaultdict(list)
    for pair in labels.pairs if labels else []:
        found[pair.asked].append(pair)
    return found


def _asking(spec: FilterSpec, text_keys: list[str]) -> FilterSpec:
    """The filters narrowed to prompts that ask for these texts: all of them, as a pair may come from two."""
    prompts = Prompt.objects.filter(text_key__in=text_keys).order_by()
    if spec.prompts:
        prompts = prompts.filter(pk__in=spec.prompts)
    return replace(spec, prompts=tuple(map(str, prompts.values_list("pk", flat=True))))


class _Sample:
    """A sample with what its row freezes of it."""

    def __init__(self, sample: AudioSample, tags: Iterable[str], notes: Iterable[str]) -> None:
        self.sample = sample
        self.tags = tuple(sorted(tags))
        self.notes = tuple(sorted(notes))

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
            notes=self.notes,
        )


def _named(batch: Sequence[Mapping[str, Any]]) -> set[UUID]:
    return {values[name] for values in batch for name in ("sample_id", "low", "high") if name in values}


def _samples(ids: set[UUID]) -> dict[UUID, _Sample]:
    """These samples, with their prompts, models, adapters, tags and notes, in three queries."""
    tags: dict[UUID, set[str]] = defaultdict(set)
    uses = SampleTag.objects.filter(sample__in=ids).trusted().order_by()
    for sample_id, name in uses.values_list("sample_id", "tag__name"):
        tags[sample_id].add(name)
    notes: dict[UUID, list[str]] = defaultdict(list)
    for sample_id, text in Note.objects.filter(sample__in=ids).trusted().order_by().values_list("sample_id", "text"):
        notes[sample_id].append(text)
    return {
        sample.pk: _Sample(sample, tags[sample.pk], notes[sample.pk])
        for sample in AudioSample.objects.with_context().filter(pk__in=ids)
    }


def _row(values: Mapping[str, Any], samples: Mapping[UUID, _Sample], splits: Mapping[str, str]) -> Row:
    if "sample_id" in values:
        rated = samples[values["sample_id"]]
        rating = min(5.0, max(1.0, round(values["rating"], DECIMALS)))
        shared = _shared(rated.sample, splits, values["weight"], values["votes"])
        return SupervisedRow(**shared, sample=rated.freeze(), rating=rating)
    won, lost = ("high", "low") if values["high_weight"] > values["low_weight"] + TOLERANCE else ("low", "high")
    weight = values["low_weight"] + values["high_weight"] + values["tie_weight"]
    margin = max(0.0, values[f"{won}_weight"] - values[f"{lost}_weight"]) / weight
    chosen, rejected = samples[values[won]], samples[values[lost]]
    shared = _shared(chosen.sample, splits, weight, sum(values[name] for name in ANSWERS))
    return PreferenceRow(**shared, chosen=chosen.freeze(), rejected=rejected.freeze(), margin=round(margin, DECIMALS))


def _labelled_row(pair: Label, judge: str, samples: Mapping[UUID, _Sample], splits: Mapping[str, str]) -> PreferenceRow:
    """A row that a taste labelled: no vote, and weighing less than one the less sure the taste is."""
    chosen, rejected = samples[pair.chosen.sample], samples[pair.rejected.sample]
    shared = _shared(chosen.sample, splits, pair.margin, 0)
    return PreferenceRow(**shared, chosen=chosen.freeze(), rejected=rejected.freeze(), margin=pair.margin, judge=judge)


def _shared(sample: AudioSample, splits: Mapping[str, str], weight: float, votes: int) -> dict[str, Any]:
    prompt = sample.job.prompt
    return {
        "split": splits[prompt.text_key],
        "prompt_id": prompt.pk,
        "prompt": prompt.text,
        "asked": prompt.rendered_text,
        "text": sample.rendered_text,
        "weight": round(weight, DECIMALS),
        "votes": votes,
    }


def _batches(values: Iterable[str], size: int) -> Iterator[list[str]]:
    remaining = iter(values)
    while some := list(islice(remaining, size)):
        yield some
