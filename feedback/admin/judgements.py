"""Feedback of every kind: looked at, found, and taken back by the same service as on the pages."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy

from feedback.models import Note, Preference, Ranking, RankingPlace, Rating, SampleTag
from feedback.services import delete_feedback
from text2song.curation import ReadOnlyAdmin, act

OF_SAMPLE = ("rater__username", "sample__id", "sample__job__id", "sample__job__prompt__rendered_text")
SEARCH_HELP = gettext_lazy("A rater's name, words of the prompt, or the id of a sample or its job.")


class FeedbackAdmin(ReadOnlyAdmin):
    """Rows that raters made."""

    actions = ("delete_items",)
    date_hierarchy = "created_at"
    search_help_text = SEARCH_HELP
    job_paths: tuple[str, ...] = ("sample__job",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        for path in self.job_paths:  # curators judge blind too
            rows = rows.exclude(**{f"{path}__withheld": True})
        return rows

    @admin.action(description=gettext_lazy("Delete the selected feedback"), permissions=["change"])
    def delete_items(self, request: HttpRequest, queryset: QuerySet) -> None:
        act(
            self,
            request,
            queryset,
            lambda item: delete_feedback(item=item, actor=request.user),
            gettext("Feedback deleted"),
        )


@admin.register(Rating)
class RatingAdmin(FeedbackAdmin):
    list_display = ("sample", "criterion", "score", "rater", "created_at", "updated_at")
    list_filter = ("criterion", "score", "rater__rater_profile__kind", "created_at")
    list_select_related = ("rater", "criterion", "sample__job__prompt")
    search_fields = OF_SAMPLE
    fields = ("sample", "criterion", "score", "rater", ("created_at", "updated_at"))


@admin.register(Preference)
class PreferenceAdmin(FeedbackAdmin):
    list_display = ("sample_a", "sample_b", "winner", "strength", "source", "rater", "created_at")
    list_filter = ("source", "winner", "strength", "rater__rater_profile__kind", "created_at")
    job_paths = ("sample_a__job", "sample_b__job")
    list_select_related = ("rater", "sample_a__job__prompt", "sample_b__job__prompt")
    search_fields = (
        "rater__username",
        "sample_a__id",
        "sample_b__id",
        "sample_a__job__id",
        "sample_a__job__prompt__rendered_text",
    )
    fields = (
        ("sample_a", "sample_b"),
        ("winner", "strength"),
        ("source", "ranking", "trial"),
        ("shown_first", "heard_a", "heard_b", "decision_seconds"),
        "rater",
        ("created_at", "updated_at"),
    )


class PlaceInline(admin.TabularInline):
    model = RankingPlace
    extra = 0
    can_delete = False
    fields = readonly_fields = ("place", "sample")
    ordering = ("place",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RankingPlace]:
        return super().get_queryset(request).select_related("sample__job__prompt")

    def has_add_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        return False


@admin.register(Ranking)
class RankingAdmin(FeedbackAdmin):
    list_display = ("__str__", "order", "counting", "rater", "created_at", "updated_at")
    job_paths = ("places__sample__job",)
    list_filter = ("rater__rater_profile__kind", "created_at")
    search_fields = ("rater__username", "places__sample__id", "places__sample__job__prompt__rendered_text")
    fields = ("rater", ("created_at", "updated_at"))
    inlines = (PlaceInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ranking]:
        return super().get_queryset(request).with_context()

    @admin.display(description=gettext_lazy("pairs that count"))
    def counting(self, ranking: Ranking) -> str:
        """Fewer than all once the rater judged some anew, or blind."""
        return gettext("%(standing)s of %(pairs)s") % {"standing": ranking.standing, "pairs": ranking.pairs}

    @admin.display(description=gettext_lazy("best first"))
    def order(self, ranking: Ranking) -> str:
        return ranking.order_in_words


@admin.register(SampleTag)
class SampleTagAdmin(FeedbackAdmin):
    list_display = ("sample", "tag", "sign", "start", "end", "rater", "created_at")
    list_filter = ("tag__sign", ("start", admin.EmptyFieldListFilter), "rater__rater_profile__kind", "created_at")
    list_select_related = ("rater", "tag", "sample__job__prompt")
    search_fields = ("tag__name", *OF_SAMPLE)
    fields = ("sample", "tag", ("start", "end"), "rater", ("created_at", "updated_at"))

    @admin.display(ordering="tag__sign")
    def sign(self, use: SampleTag) -> str:
        return use.tag.get_sign_display()


@admin.register(Note)
class NoteAdmin(FeedbackAdmin):
    list_display = ("sample", "__str__", "rater", "created_at", "updated_at")
    list_filter = ("rater__rater_profile__kind", "created_at")
    list_select_related = ("rater", "sample__job__prompt")
    search_fields = ("text", *OF_SAMPLE)
    fields = ("sample", "text", "rater", ("created_at", "updated_at"))
