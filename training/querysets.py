"""Collections of experiments, runs and what runs report, in the domain's words."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.functions import Coalesce, Mod, Now, RowNumber
from django.utils import timezone

from text2song.work import WorkQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from adapters.models import Taste
    from datasets_app.models import Dataset
    from training.models import Experiment, LogLine, MetricPoint, Promotion, Round, TasteFit, TrainingRun

FAILURES_ARE_TOLD = timedelta(days=14)


class TasteFitQuerySet(WorkQuerySet["TasteFit"]):
    def visible_to(self, user: User) -> Self:
        """A person's own; all for curators."""
        return self if user.is_staff else self.filter(created_by=user)

    def failed_since(self, taste: Taste) -> Self:
        """Failed attempts to fit a taste anew, the latest first."""
        return self.filter(state="failed", name=taste.name, queued_at__gt=taste.created_at).order_by("-queued_at")

    def to_be_told(self) -> Self:
        """Unfinished ones, and of each name the latest when it failed within the last weeks."""
        later = self.model.objects.filter(name=OuterRef("name"), created_at__gt=OuterRef("created_at"))
        recently = timezone.now() - FAILURES_ARE_TOLD
        failed = Q(state="failed", created_at__gt=recently) & ~Exists(later)
        return self.filter(Q(state__in=self.model.UNFINISHED) | failed)

    def with_context(self) -> Self:
        """With everything a list of fits shows; `has_version`: a taste of its name is there."""
        from adapters.models import Taste

        versions = Taste.objects.visible().filter(name=OuterRef("name"))
        return self.annotate(has_version=Exists(versions)).select_related(
            "base_model", "dataset", "created_by", "taste"
        )


class ExperimentQuerySet(QuerySet["Experiment"]):
    def unarchived(self) -> Self:
        return self.filter(archived_at__isnull=True)

    def archived(self) -> Self:
        return self.filter(archived_at__isnull=False)

    def training_on(self, dataset: Dataset) -> Self:
        """Unarchived experiments that train on `dataset`, or have a run that did."""
        return self.unarchived().filter(Q(dataset=dataset) | Q(runs__dataset=dataset)).distinct()

    def with_context(self) -> Self:
        """Everything a list of experiments shows, in one query: `run_count` and the best run's adapter too."""
        related = ("dataset", "base_model", "created_by", "best_run", "best_run__adapter")
        return self.select_related(*related).annotate(run_count=Count("runs"))


class TrainingRunQuerySet(WorkQuerySet["TrainingRun"]):
    def completed(self) -> Self:
        return self.filter(state="completed")

    def with_context(self) -> Self:
        """With everything a list of runs shows."""
        related = ("dataset", "base_model", "created_by", "adapter", "parent")
        return self.select_related("experiment", "experiment__base_model", *related)


class MetricPointQuerySet(QuerySet["MetricPoint"]):
    def between(self, first: int | None, last: int | None) -> Self:
        """Points from step `first` to step `last`, both included; None is open."""
        points = self if first is None else self.filter(step__gte=first)
        return points if last is None else points.filter(step__lte=last)

    def thinned(self, most: int) -> Self:
        """At most `most` points (2 or more) of one curve, evenly spread, the first and the last among them."""
        points = self.order_by("step")
        count = points.count()
        if count <= most:
            return points
        stride = -(-(count - 1) // (most - 1))
        numbered = points.annotate(place=Window(RowNumber(), order_by="step") - 1)
        return numbered.annotate(rest=Mod(F("place"), stride)).filter(Q(rest=0) | Q(place=count - 1))


class LogLineQuerySet(QuerySet["LogLine"]):
    def after(self, number: int) -> Self:
        """Lines with a higher number, in order."""
        return self.filter(number__gt=number).order_by("number")


class PromotionQuerySet(WorkQuerySet["Promotion"]):
    def open(self) -> Self:
        """Those whose test goes on, or waits to be decided."""
        return self.filter(outcome="open")

    def to_decide(self) -> Self:
        """Open ones whose test is over, or whose adapter or test was taken away."""
        over = Q(test__state="completed") | Q(test__deleted_at__isnull=False) | Q(adapter__is_active=False)
        return self.open().filter(over)

    def waiting(self) -> Self:
        """A promotion is work once it can be decided, and after a while again where that could not be done."""
        due = self.filter(state=self.model.WAITING, queued_at__lte=Now())
        return due.to_decide().order_by("queued_at", "pk")

    def visible_to(self, reader: User) -> Self:
        """Open ones are the curators' to see: who knows what a test compares should not vote in it."""
        return self if reader.is_staff else self.exclude(outcome="open")

    def with_context(self) -> Self:
        """Everything a list of promotions shows, in one query: `vote_count` too, the votes that count so far."""
        from feedback.models import Trial

        votes = Trial.objects.counted().filter(test=OuterRef("test")).order_by().values("test")
        counted = Coalesce(Subquery(votes.annotate(n=Count("pk")).values("n")), 0)
        return self.annotate(vote_count=counted).select_related(
            "adapter__base_model", "opponent", "test__suite", "opened_by", "adapter__created_by", "adapter__parent"
        )


class RoundQuerySet(QuerySet["Round"]):
    def unfinished(self) -> Self:
        return self.filter(state__in=self.model.UNFINISHED)

    def under_way(self) -> Self:
        """Those that go on by themselves, the one that was looked at longest ago first."""
        return self.filter(state="active").order_by("updated_at", "pk")

    def visible_to(self, reader: User) -> Self:
        """A person's own; all for curators."""
        return self if reader.is_staff else self.filter(owner=reader)

    def with_context(self) -> Self:
        """With everything a list of rounds shows."""
        related = ("owner", "base_model", "goes_on_from", "suite", "fit__taste", "dataset", "earlier_taste")
        return self.select_related(*related, "run__adapter__base_model", "promotion__test", "promotion__opponent")
