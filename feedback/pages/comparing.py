"""What can be said about several samples shown together: which of two is better, and their order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext

from feedback.models import Preference, Ranking
from feedback.models.judgements import MOST_RANKED, set_key
from feedback.pages.forms import PreferenceForm, RankingForm
from generation.models import AudioSample
from text2song.pages.requests import StudioRequest
from text2song.pages.safe_redirect import here

FEWEST_TO_RANK = 3
"""Two samples are compared, not ranked."""


@dataclass
class Comparison:
    """Samples of one prompt in the order they are shown, and what the rater said about them so far.

    `refused` is a form that was sent and not taken; it is shown as it was sent.
    """

    samples: list[AudioSample]
    rater: User
    refused: forms.Form | None = None

    @cached_property
    def names(self) -> dict[object, str]:
        """A sample's letter where letters differ, as within a job; else its number on the page as well."""
        letters = [sample.label for sample in self.samples]
        plain = len(set(letters)) == len(letters)
        return {
            sample.pk: sample.label if plain else f"{number} ({sample.label})"
            for number, sample in enumerate(self.samples, 1)
        }

    @cached_property
    def pairs(self) -> dict[str, tuple[AudioSample, AudioSample]]:
        """Any two of the samples, by their key."""
        return {set_key((a.pk, b.pk)): (a, b) for a, b in combinations(self.samples, 2)}

    @cached_property
    def choices(self) -> list[Preference]:
        """The rater's direct choices between any two of the samples."""
        mine = Preference.objects.filter(rater=self.rater, source=Preference.Source.DIRECT)
        return list(mine.filter(pair_key__in=self.pairs).with_context().order_by("created_at", "pk"))

    @cached_property
    def open_pairs(self) -> dict[str, tuple[AudioSample, AudioSample]]:
        """The pairs to ask about: what the rater said blind, in a listening test, stands."""
        blind = Preference.objects.filter(rater=self.rater, source=Preference.Source.TRIAL, pair_key__in=self.pairs)
        judged = set(blind.values_list("pair_key", flat=True))
        return {key: pair for key, pair in self.pairs.items() if key not in judged}

    @cached_property
    def pair(self) -> tuple[AudioSample, AudioSample]:
        """The one of `open_pairs` to ask about, which must not be empty: the first the rater has not compared yet."""
        done = {choice.pair_key for choice in self.choices}
        pairs = self.open_pairs.items()
        return next((pair for key, pair in pairs if key not in done), next(iter(self.open_pairs.values())))

    @cached_property
    def preference_form(self) -> PreferenceForm:
        if isinstance(self.refused, PreferenceForm):
            return self.refused
        first, second = self.pair
        initial = {"sample_a": str(first.pk), "sample_b": str(second.pk)}
        return PreferenceForm(initial=initial, choices=self.options)

    @property
    def options(self) -> list[tuple[str, str]]:
        return [
            (str(sample.pk), gettext("Sample %(name)s") % {"name": self.names[sample.pk]}) for sample in self.samples
        ]

    @cached_property
    def ranking(self) -> Ranking | None:
        """The rater's ranking of exactly these samples."""
        key = set_key(sample.pk for sample in self.samples)
        return Ranking.objects.filter(rater=self.rater, set_key=key).with_context().first()

    @property
    def can_rank(self) -> bool:
        return bool(self.open_pairs) and FEWEST_TO_RANK <= len(self.samples) <= MOST_RANKED

    @property
    def named(self) -> list[tuple[AudioSample, str]]:
        return [(sample, gettext("sample %(name)s") % {"name": self.names[sample.pk]}) for sample in self.samples]

    @cached_property
    def ranking_form(self) -> RankingForm:
        if isinstance(self.refused, RankingForm):
            return self.refused
        initial = {RankingForm.key(sample): place for place, sample in enumerate(self.order, 1)}
        return RankingForm(initial=initial, samples=self.named)

    @property
    def order(self) -> list[AudioSample]:
        """The samples as the rater ranked them, else as they are shown."""
        if self.ranking is None:
            return self.samples
        return [place.sample for place in self.ranking.places.all()]

    @property
    def rows(self) -> list[dict[str, object]]:
        """One line for each sample to put in order: the sample, its name, and its place to choose."""
        form = self.ranking_form
        return [
            {"sample": sample, "name": self.names[sample.pk], "field": form[RankingForm.key(sample)]}
            for sample in self.order
        ]


def comparison_context(request: StudioRequest, comparison: Comparison) -> dict[str, Any]:
    """What the comparison's templates need."""
    among = urlencode([("ids", sample.pk) for sample in comparison.samples])
    return {"comparison": comparison, "next": here(request) or f"{reverse('compare')}?{among}"}
