"""The quality report of a dataset: figures as JSON values, and what to do about them in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from django.db.models import Case, Count, F, QuerySet, Sum, When

from datasets_app.building.filters import FilterSpec
from datasets_app.building.selection import LIKED_FROM, pairs, rating_answers, vote_answers
from datasets_app.models import Dataset, DatasetItem
from datasets_app.report.advice import advice
from datasets_app.report.circles import Circles
from feedback.statistics.agreement import Alpha, Judgement, preference_alpha_of, rating_alpha

SHOWN_TAGS = 50
SHOWN_CIRCLES = 20
MARGIN_STEPS = 5


@dataclass(slots=True)
class _Tally:
    """What is counted row by row; what a taste labelled is counted apart: `machine` by judge, `sure` by margin."""

    rows: Counter[str] = field(default_factory=Counter)
    prompts: Counter[str] = field(default_factory=Counter)
    ratings: Counter[int] = field(default_factory=Counter)
    margins: Counter[int] = field(default_factory=Counter)
    machine: Counter[str] = field(default_factory=Counter)
    machine_splits: Counter[str] = field(default_factory=Counter)
    sure: Counter[int] = field(default_factory=Counter)
    rating_sum: float = 0.0
    liked: int = 0
    equal: int = 0
    largest_prompt: int = 0
    circles: Circles = field(default_factory=Circles)

    def add_prompt(self, items: list[DatasetItem]) -> None:
        """All rows that ask for one text; they are in one split."""
        self.prompts[items[0].split] += 1
        self.rows[items[0].split] += len(items)
        self.largest_prompt = max(self.largest_prompt, len(items))
        for item in items:
            if item.rating is not None:
                self.ratings[int(item.rating + 0.5)] += 1
                self.rating_sum += item.rating
                self.liked += item.rating >= LIKED_FROM
            elif item.judge:
                self.machine[item.judge] += 1
                self.machine_splits[item.split] += 1
                self.sure[_step(item)] += 1
            else:
                self.equal += item.margin == 0.0
                self.margins[_step(item)] += 1
        pairs = (item.clips for item in items if item.margin and not item.judge)
        edges = [(chosen.sample_key, rejected.sample_key) for chosen, rejected in pairs]
        self.circles.add(edges, SHOWN_CIRCLES)


def _step(item: DatasetItem) -> int:
    return min(MARGIN_STEPS - 1, int((item.margin or 0.0) * MARGIN_STEPS))


def report(dataset: Dataset, labels: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything D-08 and D-09 ask for; the rows are read one text at a time. Prompts that ask for the same are one.

    `labels` is what is told of a taste's labels beside what their rows tell.
    """
    tally = _Tally()
    for _, items in groupby(_items(dataset), key=lambda item: item.text_key):
        tally.add_prompt(list(items))
    figures = {
        "rows": tally.rows.total(),
        "splits": {
            value: {"rows": tally.rows[value], "prompts": tally.prompts[value]} for value in DatasetItem.Split.values
        },
        "prompts": tally.prompts.total(),
        "largest_prompt": tally.largest_prompt,
        **_of_clips(dataset),
        **(_of_ratings(tally) if dataset.kind == Dataset.Kind.SUPERVISED else _of_pairs(tally)),
        **_of_answers(dataset),
        **_of_labels(tally, labels),
    }
    return figures | {"recommendations": advice(dataset.kind, figures)}


def _items(dataset: Dataset) -> Iterator[DatasetItem]:
    return dataset.items.by_text().select_related("chosen", "rejected").iterator(chunk_size=2000)


def _of_clips(dataset: Dataset) -> dict[str, Any]:
    clips = dataset.clips.order_by()
    tags = Counter(tag for names in clips.values_list("tags", flat=True).iterator() for tag in names)
    same = Case(When(audio_sha256="", then=F("codes_sha256")), default=F("audio_sha256"))
    copies = clips.annotate(same=same).values("same").annotate(n=Count("pk")).filter(n__gt=1)
    return {
        "clips": clips.count(),
        "seconds": round(clips.aggregate(total=Sum("duration"))["total"] or 0.0, 3),
        "models": _counts(clips, "model"),
        "adapters": _counts(clips, "adapter"),
        "tags": dict(sorted(tags.items(), key=lambda entry: (-entry[1], entry[0]))[:SHOWN_TAGS]),
        "duplicates": sum(group["n"] - 1 for group in copies),
    }


def _counts(clips: QuerySet, name: str) -> dict[str, int]:
    return dict(clips.values_list(name).annotate(n=Count("pk")).order_by("-n", name))


def _of_ratings(tally: _Tally) -> dict[str, Any]:
    return {
        "ratings": {str(star): tally.ratings[star] for star in range(1, 6)},
        "mean_rating": round(tally.rating_sum / max(1, tally.rows.total()), 3),
        "liked": tally.liked,
    }


def _of_pairs(tally: _Tally) -> dict[str, Any]:
    circles = tally.circles
    return {
        "margins": _by_step(tally.margins),
        "equal_pairs": tally.equal,
        "triads": circles.triads,
        "circular_triads": circles.circular,
        "consistency": None if circles.consistency is None else round(circles.consistency, 4),
        "circles": [[str(clip) for clip in circle] for circle in circles.listed],
    }


def _by_step(margins: Counter[int]) -> dict[str, int]:
    return {f"{(step + 1) / MARGIN_STEPS:g}": margins[step] for step in range(MARGIN_STEPS)}


def _of_labels(tally: _Tally, labels: Mapping[str, Any] | None) -> dict[str, Any]:
    """`labelled`: how many rows a taste labelled and which; `labels`: how sure it was, and what the rules left out."""
    if not tally.machine:
        return {}
    rows = tally.machine.total()
    labelled = {
        "rows": rows,
        "judged": tally.rows.total() - rows,
        "judges": dict(sorted(tally.machine.items())),
        "splits": {value: tally.machine_splits[value] for value in DatasetItem.Split.values},
    }
    return {"labelled": labelled, "labels": {"margins": _by_step(tally.sure), **(labels or {})}}


# -- the answers behind the rows ---------------------------------------------------------------------------------


def _of_answers(dataset: Dataset) -> dict[str, Any]:
    """Agreement of raters, and answers that are no rows. Imported rows come without answers."""
    if dataset.is_imported:
        return {"agreement": None}
    spec = FilterSpec.stored(dataset.filters)
    if dataset.kind == Dataset.Kind.SUPERVISED:
        ratings = rating_answers(spec).filter(sample__dataset_clips__dataset=dataset)
        return {"raters": _raters(ratings), "answers": ratings.count(), "agreement": _in_words(_rating_alpha(ratings))}
    votes = vote_answers(spec)
    totals = pairs(spec).aggregate(n_ties=Sum("ties"), n_bad=Sum("both_bad"))
    return {
        "raters": _raters(votes),
        "answers": votes.count(),
        "ties": totals["n_ties"] or 0,
        "both_bad": totals["n_bad"] or 0,
        "agreement": _in_words(_vote_alpha(votes)),
    }


def _raters(answers: QuerySet) -> int:
    return answers.order_by().values("rater").distinct().count()


def _rating_alpha(ratings: QuerySet) -> Alpha:
    shared = ratings.filter(rater__isnull=False, sample__dataset_clips__rated_items__votes__gte=2).distinct()
    rows = shared.values_list("rater_id", "sample_id", "criterion_id", "score")
    return rating_alpha(Judgement(rater, (sample, criterion), score) for rater, sample, criterion, score in rows)


def _vote_alpha(votes: QuerySet) -> Alpha:
    rows = votes.filter(rater__isnull=False).order_by("low", "high")
    answers = rows.values_list("low", "high", "rater_id", "sample_a_id", "winner")
    by_pair = groupby(answers.iterator(chunk_size=2000), key=lambda answer: answer[:2])
    return preference_alpha_of(
        {rater: _of_pair(winner, a == low) for low, _, rater, a, winner in of_pair} for _, of_pair in by_pair
    )


def _of_pair(winner: str, a_is_low: bool) -> str:
    """An answer in terms of the pair, whichever clip was shown as A: "x" is the one with the lower id."""
    if winner not in ("a", "b"):
        return winner
    return "x" if (winner == "a") == a_is_low else "y"


def _in_words(alpha: Alpha) -> dict[str, Any] | None:
    """None where nothing was judged by two raters."""
    if not alpha.items:
        return None
    value = None if alpha.value is None else round(alpha.value, 4)
    return asdict(alpha) | {"value": value, "level": alpha.level.value, "sentence": alpha.sentence}
