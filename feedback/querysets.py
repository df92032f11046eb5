"""Collections of feedback in the domain's words."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Self, TypeVar

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from text2song.models import SoftDeleteQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from feedback.listening_tests.models import ClipPair, ListeningTest, Trial
    from feedback.models import Invitation, Note, Preference, Ranking, RaterProfile, Rating, SampleTag, Tag
    from feedback.models.judgements import Judgement


Answer = TypeVar("Answer", bound="Judgement")

OPEN_STATES = ("generating", "active")
"""States of a listening test that takes votes."""


def samples_judged_by(rater: User) -> models.QuerySet:
    """Ids of the samples `rater` has given any kind of feedback on."""
    from feedback.models import Note, Preference, Rating, SampleTag

    singles = (Rating, SampleTag, Note)
    parts = [kind.objects.filter(rater=rater).order_by().values("sample_id") for kind in singles]
    compared = Preference.objects.filter(rater=rater).order_by()
    return parts[0].union(*parts[1:], compared.values("sample_a_id"), compared.values("sample_b_id"))


def sees_all_answers_on(samples: models.QuerySet, reader: User) -> bool:
    """Whether nothing said of `samples` (a queryset of ids in one column) is kept from `reader`, as by `visible_to`."""
    if reader.is_staff:
        return True
    column = next(iter(samples.query.values_select))
    return not samples.exclude(**{f"{column}__in": samples_judged_by(reader)}).exists()


class JudgementQuerySet(models.QuerySet[Answer]):
    """Feedback of any kind. `visible_to` is the one place that decides who sees whose answers."""

    def visible(self) -> Self:
        """Only on samples that may be shown: not deleted, of jobs that are neither deleted nor withheld."""
        raise NotImplementedError

    def within(self, samples: models.QuerySet) -> Self:
        """Only those all of whose samples are among `samples` (a queryset of ids)."""
        raise NotImplementedError

    def concerning(self, samples: models.QuerySet) -> Self:
        """Only those at least one of whose samples is among `samples` (a queryset)."""
        raise NotImplementedError

    def trusted(self) -> Self:
        """Without those of raters whom a curator excluded."""
        return self.exclude(rater__rater_profile__is_excluded=True)

    def visible_to(self, reader: User) -> Self:
        """What `reader` may see: their own, and others' on samples they have judged themselves. Curators see all.

        An answer on several samples is seen once all of them are judged.
        """
        shown = self.visible()
        if reader.is_staff:
            return shown
        judged = self.model.objects.within(samples_judged_by(reader)).order_by().values("pk")
        return shown.filter(Q(rater=reader) | Q(pk__in=judged))


class OfOneSampleQuerySet(JudgementQuerySet[Answer]):
    """Feedback on a single sample."""

    def visible(self) -> Self:
        return self.filter(
            sample__deleted_at__isnull=True, sample__job__deleted_at__isnull=True, sample__job__withheld=False
        )

    def within(self, samples: models.QuerySet) -> Self:
        return self.filter(sample__in=samples)

    def concerning(self, samples: models.QuerySet) -> Self:
        return self.filter(sample__in=samples)


class RatingQuerySet(OfOneSampleQuerySet["Rating"]):
    def with_context(self) -> Self:
        """With everything a list shows."""
        return self.select_related("rater", "criterion", "sample__job__prompt")


class SampleTagQuerySet(OfOneSampleQuerySet["SampleTag"]):
    def with_context(self) -> Self:
        """With everything a list shows."""
        return self.select_related("rater", "tag", "sample__job__prompt")


class NoteQuerySet(OfOneSampleQuerySet["Note"]):
    def matching(self, words: list[str]) -> Self:
        """Those that hold all of `words`, in whatever case."""
        found = self
        for word in words:
            found = found.filter(text__icontains=word)
        return found

    def with_context(self) -> Self:
        """With everything a list shows."""
        return self.select_related("rater", "sample__job__prompt")


class PreferenceQuerySet(JudgementQuerySet["Preference"]):
    def visible(self) -> Self:
        return self.filter(
            sample_a__deleted_at__isnull=True,
            sample_a__job__deleted_at__isnull=True,
            sample_a__job__withheld=False,
            sample_b__deleted_at__isnull=True,
            sample_b__job__deleted_at__isnull=True,
            sample_b__job__withheld=False,
        )

    def within(self, samples: models.QuerySet) -> Self:
        return self.filter(sample_a__in=samples, sample_b__in=samples)

    def concerning(self, samples: models.QuerySet) -> Self:
        return self.filter(Q(sample_a__in=samples) | Q(sample_b__in=samples))

    def voice_of(self, rater: User, pairs: Collection[str]) -> Self:
        """What `rater` says of these pairs (by `pair_key`), one answer for each at most, to be replaced.

        In a transaction; until its end no other one gives this rater another answer, so that two tabs come one after
        the other.
        """
        get_user_model().objects.select_for_update(no_key=True).get(pk=rater.pk)
        return self.filter(rater=rater, pair_key__in=pairs)

    def openly(self) -> Self:
        """Given with the clips' names in sight, by comparing or ranking; the others were given blind, in a trial."""
        return self.exclude(source="trial")

    def withdraw(self) -> None:
        """Delete these answers, and rankings that are left without any."""
        from feedback.models import Ranking

        rankings = set(self.filter(ranking__isnull=False).values_list("ranking", flat=True))
        self.delete()
        Ranking.objects.filter(pk__in=rankings, preferences__isnull=True).delete()

    def with_context(self) -> Self:
        """With everything a list shows."""
        both = ("sample_a__job__prompt", "sample_a__job__adapter", "sample_b__job__prompt", "sample_b__job__adapter")
        return self.select_related("rater", *both)


class RankingQuerySet(JudgementQuerySet["Ranking"]):
    def visible(self) -> Self:
        gone = Q(places__sample__deleted_at__isnull=False) | Q(places__sample__job__deleted_at__isnull=False)
        gone |= Q(places__sample__job__withheld=True)
        return self.exclude(pk__in=self.model.objects.filter(gone).order_by().values("pk"))

    def within(self, samples: models.QuerySet) -> Self:
        from feedback.models import RankingPlace

        return self.exclude(pk__in=RankingPlace.objects.order_by().exclude(sample__in=samples).values("ranking"))

    def concerning(self, samples: models.QuerySet) -> Self:
        from feedback.models import RankingPlace

        return self.filter(pk__in=RankingPlace.objects.order_by().filter(sample__in=samples).values("ranking"))

    def with_context(self) -> Self:
        """With everything a list shows: the places too, best first, and the pairs that stand."""
        from feedback.models import RankingPlace

        places = RankingPlace.objects.order_by("place").select_related("sample__job__prompt")
        return self.select_related("rater").prefetch_related(models.Prefetch("places", queryset=places), "preferences")


class TagQuerySet(models.QuerySet["Tag"]):
    def canonical(self) -> Self:
        """Without synonyms."""
        return self.filter(synonym_of__isnull=True)

    def matching(self, text: str) -> Self:
        """Tags whose name, or the name of one of whose synonyms, holds `text`, written with blanks or underscores."""
        part = "_".join(text.lower().split())
        found = self.model.objects.filter(Q(name__contains=part) | Q(synonyms__name__contains=part))
        return self.filter(pk__in=found.order_by().values("pk"))


class ListeningTestQuerySet(SoftDeleteQuerySet["ListeningTest"]):
    def open(self) -> Self:
        """Tests that take votes: trials open as soon as pairs are there, while others are still being made."""
        return self.visible().filter(state__in=OPEN_STATES)

    def open_to(self, rater: User) -> Self:
        """Open tests this rater may judge: all for members, those of their invitation for guests."""
        profile = getattr(rater, "rater_profile", None)
        if profile is None or profile.kind != "guest":
            return self.open()
        if profile.invitation is None:
            return self.none()
        return self.open() if profile.invitation.test_id is None else self.open().filter(pk=profile.invitation.test_id)

    def visible_to(self, user: User) -> Self:
        """Tests this person may know of: all for curators, open and completed ones for members, theirs for guests."""
        if user.is_staff:
            return self.visible()
        profile = getattr(user, "rater_profile", None)
        if profile is not None and profile.kind == "guest":
            return self.open_to(user)
        return self.visible().exclude(state="draft")

    def with_progress(self) -> Self:
        """With `pair_count`, `vote_count` (those that count), `arm_count` and `prompt_count`, as lists show them."""
        from feedback.models import Arm, ClipPair, Trial
        from prompts.models import SuiteItem

        def count(rows: models.QuerySet) -> Coalesce:
            grouped = rows.filter(test=OuterRef("pk")).order_by().values("test").annotate(n=Count("pk"))
            return Coalesce(Subquery(grouped.values("n")), 0)

        return self.annotate(
            pair_count=count(ClipPair.objects.filter(kind="regular")),
            vote_count=count(Trial.objects.counted()),
            arm_count=count(Arm.objects.all()),
            prompt_count=Coalesce(
                Subquery(
                    SuiteItem.objects.filter(suite=OuterRef("suite"))
                    .order_by()
                    .values("suite")
                    .annotate(n=Count("pk"))
                    .values("n")
                ),
                0,
            ),
        )


class ClipPairQuerySet(models.QuerySet["ClipPair"]):
    def playable(self) -> Self:
        """Pairs neither of whose clips was deleted."""
        gone = Q(sample_x__deleted_at__isnull=False) | Q(sample_x__job__deleted_at__isnull=False)
        gone |= Q(sample_y__deleted_at__isnull=False) | Q(sample_y__job__deleted_at__isnull=False)
        return self.exclude(gone)


class TrialQuerySet(models.QuerySet["Trial"]):
    def voted(self) -> Self:
        return self.filter(voted_at__isnull=False)

    def counted(self) -> Self:
        """Votes that results are made of: neither hidden repeats nor gold pairs."""
        return self.voted().filter(repeat_of__isnull=True, pair__kind="regular")


class RaterProfileQuerySet(models.QuerySet["RaterProfile"]):
    def trusted(self) -> Self:
        return self.filter(is_excluded=False)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def usable(self) -> Self:
        """Neither revoked, expired nor used up."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=timezone.now(), uses__lt=models.F("max_uses"))
