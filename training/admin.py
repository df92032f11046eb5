"""The curators' desk: experiments, runs and tastes.

Nothing here writes a state: actions call the same services as the pages, in the curator's name.
"""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy

from adapters.models import Taste
from adapters.querysets import TasteQuerySet
from text2song.curation import ReadOnlyAdmin, act
from training import services
from training.models import Experiment, Promotion, Round, TasteFit, TrainingDefaults, TrainingRun
from training.querysets import ExperimentQuerySet
from training.rounds.services import cancel_round, go_on, pause_round
from training.services.tastes import delete_taste, fit_again
from training.tastes.telling import accuracy_in_words, verdict


class RunInline(admin.TabularInline):
    """The runs of an experiment."""

    model = TrainingRun
    fk_name = "experiment"
    fields = ("name", "state", "step", "total_steps", "best_value", "adapter", "finished_at")
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        return super().get_queryset(request).select_related("adapter")


@admin.register(Experiment)
class ExperimentAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "runs_made", "best_result", "dataset", "base_model", "created_by", "created_at")
    list_filter = ("state", "base_model", ("archived_at", admin.EmptyFieldListFilter))
    search_fields = ("id", "name", "description", "created_by__username")
    date_hierarchy = "created_at"
    actions = ("archive", "unarchive")
    inlines = (RunInline,)
    fieldsets = (
        (None, {"fields": ("id", "name", "description", "created_by", "created_at", "updated_at", "archived_at")}),
        (gettext_lazy("State"), {"fields": ("state", "error", "best_run")}),
        (gettext_lazy("Training"), {"fields": ("dataset", "base_model", "config")}),
    )

    def get_queryset(self, request: HttpRequest) -> ExperimentQuerySet:
        return super().get_queryset(request).with_context()

    @admin.display(description=gettext_lazy("runs"), ordering="run_count")
    def runs_made(self, experiment: Experiment) -> int:
        return experiment.run_count

    @admin.display(description=gettext_lazy("best result"), ordering="best_run__best_value")
    def best_result(self, experiment: Experiment) -> float | None:
        return experiment.best_run.result if experiment.best_run else None

    @admin.action(description=gettext_lazy("Archive"), permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> None:
        actor = request.user
        act(
            self,
            request,
            queryset,
            lambda e: services.archive_experiment(experiment=e, actor=actor),
            gettext("Archived"),
        )

    @admin.action(description=gettext_lazy("Take out of the archive"), permissions=["change"])
    def unarchive(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> None:
        actor = request.user
        done = gettext("Taken out of the archive")
        act(self, request, queryset, lambda e: services.unarchive_experiment(experiment=e, actor=actor), done)


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    list_display = ("name", "experiment", "state", "percent_done", "best_value", "adapter", "created_by", "created_at")
    list_filter = ("state", "base_model")
    list_select_related = ("experiment", "adapter", "created_by")
    search_fields = ("id", "name", "experiment__name", "worker", "error", "created_by__username")
    date_hierarchy = "created_at"
    actions = ("cancel", "resume", "delete_runs")
    fieldsets = (
        (None, {"fields": ("id", "experiment", "number", "name", "created_by", "created_at")}),
        (gettext_lazy("State"), {"fields": ("state", "error", "step", "total_steps", "seconds", "attempts", "worker")}),
        (gettext_lazy("Times"), {"fields": ("queued_at", "started_at", "finished_at")}),
        (gettext_lazy("Result"), {"fields": ("best_step", "best_value", "final_loss", "kept_share", "adapter")}),
        (
            gettext_lazy("Training"),
            {"fields": ("dataset", "base_model", "base_revision", "parent", "overrides", "config")},
        ),
    )

    @admin.display(description="%")
    def percent_done(self, run: TrainingRun) -> int:
        return run.percent

    @admin.action(description=gettext_lazy("Cancel"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[TrainingRun]) -> None:
        actor = request.user
        act(self, request, queryset, lambda run: services.cancel_run(run=run, actor=actor), gettext("Runs cancelled"))

    @admin.action(description=gettext_lazy("Resume from the newest checkpoint"), permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[TrainingRun]) -> None:
        actor = request.user
        act(
            self,
            request,
            queryset,
            lambda run: services.resume_run(run=run, actor=actor),
            gettext("Runs put in the queue"),
        )

    @admin.action(
        description=gettext_lazy("Delete with log, metrics and checkpoints; adapters stay"), permissions=["change"]
    )
    def delete_runs(self, request: HttpRequest, queryset: QuerySet[TrainingRun]) -> None:
        actor = request.user
        act(
            self,
            request,
            queryset,
            lambda run: services.delete_runs(ids=[run.pk], actor=actor),
            gettext("Runs deleted"),
        )


@admin.register(Promotion)
class PromotionAdmin(ReadOnlyAdmin):
    list_display = ("adapter", "opponent_name", "outcome", "win_rate", "votes", "created_at", "decided_at")
    list_filter = ("outcome", "adapter__base_model")
    search_fields = ("id", "adapter__name", "adapter__version", "reason")
    date_hierarchy = "created_at"
    list_select_related = ("adapter__base_model", "opponent")
    fieldsets = (
        (None, {"fields": ("id", "adapter", "opponent", "test", "opened_by", "created_at")}),
        (gettext_lazy("Outcome"), {"fields": ("outcome", "reason", "decided_at")}),
        (gettext_lazy("Decided on"), {"fields": ("win_rate", "win_rate_low", "win_rate_high", "votes", "guards")}),
    )


@admin.register(Taste)
class TasteAdmin(ReadOnlyAdmin):
    list_display = ("label", "whose", "votes", "foretells", "is_usable", "refit_every", "created_by", "created_at")
    list_filter = ("is_usable", "base_model", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("base_model", "created_by")
    search_fields = ("id", "name", "created_by__username")
    date_hierarchy = "created_at"
    actions = ("fit_anew", "delete_tastes")
    fieldsets = (
        (None, {"fields": ("id", "name", "version", "created_by", "created_at", "deleted_at")}),
        (gettext_lazy("Votes"), {"fields": ("filters", "votes", "refit_every")}),
        (gettext_lazy("How good it is"), {"fields": ("is_usable", "foretells", "told", "report")}),
        (gettext_lazy("Files"), {"fields": ("base_model", "base_revision", "weights", "sha256", "described")}),
    )

    def get_queryset(self, request: HttpRequest) -> TasteQuerySet:
        return super().get_queryset(request).with_context()

    @admin.display(description=gettext_lazy("taste"), ordering="name")
    def label(self, taste: Taste) -> str:
        return taste.label

    @admin.display(description=gettext_lazy("foretells"))
    def foretells(self, taste: Taste) -> str:
        return accuracy_in_words(taste.accuracy)

    @admin.display(description=gettext_lazy("in words"))
    def told(self, taste: Taste) -> str:
        return verdict(taste)

    @admin.action(description=gettext_lazy("Fit anew"), permissions=["change"])
    def fit_anew(self, request: HttpRequest, queryset: QuerySet[Taste]) -> None:
        actor = request.user
        act(
            self,
            request,
            queryset,
            lambda taste: fit_again(taste=taste, actor=actor),
            gettext("Tastes put in the queue"),
        )

    @admin.action(
        description=gettext_lazy("Delete with all versions; what they labelled stays"), permissions=["change"]
    )
    def delete_tastes(self, request: HttpRequest, queryset: QuerySet[Taste]) -> None:
        actor = request.user
        act(self, request, queryset, lambda taste: delete_taste(taste=taste, actor=actor), gettext("Tastes deleted"))


@admin.register(TasteFit)
class TasteFitAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "base_model", "taste", "created_by", "created_at", "finished_at")
    list_filter = ("state", "base_model")
    list_select_related = ("base_model", "taste", "created_by")
    search_fields = ("id", "name", "worker", "error", "created_by__username")
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("id", "name", "created_by", "created_at", "taste")}),
        (
            gettext_lazy("State"),
            {"fields": ("state", "error", "attempts", "worker", "queued_at", "started_at", "finished_at")},
        ),
        (gettext_lazy("Learns from"), {"fields": ("base_model", "filters", "dataset", "refit_every", "seed")}),
    )


@admin.register(Round)
class RoundAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "step", "state", "votes_wanted", "base_model", "created_at", "finished_at")
    list_filter = ("state", "step", "base_model")
    search_fields = ("id", "owner__username", "told")
    date_hierarchy = "created_at"
    list_select_related = ("owner", "base_model")
    actions = ("go_on", "pause", "cancel")
    fieldsets = (
        (None, {"fields": ("id", "owner", "number", "base_model", "goes_on_from", "suite", "created_at")}),
        (gettext_lazy("State"), {"fields": ("step", "state", "told", "by_itself", "updated_at", "finished_at")}),
        (
            gettext_lazy("Chosen"),
            {"fields": ("votes_wanted", "clips_per_prompt", "batches", "seconds", "max_clips", "max_minutes")},
        ),
        (gettext_lazy("Made"), {"fields": ("fit", "trains_on", "dataset", "run", "promotion", "earlier_taste")}),
    )

    @admin.action(description=gettext_lazy("Go on, or try again"), permissions=["change"])
    def go_on(self, request: HttpRequest, queryset: QuerySet[Round]) -> None:
        actor = request.user
        act(self, request, queryset, lambda round_: go_on(actor=actor, round_=round_), gettext("Rounds that go on"))

    @admin.action(description=gettext_lazy("Pause"), permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Round]) -> None:
        actor = request.user
        act(self, request, queryset, lambda round_: pause_round(actor=actor, round_=round_), gettext("Rounds paused"))

    @admin.action(description=gettext_lazy("Cancel; what was made stays"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Round]) -> None:
        actor = request.user
        act(
            self,
            request,
            queryset,
            lambda round_: cancel_round(actor=actor, round_=round_),
            gettext("Rounds cancelled"),
        )


@admin.register(TrainingDefaults)
class TrainingDefaultsAdmin(ReadOnlyAdmin):
    """What new experiments start with; changed in Settings, where every value is explained and checked."""

    list_display = ("__str__", "set_by", "updated_at")
    fields = ("config", "set_by", "updated_at")
