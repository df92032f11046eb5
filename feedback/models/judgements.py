"""Ratings, preferences, rankings, tags and notes: each kind in a table of its own, with its own rules."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from feedback import querysets
from feedback.judgements.starting_words import spoken
from generation.models import AudioSample
from text2song.models import UUIDModel

LOWEST_SCORE, HIGHEST_SCORE = 1, 5
MOST_RANKED = 8
NOTE_LENGTH = 2000
TAG_LENGTH = 100


def set_key(samples: Iterable[UUID]) -> str:
    """One short name for a set of samples, in whatever order they are given."""
    return hashlib.sha256(" ".join(sorted(str(pk) for pk in samples)).encode()).hexdigest()[:32]


def names_of(samples: Sequence[AudioSample]) -> dict[UUID, str]:
    """What to call clips that stand together: their letters within one job, else with the job, where letters repeat."""
    together = len({sample.job_id for sample in samples}) == 1
    return {sample.pk: sample.label if together else str(sample) for sample in samples}


class Criterion(UUIDModel):
    """One question a sample is rated on, from 1 to 5. Curators add their own; used ones are retired, not removed."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=60)
    question = models.CharField(max_length=200, help_text=gettext_lazy("What the rater is asked."))
    low_label = models.CharField(max_length=40, default="poor", help_text=gettext_lazy("What 1 means."))
    high_label = models.CharField(max_length=40, default="excellent", help_text=gettext_lazy("What 5 means."))
    position = models.PositiveSmallIntegerField(
        default=100, help_text=gettext_lazy("Order on the panel, small numbers first.")
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("position", "name")
        verbose_name_plural = pgettext_lazy("model", "criteria")

    def __str__(self) -> str:
        return gettext(self.name)


class Judgement(UUIDModel):
    """What every kind of feedback has. A rater whose account is removed leaves their judgements without a name."""

    rater = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="%(class)ss"
    )
    updated_at = models.DateTimeField(auto_now=True)

    objects: Any
    """A manager made of a `JudgementQuerySet` of its own."""

    class Meta:
        abstract = True
        ordering = ("-created_at", "-id")


class Rating(Judgement):
    """A rater's score of one sample on one criterion."""

    sample = models.ForeignKey(AudioSample, on_delete=models.CASCADE, related_name="ratings")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="ratings")
    score = models.PositiveSmallIntegerField()

    objects = querysets.RatingQuerySet.as_manager()

    class Meta(Judgement.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(score__range=(LOWEST_SCORE, HIGHEST_SCORE)), name="rating_score_1_to_5"
            ),
            models.UniqueConstraint(fields=["rater", "sample", "criterion"], name="one_rating_per_criterion"),
        ]

    def __str__(self) -> str:
        return f"{self.criterion}: {self.score}"


class Ranking(Judgement):
    """Two to eight samples of one prompt, best first. Its pairs are stored as preferences with it, once.

    Pairs that the rater judged anew since are theirs no more; a ranking stands while one of its pairs does.
    """

    set_key = models.CharField(max_length=32, editable=False)

    objects = querysets.RankingQuerySet.as_manager()

    class Meta(Judgement.Meta):
        constraints = [models.UniqueConstraint(fields=["rater", "set_key"], name="one_ranking_of_a_set_per_rater")]

    def __str__(self) -> str:
        return gettext("Ranking %(id)s") % {"id": str(self.pk)[:8]}

    @property
    def standing(self) -> int:
        """How many of its pairs still say what the rater thinks."""
        return len(self.preferences.all())

    @property
    def pairs(self) -> int:
        """How many it had when it was given."""
        return math.comb(len(self.places.all()), 2)

    @property
    def names(self) -> dict[UUID, str]:
        """What its samples are called beside one another."""
        return names_of([place.sample for place in self.places.all()])

    @property
    def order_in_words(self) -> str:
        """As in "B > A > C"."""
        names = self.names
        return " > ".join(names[place.sample_id] for place in self.places.all())


class RankingPlace(models.Model):
    """A sample's place in a ranking; 1 is the best."""

    ranking = models.ForeignKey(Ranking, on_delete=models.CASCADE, related_name="places")
    sample = models.ForeignKey(AudioSample, on_delete=models.CASCADE, related_name="ranking_places")
    place = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("ranking", "place")
        constraints = [
            models.UniqueConstraint(fields=["ranking", "place"], name="one_sample_per_place"),
            models.UniqueConstraint(fields=["ranking", "sample"], name="one_place_per_sample"),
            models.CheckConstraint(condition=models.Q(place__range=(1, MOST_RANKED)), name="place_1_to_8"),
        ]

    def __str__(self) -> str:
        return f"{self.place}. {self.sample}"


class Preference(Judgement):
    """A rater's choice between two samples of one prompt; the one voice of this rater on this pair.

    `heard_a`, `heard_b` are seconds of each clip played, `decision_seconds` the time from first sight to the vote;
    all are known for votes in listening tests only. A preference comes from one place: given directly, read from a
    ranking, or voted in a trial.
    """

    class Winner(models.TextChoices):
        A = "a", "A"
        B = "b", "B"
        TIE = "tie", gettext_lazy("Tie")
        BOTH_BAD = "both_bad", gettext_lazy("Both bad")

    class Source(models.TextChoices):
        DIRECT = "direct", gettext_lazy("Comparison")
        RANKING = "ranking", gettext_lazy("Ranking")
        TRIAL = "trial", gettext_lazy("Listening test")

    sample_a = models.ForeignKey(AudioSample, on_delete=models.CASCADE, related_name="preferences_as_a")
    sample_b = models.ForeignKey(AudioSample, on_delete=models.CASCADE, related_name="preferences_as_b")
    pair_key = models.CharField(max_length=32, editable=False, db_index=True)
    winner = models.CharField(max_length=8, choices=Winner.choices)
    strength = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=gettext_lazy("1 slightly better to 5 much better; empty when not said.")
    )
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.DIRECT)
    ranking = models.ForeignKey(Ranking, null=True, blank=True, on_delete=models.CASCADE, related_name="preferences")
    trial = models.OneToOneField(
        "feedback.Trial", null=True, blank=True, on_delete=models.CASCADE, related_name="preference"
    )
    shown_first = models.CharField(max_length=1, blank=True, choices=[("a", "A"), ("b", "B")])
    heard_a = models.FloatField(null=True, blank=True, help_text=gettext_lazy("Seconds"))
    heard_b = models.FloatField(null=True, blank=True, help_text=gettext_lazy("Seconds"))
    decision_seconds = models.FloatField(null=True, blank=True)

    objects = querysets.PreferenceQuerySet.as_manager()

    class Meta(Judgement.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(winner__in=("a", "b", "tie", "both_bad")), name="preference_winner_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(sample_a=models.F("sample_b")), name="preference_of_two_different_samples"
            ),
            models.CheckConstraint(
                condition=models.Q(strength__isnull=True) | models.Q(strength__range=(1, 5)),
                name="preference_strength_1_to_5",
            ),
            models.CheckConstraint(
                condition=models.Q(source="direct", ranking__isnull=True, trial__isnull=True)
                | models.Q(source="ranking", ranking__isnull=False, trial__isnull=True)
                | models.Q(source="trial", ranking__isnull=True, trial__isnull=False),
                name="preference_comes_from_one_place",
            ),
            models.UniqueConstraint(fields=["rater", "pair_key"], name="one_voice_per_rater_and_pair"),
            models.UniqueConstraint(
                fields=["ranking", "pair_key"],
                condition=models.Q(source="ranking"),
                name="one_preference_per_pair_of_a_ranking",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.in_words} ({self.get_source_display().lower()})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pair_key = set_key((self.sample_a_id, self.sample_b_id))
        super().save(*args, **kwargs)

    @property
    def names(self) -> dict[UUID, str]:
        """What its two samples are called beside one another."""
        return names_of([self.sample_a, self.sample_b])

    @property
    def in_words(self) -> str:
        """As in "A over B"."""
        names = self.names
        a, b = names[self.sample_a_id], names[self.sample_b_id]
        return {
            self.Winner.A: gettext("%(a)s over %(b)s") % {"a": a, "b": b},
            self.Winner.B: gettext("%(a)s over %(b)s") % {"a": b, "b": a},
            self.Winner.TIE: gettext("%(a)s and %(b)s: a tie") % {"a": a, "b": b},
            self.Winner.BOTH_BAD: gettext("%(a)s and %(b)s: both bad") % {"a": a, "b": b},
        }[self.Winner(self.winner)]


class Tag(UUIDModel):
    """A word of the shared vocabulary. One merged into another stays as a synonym that leads there."""

    class Sign(models.TextChoices):
        GOOD = "good", gettext_lazy("Good")
        BAD = "bad", gettext_lazy("Bad")
        NEUTRAL = "neutral", gettext_lazy("Neutral")

    name = models.CharField(
        max_length=TAG_LENGTH, unique=True, help_text=gettext_lazy("Lower case, blanks as underscores.")
    )
    sign = models.CharField(max_length=7, choices=Sign.choices, help_text=gettext_lazy("What it says of a clip."))
    is_curated = models.BooleanField(default=False, help_text=gettext_lazy("Offered to every rater."))
    synonym_of = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="synonyms")

    objects = querysets.TagQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(condition=~models.Q(name=""), name="tag_has_a_name"),
            models.CheckConstraint(condition=models.Q(sign__in=("good", "bad", "neutral")), name="tag_has_a_sign"),
            models.CheckConstraint(condition=~models.Q(synonym_of=models.F("id")), name="tag_is_no_synonym_of_itself"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def spoken(self) -> str:
        return spoken(self.name)


class SampleTag(Judgement):
    """A rater's tag on a sample, on the whole of it or on the span from `start` to `end` seconds."""

    sample = models.ForeignKey(AudioSample, on_delete=models.CASCADE, related_name="sample_tags")
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="uses")
    start = models.FloatField(null=True, blank=True, help_text=gettext_lazy("Seconds from the beginning"))
    end = models.FloatField(null=True, blank=True, help_text=gettext_lazy("Seconds from the beginning"))

    objects = querysets.SampleTagQuerySet.as_manager()

    class Meta(Judgement.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(start__isnull=True, end__isnull=True)
                | models.Q(start__isnull=False, end__isnull=False, start__gte=0, end__gt=models.F("start")),
                name="sample_tag_span",
            ),
            models.UniqueConstraint(
                fields=["rater", "sample", "tag"],
                condition=models.Q(start__isnull=True),
                name="one_whole_tag_per_rater_and_sample",
            ),
            models.UniqueConstraint(
                fields=["rater", "sample", "tag", "start", "end"],
                condition=models.Q(start__isnull=False),
                name="one_span_tag_per_rater_and_sample",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tag} on {self.sample_id}"


class Note(Judgement):
    """A rater's own words about a sample; one note per rater and sample, edited in place."""

    sample = models.ForeignKey(AudioSample, on_delete=models.CASCADE, related_name="notes")
    text = models.TextField(max_length=NOTE_LENGTH)

    objects = querysets.NoteQuerySet.as_manager()

    class Meta(Judgement.Meta):
        constraints = [
            models.UniqueConstraint(fields=["rater", "sample"], name="one_note_per_rater_and_sample"),
            models.CheckConstraint(condition=~models.Q(text=""), name="note_has_text"),
        ]

    def __str__(self) -> str:
        return self.text[:60]
