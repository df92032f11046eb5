"""Collections of feedback in the domain's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone

from text2song.models import SoftDeleteQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser


class OfOneSampleQuerySet(models.QuerySet):
    """Feedback on a single sample."""

    def visible(self) -> OfOneSampleQuerySet:
        """On samples that are not deleted, of jobs that are not deleted."""
        return self.filter(sample__deleted_at__isnull=True, sample__job__deleted_at__isnull=True)


class RatingQuerySet(OfOneSampleQuerySet):
    pass


class SampleTagQuerySet(OfOneSampleQuerySet):
    pass


class NoteQuerySet(OfOneSampleQuerySet):
    pass


class PreferenceQuerySet(models.QuerySet):
    def visible(self) -> PreferenceQuerySet:
        """Between samples that are both not deleted."""
        return self.filter(
            sample_a__deleted_at__isnull=True,
            sample_a__job__deleted_at__isnull=True,
            sample_b__deleted_at__isnull=True,
            sample_b__job__deleted_at__isnull=True,
        )


class RankingQuerySet(models.QuerySet):
    def visible(self) -> RankingQuerySet:
        """Of samples none of which is deleted."""
        gone = Q(places__sample__deleted_at__isnull=False) | Q(places__sample__job__deleted_at__isnull=False)
        return self.exclude(pk__in=self.model.objects.filter(gone).values("pk"))


class TagQuerySet(models.QuerySet):
    def canonical(self) -> TagQuerySet:
        """Without synonyms."""
        return self.filter(synonym_of__isnull=True)


class ListeningTestQuerySet(SoftDeleteQuerySet):
    def open_to(self, rater: AbstractBaseUser) -> ListeningTestQuerySet:
        """Active tests this rater may judge: all for members, those of their invitation for guests."""
        tests = self.visible().filter(state="active")
        profile = getattr(rater, "rater_profile", None)
        if profile is None or profile.kind != "guest" or profile.invitation is None:
            return tests
        return tests if profile.invitation.test_id is None else tests.filter(pk=profile.invitation.test_id)


class TrialQuerySet(models.QuerySet):
    def voted(self) -> TrialQuerySet:
        return self.filter(voted_at__isnull=False)

    def counted(self) -> TrialQuerySet:
        """Votes that results are made of: neither hidden repeats nor gold pairs."""
        return self.voted().filter(repeat_of__isnull=True, pair__kind="regular")


class RaterProfileQuerySet(models.QuerySet):
    def trusted(self) -> RaterProfileQuerySet:
        return self.filter(is_excluded=False)


class InvitationQuerySet(models.QuerySet):
    def usable(self) -> InvitationQuerySet:
        """Neither revoked, expired nor used up."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=timezone.now(), uses__lt=models.F("max_uses"))
