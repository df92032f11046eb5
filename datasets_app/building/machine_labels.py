"""Pairs that a taste labels: those nobody judged and of whose order it is sure. They are marked wherever they go.

None contradicts a person: a pair is left out where somebody compared or ranked its clips, or gave the one that the
taste prefers fewer stars.

A pair is taken where the taste is `CERTAIN`; its probability is calibrated on prompts that were held out when it was
fitted, and the ensemble's spread on this very pair draws it towards 1/2. Of a text the surest pairs are taken, no clip
more often than about the root of their number, so that four pairs are the best two clips against the worst two.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, permutations
from statistics import fmean
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import F, QuerySet
from django.utils.translation import gettext, ngettext

from adapters.models import Taste
from datasets_app.building.filters import FilterSpec
from datasets_app.building.selection import count_rows, eligible_samples, judged_pairs, rating_answers
from datasets_app.building.splits import assign_splits
from datasets_app.building.taste_choice import require_usable
from datasets_app.building.watched import Sound, balanced, is_allowed, told
from datasets_app.exceptions import NothingLabelled
from datasets_app.formats.rows import DECIMALS
from feedback.models import Preference
from generation.jobs.hearing import AUDIO, features_of, heads_of
from generation.models import AudioSample
from generation.sound.features import NAMES
from generation.sound.files import load_audio_bytes
from generation.sound.processing import read_flac
from generation.sound.taste import preference
from generation.sound.tempo import estimate_tempo, same_tempo
from generation.specs import Features
from text2song.models import SoftDeleteQuerySet

CERTAIN = 0.75
FEWEST_HELD_OUT = 5
"""Rows of people in the validation split from which on it is theirs alone."""
TEXTS_AT_ONCE = 50
FLATNESS = [index for index, name in enumerate(NAMES) if name.startswith("flatness_")]


@dataclass(frozen=True, slots=True)
class Label:
    """A pair of clips of one text (`asked`, its key), and the probability that the first is preferred."""

    asked: str
    chosen: Sound
    rejected: Sound
    certainty: float

    @property
    def margin(self) -> float:
        """As a row has it: the shares of a vote for either clip, subtracted. It is the row's weight too."""
        return round(2 * self.certainty - 1, DECIMALS)


@dataclass(frozen=True, slots=True)
class Labels:
    """What a taste adds to a dataset: `pairs`, and in `free` those it would add without the rules of `watched`."""

    taste: Taste
    pairs: list[Label]
    free: list[Label]

    @property
    def judge(self) -> str:
        """The mark of its rows, as in “taste anna@3”."""
        return f"taste {self.taste.label}"

    def to_mapping(self) -> dict[str, Any]:
        """JSON values for the dataset's report."""
        accuracy = {name: self.taste.accuracy.get(name) for name in ("value", "low", "high")}
        return {
            "taste": str(self.taste.pk),
            "name": self.taste.label,
            "accuracy": accuracy,
            "calibration_error": self.taste.report.get("calibration_error"),
            "least_certainty": CERTAIN,
            "mean_certainty": round(float(np.mean([pair.certainty for pair in self.pairs])), 4),
            "left_out": len(self.free) - len(self.pairs),
            "watched": told(self.free, self.pairs),
        }


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows a dataset would have: those that people judged, and those that a taste labels."""

    judged: int
    labelled: int = 0

    @property
    def rows(self) -> int:
        return self.judged + self.labelled


def counted(kind: str, spec: FilterSpec, seed: int = 0) -> Counted:
    """How many rows a dataset would have if it were built now. Raises as `labels_for` does."""
    labelled = len(labels_for(spec, seed).pairs) if spec.taste else 0
    return Counted(count_rows(kind, spec), labelled)


def labels_for(spec: FilterSpec, seed: int = 0, *, listen: bool = False) -> Labels:
    """The pairs that the taste of `spec` labels.

    `listen` also reads the sound of clips whose prompts ask for a tempo, to leave out pairs that would teach to lose
    it; that takes its time, so that what is only counted may be a few pairs more.

    Texts that are held out for validation are labelled only where people judged too few of them, those for tests never.
    Raises `TasteNotUsable`, `AdapterFilesUnavailable`, and `NothingLabelled` with the reason why there is no pair.
    """
    taste = require_usable(spec.taste or "", spec.base_models)
    judged = Counter(judged_pairs(spec).order_by().values_list("asked", flat=True))
    room = _room(spec, judged.total())
    found = list(_candidates(spec, taste, _labelled_texts(spec, taste, judged, seed)))
    free, kept = (_within(room, [pair for chosen in found for pair in chosen[side]]) for side in (0, 1))
    if listen:
        tempos = _tempos({sound.sample for pair in (*free, *kept) for sound in (pair.chosen, pair.rejected)})
        free, kept = ([_in_tempo(pair, tempos) for pair in side] for side in (free, kept))
        kept = [pair for pair in kept if is_allowed(pair)]
    if not kept or not (pairs := balanced(kept)):
        raise NothingLabelled(_why_none(taste, free))
    return Labels(taste, pairs, free)


def _room(spec: FilterSpec, judged: int) -> float:
    """How many rows may be labelled beside those that people judged; raises `NothingLabelled` where it is none."""
    if spec.taste_share >= 1:
        return math.inf
    room = math.floor(judged * spec.taste_share / (1 - spec.taste_share) + 1e-9)
    if not room:
        said = gettext(
            "People judged no pair under these filters, so a share of %(share)s leaves no room for labels of a taste."
        )
        if judged:
            said = ngettext(
                "People judged %(judged)s pair under these filters, so a share of %(share)s leaves no room for labels "
                "of a taste.",
                "People judged %(judged)s pairs under these filters, so a share of %(share)s leaves no room for labels "
                "of a taste.",
                judged,
            )
        told = said % {"judged": judged, "share": f"{spec.taste_share:g}"}
        remedy = gettext("Judge more, or let it be 1: labels of the taste alone.")
        raise NothingLabelled(f"{told} {remedy}")
    return room


def _why_none(taste: Taste, free: Collection[Label]) -> str:
    if free:
        return gettext(
            "Every pair that “%(label)s” is sure of stands apart in noise, loudness, tempo or clipping too, which an "
            "adapter must not learn. Make more music of the prompts."
        ) % {"label": taste.label}
    return gettext(
        "“%(label)s” is at least %(certain)s sure of no pair of clips that nobody judged yet. Make more music of the "
        "prompts, or give the taste more votes."
    ) % {"label": taste.label, "certain": f"{CERTAIN:.0%}"}


# -- clips and texts -----------------------------------------------------------------------------------------------


def _clips(spec: FilterSpec, taste: Taste) -> SoftDeleteQuerySet[AudioSample]:
    """Clips the taste can hear; the days that choose answers choose when these were made."""
    clips = eligible_samples(spec).filter(job__base_model=taste.base_model_id)
    if spec.since_moment:
        clips = clips.filter(created_at__gte=spec.since_moment)
    if spec.until_moment:
        clips = clips.filter(created_at__lte=spec.until_moment)
    return clips  # type: ignore[return-value]  # that of samples


def _labelled_texts(spec: FilterSpec, taste: Taste, judged: Mapping[str, int], seed: int) -> list[str]:
    """Keys of the texts whose clips are labelled: those trained on, and for validation where people left it empty."""
    texts = set(_clips(spec, taste).order_by().values_list("job__prompt__text_key", flat=True).distinct())
    splits = assign_splits({*texts, *judged}, seed)
    held_out = sum(rows for text, rows in judged.items() if splits[text] == "validation")
    wanted = {"train"} if held_out >= FEWEST_HELD_OUT else {"train", "validation"}
    return sorted(text for text in texts if splits[text] in wanted)


def _candidates(spec: FilterSpec, taste: Taste, texts: Sequence[str]) -> Iterator[tuple[list[Label], list[Label]]]:
    """Of each text the pairs without the rules and with them. Raises `NothingLabelled` where nothing was heard."""
    heard = 0
    for start in range(0, len(texts), TEXTS_AT_ONCE):
        clips = _clips(spec, taste).filter(job__prompt__text_key__in=texts[start : start + TEXTS_AT_ONCE])
        sounds, features = _heard(clips, taste)
        judged = _judged_among(sounds) | _rated_otherwise(spec, sounds)
        heard += len(sounds)
        for asked, of_text in groupby(sounds.values(), key=lambda pair: pair[0]):
            text_sounds = [sound for _, sound in of_text]
            yield _of_text(asked, text_sounds, [features[sound.sample] for sound in text_sounds], taste, judged, spec)
    if not heard:
        raise NothingLabelled(
            gettext(
                "No clip under these filters has been heard by “%(label)s” yet. Workers hear clips of "
                "%(display_name)s while no job waits: try again later, or make music of other prompts."
            )
            % {"label": taste.label, "display_name": taste.base_model.display_name}
        )


Heard = dict[UUID, tuple[str, Sound]]


def _heard(clips: QuerySet[AudioSample], taste: Taste) -> tuple[Heard, dict[UUID, Features]]:
    """Text and sound of the clips that have all features, by text; and the vector that the taste reads of each."""
    heads = heads_of(taste)
    read = ("sha256", "loudness_lufs", "gain_db", "true_peak_db")
    samples = list(clips.annotate(asked=F("job__prompt__text_key")).only(*read).order_by("asked", "pk"))
    parts = features_of([sample.pk for sample in samples], {*heads.kinds, AUDIO})
    sounds = {
        sample.pk: (sample.asked, _sound(sample, parts[sample.pk][AUDIO])) for sample in samples if sample.pk in parts
    }
    return sounds, {pk: heads.join(parts[pk]) for pk in sounds}


def _sound(sample: AudioSample, audio: Features) -> Sound:
    flatness = audio[FLATNESS]
    return Sound(
        sample=sample.pk,
        sha256=sample.sha256,
        noise=float(flatness[flatness > 0].mean()) if (flatness > 0).any() else math.nan,
        silent=float(sample.is_silent),
        clipped=float(sample.is_clipped),
        loudness=math.nan if sample.own_loudness is None else sample.own_loudness,
    )


def _tempos(samples: Collection[UUID]) -> dict[UUID, float]:
    """Whether clips keep the tempo that their prompts ask for, 0 or 1, of those of which one is asked."""
    asked = AudioSample.objects.filter(pk__in=samples, job__prompt__tempo__isnull=False)
    found = {}
    for sample in asked.select_related("job__prompt").defer("peaks").order_by("pk").iterator(chunk_size=100):
        assert sample.job.prompt.tempo is not None
        heard = estimate_tempo(*read_flac(load_audio_bytes(sample)))
        found[sample.pk] = float(same_tempo(heard, sample.job.prompt.tempo))
    return found


def _in_tempo(pair: Label, tempos: Mapping[UUID, float]) -> Label:
    chosen, rejected = (
        replace(sound, tempo=tempos.get(sound.sample, math.nan)) for sound in (pair.chosen, pair.rejected)
    )
    return replace(pair, chosen=chosen, rejected=rejected)


def _judged_among(samples: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    """Pairs, either way round, on which anybody said anything, whether or not the filters choose it; a ranking says it
    of any two of its clips.
    """
    ids = list(samples)
    votes = Preference.objects.filter(sample_a__in=ids, sample_b__in=ids).order_by()
    pairs = set(votes.values_list("sample_a_id", "sample_b_id").distinct())
    return pairs | {(b, a) for a, b in pairs}


def _rated_otherwise(spec: FilterSpec, samples: Mapping[UUID, tuple[str, Sound]]) -> set[tuple[UUID, UUID]]:
    """Pairs, as a label would prefer them, of whose clips a rater whom the filters count gave the first fewer stars."""
    ratings = rating_answers(spec).filter(sample__in=list(samples)).exclude(rater=None)
    stars: dict[tuple[int, str], dict[UUID, list[int]]] = defaultdict(lambda: defaultdict(list))
    for rater, sample, score in ratings.values_list("rater", "sample_id", "score"):
        stars[rater, samples[sample][0]][sample].append(score)
    return {
        (lower, higher)
        for of_rater in stars.values()
        for lower, higher in permutations(of_rater, 2)
        if fmean(of_rater[lower]) < fmean(of_rater[higher])
    }


# -- pairs of one text ---------------------------------------------------------------------------------------------


def _of_text(
    asked: str,
    sounds: Sequence[Sound],
    features: Sequence[Features],
    taste: Taste,
    judged: Collection[tuple[UUID, UUID]],
    spec: FilterSpec,
) -> tuple[list[Label], list[Label]]:
    sure = [
        pair
        for pair in _sure(asked, sounds, features, taste)
        if pair.chosen.sha256 != pair.rejected.sha256 and (pair.chosen.sample, pair.rejected.sample) not in judged
    ]
    return surest(sure, spec.taste_pairs), surest(filter(is_allowed, sure), spec.taste_pairs)


def _sure(asked: str, sounds: Sequence[Sound], features: Sequence[Features], taste: Taste) -> list[Label]:
    """All pairs of whose order the taste is certain, the surest first."""
    if len(sounds) < 2:
        return []
    left, right = np.triu_indices(len(sounds), 1)
    chances = preference(*heads_of(taste).score(np.stack(features)).margin(left, right))
    found = [
        Label(asked, sounds[i], sounds[j], chance) if chance >= 0.5 else Label(asked, sounds[j], sounds[i], 1 - chance)
        for i, j, chance in zip(left.tolist(), right.tolist(), chances.tolist(), strict=True)
    ]
    return sorted((pair for pair in found if pair.certainty >= CERTAIN), key=_surest_first)


def _surest_first(pair: Label) -> tuple[float, str, str]:
    return -pair.certainty, str(pair.chosen.sample), str(pair.rejected.sample)


def surest(pairs: Iterable[Label], most: int) -> list[Label]:
    """At most `most` of `pairs`, which come the surest first, each clip in at most the root of that many."""
    limit, used = math.isqrt(most - 1) + 1, Counter[UUID]()
    taken: list[Label] = []
    for pair in pairs:
        clips = (pair.chosen.sample, pair.rejected.sample)
        if len(taken) < most and all(used[clip] < limit for clip in clips):
            taken.append(pair)
            used.update(clips)
    return taken


def _within(room: float, pairs: Sequence[Label]) -> list[Label]:
    """At most `room` pairs: the surest of every text before the second surest of any."""
    if len(pairs) <= room:
        return list(pairs)
    place: Counter[str] = Counter()
    ranked = []
    for pair in sorted(pairs, key=_surest_first):
        ranked.append((place[pair.asked], pair))
        place[pair.asked] += 1
    ranked.sort(key=lambda entry: (entry[0], *_surest_first(entry[1])))
    return [pair for _, pair in ranked[: int(room)]]
