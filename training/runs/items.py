"""From a dataset, built here or exported, to what the trainer eats. Free of torch."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

from django.db.models import Count
from django.db.models.functions import Coalesce

from datasets_app.exceptions import DatasetNotReady, SharedText
from datasets_app.formats.parsing import read_rows
from datasets_app.formats.rows import ClipRow, PreferenceRow, Row, SupervisedRow, row_id
from datasets_app.formats.training_command import require_method
from datasets_app.models import Dataset
from datasets_app.services.imports import FrozenTexts
from generation.jobs.presets import SAMPLING_KEYS
from generation.models import AudioSample
from generation.specs import Codes, SamplingSpec
from prompts.wording.sameness import text_key
from training.config import Method
from training.specs import LabelledClip, LikedClip, PreferencePair, RankedClips, TrainingItem, Wish, clips_of

LIKED_FROM, DISLIKED_TO = 4.0, 2.0
HIGHEST = 5.0
ROWS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Items:
    """The items of the splits a run reads; the test split stays unread."""

    training: list[TrainingItem]
    validation: list[TrainingItem]


def load_items(source: Dataset | Path, method: Method) -> Items:
    """The items `method` trains on. `source` is a built dataset, or an exported file, folder or zip.

    A validation item whose text the model also trains on is left out, for it would measure memory: two long prompts may
    be read as one text, and datasets of earlier releases held texts out by the prompts' ids.

    Raises `MethodDoesNotMatch` with what would match, `DatasetNotReady`, `InvalidRow`, `StorageUnavailable`, `OSError`.
    """
    if isinstance(source, Dataset):
        require_method(method.value, source.kind)
        read: Callable[[str], Iterable[Row]] = partial(_stored, source)
    else:
        read = partial(_exported, source, method)
    training, validation = (items_of(method, read(split)) for split in ("train", "validation"))
    trained_on = {text_key(item.text) for item in training}
    return Items(training, [item for item in validation if text_key(item.text) not in trained_on])


def items_of(method: Method, rows: Iterable[Row]) -> list[TrainingItem]:
    """Training items from rows, in their order.

    - sft: clips rated `LIKED_FROM` or better, weighing evidence times rating / 5.
    - dpo: every pair, weighing its votes, with the probability that the chosen clip is the better one: see `_pair`.
    - kto: `LIKED_FROM` or better is desirable, `DISLIKED_TO` or worse undesirable, what is between is left out.
    - ranking: the clips of each prompt, best first by rating; from pairs, each that has a winner, as for dpo.
    """
    if method is Method.SFT:
        return [_liked(row) for row in _rated(rows) if row.rating >= LIKED_FROM]
    if method is Method.DPO:
        return [_pair(row) for row in rows if isinstance(row, PreferenceRow)]
    if method is Method.KTO:
        return [_labelled(row) for row in _rated(rows) if not DISLIKED_TO < row.rating < LIKED_FROM]
    return list(_rankings(rows))


def _liked(row: SupervisedRow) -> LikedClip:
    return LikedClip(row.text, _codes(row.sample), row.weight * row.rating / HIGHEST)


def _pair(row: PreferenceRow) -> PreferencePair:
    """A pair with all its votes: its loss is that of the votes one by one, each believed as far as its rater.

    A rater of reliability r is right with probability (1 + r) / 2 (the one-coin model of
    `feedback.statistics.reliability`), so a vote for the chosen clip is one with that label, a vote against it one with
    (1 - r) / 2, a tie one with 1/2. Their mean is 1/2 + (a - b) / (2 n), with a and b the reliabilities behind either
    clip and n the votes. Reliability is in the label, and not in the weight again.

    A pair that a taste labelled has no votes: its label is the taste's probability, and it weighs less than one vote.
    """
    if row.judge:
        return PreferencePair(row.text, _codes(row.chosen), _codes(row.rejected), row.weight, (1 + row.margin) / 2)
    lead = min(1.0, row.weight * row.margin / row.votes)
    return PreferencePair(row.text, _codes(row.chosen), _codes(row.rejected), row.votes, (1 + lead) / 2)


def _labelled(row: SupervisedRow) -> LabelledClip:
    return LabelledClip(row.text, _codes(row.sample), row.rating >= LIKED_FROM, row.weight)


def _rankings(rows: Iterable[Row]) -> Iterator[RankedClips]:
    """Neighbours of equal rating have no order: of those only the first in order of id is kept."""
    for _, of_prompt in groupby(rows, key=lambda row: row.text_key):
        rated: dict[float, SupervisedRow] = {}
        for row in of_prompt:
            if isinstance(row, PreferenceRow):
                if not row.margin:
                    continue
                pair = _pair(row)
                yield RankedClips(pair.text, (pair.chosen, pair.rejected), pair.weight, pair.preference)
            elif row.rating not in rated or row.sample.sample_id < rated[row.rating].sample.sample_id:
                rated[row.rating] = row
        if len(rated) > 1:
            best_first = [rated[rating] for rating in sorted(rated, reverse=True)]
            weight = sum(row.weight for row in best_first) / len(best_first)
            yield RankedClips(best_first[0].text, tuple(_codes(row.sample) for row in best_first), weight)


def _codes(clip: ClipRow) -> Codes:
    assert clip.codes is not None, "rows to train on are read with codes"
    return clip.codes


def _rated(rows: Iterable[Row]) -> Iterator[SupervisedRow]:
    return (row for row in rows if isinstance(row, SupervisedRow))


# -- where rows come from --------------------------------------------------------------------------------------------


def _stored(dataset: Dataset, split: str) -> Iterator[Row]:
    if not dataset.is_ready:
        raise DatasetNotReady(dataset.name, dataset.state)
    items = dataset.items.filter(split=split).by_text().with_clips()
    return (item.to_row() for item in items.iterator(chunk_size=ROWS_AT_ONCE))


def _exported(path: Path, method: Method, split: str) -> list[Row]:
    """Rows of one split with those that ask for the same together; every row must suit the method, and the rules of
    datasets: no text in two splits, none of a frozen suite.
    """
    frozen, splits = FrozenTexts.now(), dict[str, str]()
    found: list[Row] = []
    for row in read_rows(path):
        kind = Dataset.Kind.SUPERVISED if isinstance(row, SupervisedRow) else Dataset.Kind.PREFERENCE
        require_method(method.value, kind)
        frozen.refuse(row)
        if splits.setdefault(row.text_key, row.split) != row.split:
            raise SharedText(row.prompt)
        if row.split == split:
            found.append(row)
    return sorted(found, key=lambda row: (row.text_key, row_id(row)))


# -- what clips like theirs are made with ----------------------------------------------------------------------------


def wishes_of(source: Dataset | Path, items: Sequence[TrainingItem]) -> list[Wish]:
    """The texts that are trained on, each once, in an order that says nothing; what tempo they ask for is known of
    datasets whose prompts are in this studio."""
    tempi: dict[str, float | None] = {}
    if isinstance(source, Dataset):
        asked = source.items.filter(prompt__tempo__isnull=False).order_by("-prompt__tempo")
        tempi = dict(asked.values_list("text", "prompt__tempo"))
    texts = sorted({item.text for item in items}, key=text_key)
    return [Wish(text, tempi.get(text)) for text in texts]


def made_with(dataset: Dataset) -> SamplingSpec | None:
    """The sampler that most of the dataset's clips were made with; None of clips from another studio."""
    named = [f"job__{name}" for name in SAMPLING_KEYS]
    chosen = dataset.items.order_by().annotate(clip=Coalesce("chosen__sample", "sample__sample")).values("clip")
    jobs = AudioSample.objects.filter(pk__in=chosen).order_by().values(*named)
    most = jobs.annotate(clips=Count("pk")).order_by("-clips", *named).first()
    return None if most is None else SamplingSpec(**{name: most[f"job__{name}"] for name in SAMPLING_KEYS})


def frames_of(items: Sequence[TrainingItem]) -> int:
    """The median length of the clips that are trained on, in codec frames."""
    return int(statistics.median(codes.shape[1] for item in items for _, codes in clips_of(item)))
