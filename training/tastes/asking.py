"""The pairs that teach most of a rater's taste, for the listening queue.

What is chosen depends on the clips and on what this rater said alone: nobody's answers are told by what others are
asked. Work is bounded: of the newest clips a few prompts are drawn, those first that the rater compared least.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any
from uuid import UUID

import numpy as np
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef

from adapters.models import Taste
from datasets_app.building.filters import FilterSpec
from feedback.models import Preference
from feedback.models.judgements import set_key
from feedback.services.asking import Proposal, Reason, proposes_pairs
from generation.jobs.hearing import AUDIO, features_of, hidden_kind
from generation.models import AudioSample, BaseModel, ClipFeatures, GenerationJob
from generation.querysets import AudioSampleQuerySet
from generation.sound.taste import join_all
from prompts.models import Prompt
from training.tastes.votes import Said, votes_of
from training.trainer.asking import PENALTY, RANDOM_SHARE, Pairs, next_pairs, pairs_of
from training.trainer.heads import Space
from training.trainer.votes import Vote

MOST_CLIPS = 5000
"""The newest clips among which pairs are looked for."""
PROMPTS = 40
CLIPS_PER_PROMPT = 8
MOST_VOTES = 300
"""The last of the rater's votes, from which the head is told."""
COMPONENTS = 32
"""Principal components of each kind of features in which a taste is asked about: the first few are what so few votes
can tell."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What is known of a clip before it is heard: `asked` is its whole text, `key` that of all texts like it."""

    pk: UUID
    asked: str
    key: str
    sha256: str


@proposes_pairs
def propose(rater: User, skipped: Collection[str]) -> Proposal | None:
    """The next pair for `rater`; None while there are no two clips of one prompt that were heard and not compared."""
    model = BaseModel.objects.filter(is_active=True).first()
    if model is None:
        return None
    clips = candidates(model)
    if len(clips) == len({clip.asked for clip in clips}):
        return None
    return most_telling(rater, model, clips, _compared(rater) | set(skipped))


def most_telling(
    rater: User, model: BaseModel, clips: Sequence[Clip], done: Collection[str], *, random_share: float = RANDOM_SHARE
) -> Proposal | None:
    """Of the pairs of `clips`, which `model` made, the one whose answer is expected to tell most of the rater's taste.

    `done` are keys of pairs that are not to be asked. None where no two are left. Only the votes given so far tell.
    """
    said = votes_of(FilterSpec.stored({"raters": [rater.get_username()], "base_models": [model.key]}))[-MOST_VOTES:]
    rng = np.random.default_rng([rater.pk, len(said)])
    drawn = _drawn(clips, Counter(vote.prompt for vote in said), done, rng)
    points, votes, drawn = _points(model, drawn, said)
    pairs = _open(drawn, done)
    if not len(pairs):
        return None
    penalty, seed = _penalty(rater, model) or PENALTY, int(rng.integers(2**31))
    asked = next_pairs(points, pairs, votes, penalty=penalty, random_share=random_share, seed=seed)
    if not asked:
        return None
    place = asked[0].place
    chosen = drawn[pairs.left[place]].pk, drawn[pairs.right[place]].pk
    return Proposal(chosen, Reason(asked[0].reason.value))


def _kinds(model: BaseModel) -> list[str]:
    """What a clip must have been heard by: not the encoders, so that one that is added stops no asking."""
    return [AUDIO, hidden_kind(model)]


def candidates(model: BaseModel) -> list[Clip]:
    """The newest clips that may be asked about: visible, of completed jobs of this model, heard, and on no prompt of a
    frozen suite, on which models and tastes are measured.
    """
    samples = AudioSample.objects.visible().filter(job__base_model=model, job__state=GenerationJob.State.COMPLETED)
    kept_back = set(Prompt.objects.in_frozen_suites().values_list("text_key", flat=True))
    return [clip for clip in heard_of(samples, model) if clip.key not in kept_back]


def heard_of(samples: AudioSampleQuerySet, model: BaseModel) -> list[Clip]:
    """Those of `samples`, which `model` made, that were heard as a taste needs them; the newest."""
    heard = [Exists(ClipFeatures.objects.filter(sample=OuterRef("pk"), kind=kind)) for kind in _kinds(model)]
    columns = ("pk", "job__prompt__rendered_text", "job__prompt__text_key", "sha256")
    rows = samples.filter(*heard).order_by("-created_at", "pk").values_list(*columns)[:MOST_CLIPS]
    return [Clip(*row) for row in rows]


def _drawn(
    clips: Sequence[Clip], asked: Mapping[str, int], done: Collection[str], rng: np.random.Generator
) -> list[Clip]:
    """A few clips each of a few prompts with open pairs, those first on which least was said, else by lot."""
    by_text: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_text[clip.asked].append(clip)
    several = sorted(text for text, found in by_text.items() if len(found) > 1)
    shuffled = [by_text[several[place]] for place in rng.permutation(len(several))]
    shuffled.sort(key=lambda found: asked.get(found[0].key, 0))
    few = ([found[place] for place in rng.permutation(len(found))[:CLIPS_PER_PROMPT]] for found in shuffled)
    with_open = (some for some in few if any(_is_open(one, other, done) for one, other in combinations(some, 2)))
    return [clip for some in islice(with_open, PROMPTS) for clip in some]


def _is_open(one: Clip, other: Clip, done: Collection[str]) -> bool:
    """Neither compared nor passed over, and not the same sound twice."""
    return one.sha256 != other.sha256 and set_key((one.pk, other.pk)) not in done


def _compared(rater: User) -> set[str]:
    return set(Preference.objects.filter(rater=rater).values_list("pair_key", flat=True))


def _points(model: BaseModel, clips: Sequence[Clip], said: Sequence[Said]) -> tuple[Any, list[Vote], list[Clip]]:
    """Points of the drawn clips and of those voted on, the votes by their places, and the drawn clips, which come
    first; without what was not heard.
    """
    kinds = _kinds(model)
    voted = [pk for vote in said for pk in (vote.left, vote.right)]
    heard = features_of(dict.fromkeys([*(clip.pk for clip in clips), *voted]), kinds)
    clips = [clip for clip in clips if clip.pk in heard]
    if len(clips) < 2:
        return np.zeros((0, 1)), [], []
    order = list(dict.fromkeys([*(clip.pk for clip in clips), *(pk for pk in voted if pk in heard)]))
    features = join_all(kinds, [heard[pk] for pk in order])
    space = Space.of(features[: len(clips)], [len(heard[order[0]][kind]) for kind in kinds], COMPONENTS)
    places = {pk: place for place, pk in enumerate(order)}
    votes = [
        Vote(places[v.left], places[v.right], (1 + v.lead) / 2, v.prompt, v.rater, v.weight)
        for v in said
        if v.left in places and v.right in places
    ]
    return space.points(features)[:, : space.components], votes, clips


def _open(clips: Sequence[Clip], done: Collection[str]) -> Pairs:
    """Pairs of one text that are open."""
    pairs = pairs_of([clip.asked for clip in clips])
    sides = zip(pairs.left, pairs.right, strict=True)
    return pairs.only(np.array([_is_open(clips[left], clips[right], done) for left, right in sides], dtype=bool))


def _penalty(rater: User, model: BaseModel) -> float | None:
    """Of the newest taste of this rater's votes alone, usable or not: how much of their features votes can tell."""
    tastes = Taste.objects.visible().filter(base_model=model, filters__raters=[rater.get_username()])
    newest = tastes.order_by("-created_at").first()
    return newest.report.get("penalty") if newest else None
