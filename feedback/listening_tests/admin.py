"""The curators' desk for listening tests: tests, trials, invitations, raters.

Nothing here writes a state: actions call the same services as the pages, in the curator's name.
"""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from feedback.listening_tests.reliability import refresh_reliability
from feedback.listening_tests.services import lifecycle
from feedback.listening_tests.services.invitations import revoke_invitation
from feedback.models import Arm, Invitation, ListeningTest, RaterProfile, Trial
from feedback.querysets import OPEN_STATES
from feedback.services import exclude_rater, include_rater
from text2song.curation import ReadOnlyAdmin, StudioAdmin, act


class ArmInline(admin.TabularInline):
    """What a test compares; fixed once it is made."""

    model = Arm
    fields = ("position", "base_model", "adapter", "adapter_strength")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        return False


@admin.register(ListeningTest)
class ListeningTestAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "votes", "votes_wanted", "pairs", "suite", "created_by", "created_at", "page")
    list_filter = ("state", "strategy", "created_at", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("suite", "created_by")
    search_fields = ("name", "description", "id", "suite__name", "created_by__username")
    date_hierarchy = "created_at"
    actions = ("close", "delete_tests")
    inlines = (ArmInline,)
    fieldsets = (
        (None, {"fields": ("name", "description", "state", "page", "created_by", "deleted_at")}),
        (gettext_lazy("Clips"), {"fields": ("suite", "samples_per_prompt", "duration", "seed", "sampling")}),
        (gettext_lazy("Votes"), {"fields": ("votes_wanted", "strategy", "overlap", "repeat_share", "gold_share")}),
        (gettext_lazy("Times"), {"fields": ("created_at", "started_at", "opened_at", "finished_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ListeningTest]:
        return super().get_queryset(request).with_progress()

    @admin.display(ordering="vote_count")
    def votes(self, test: ListeningTest) -> int:
        return test.vote_count

    @admin.display(ordering="pair_count")
    def pairs(self, test: ListeningTest) -> int:
        return test.pair_count

    @admin.display(description=gettext_lazy("page"))
    def page(self, test: ListeningTest) -> SafeString | str:
        if test.is_deleted:
            return "deleted"
        return format_html('<a href="{}">Open</a>', reverse("test-detail", args=[test.pk]))

    @admin.action(description=gettext_lazy("Close"), permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[ListeningTest]) -> None:
        act(
            self, request, queryset, lambda t: lifecycle.close_test(actor=request.user, test=t), gettext("Tests closed")
        )

    @admin.action(description=gettext_lazy("Delete (hides them; votes stay stored)"), permissions=["change"])
    def delete_tests(self, request: HttpRequest, queryset: QuerySet[ListeningTest]) -> None:
        rows = queryset.filter(deleted_at__isnull=True)
        act(self, request, rows, lambda t: lifecycle.delete_test(actor=request.user, test=t), gettext("Tests deleted"))


@admin.register(Trial)
class TrialAdmin(ReadOnlyAdmin):
    list_display = ("test", "rater", "number", "kind", "choice", "opened_at", "voted_at")
    list_filter = ("choice", "pair__kind", ("repeat_of", admin.EmptyFieldListFilter), "voted_at")
    list_select_related = ("test", "rater", "pair")
    search_fields = ("id", "test__name", "rater__username", "pair__prompt__text")
    date_hierarchy = "opened_at"
    fieldsets = (
        (None, {"fields": ("test", "rater", "number", "kind", "repeat_of")}),
        (gettext_lazy("Answer"), {"fields": ("choice", "x_is_first", "opened_at", "voted_at")}),
        (gettext_lazy("Heard"), {"fields": ("heard_first", "heard_second", "first_sent_at", "second_sent_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Trial]:
        """Without those of sealed tests that go on: what they were answered decides something."""
        return super().get_queryset(request).exclude(test__sealed=True, test__state__in=OPEN_STATES)

    @admin.display(description=gettext_lazy("kind"))
    def kind(self, trial: Trial) -> str:
        if trial.repeat_of_id:
            return gettext("hidden repeat")
        return gettext("gold pair") if trial.is_control else gettext("pair")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Made on the pages of tests, where the link can be copied."""

    list_display = ("__str__", "test", "uses", "max_uses", "expires_at", "revoked_at", "created_by")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "expires_at")
    list_select_related = ("test", "created_by")
    search_fields = ("note", "test__name", "created_by__username")
    actions = ("revoke",)
    fields = ("test", "note", ("uses", "max_uses"), ("expires_at", "revoked_at"), "created_by", "created_at")

    @admin.action(description=gettext_lazy("Withdraw"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        done = gettext("Invitations withdrawn")
        act(self, request, queryset, lambda i: revoke_invitation(actor=request.user, invitation=i), done)


@admin.register(RaterProfile)
class RaterProfileAdmin(StudioAdmin):
    """Weights are computed; a curator decides only whether a rater's votes are used at all."""

    list_display = ("user", "kind", "weight", "rests_on", "is_excluded", "computed_at")
    list_filter = ("kind", "is_excluded", "computed_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "excluded_reason")
    actions = ("refresh", "leave_out", "count_again")
    fields = ("user", "kind", "invitation", "weight", "rests_on", "evidence", "computed_at", "is_excluded")
    fields += ("excluded_reason",)
    readonly_fields = ("user", "kind", "invitation", "weight", "rests_on", "evidence", "computed_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("rests on"))
    def rests_on(self, profile: RaterProfile) -> str:
        return profile.rests_on or gettext("nothing yet")

    @admin.action(description=gettext_lazy("Compute the weight anew"), permissions=["change"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[RaterProfile]) -> None:
        raters = [profile.user for profile in queryset.select_related("user")]
        for rater in raters:
            refresh_reliability(rater)
        self.message_user(request, gettext("Weights computed: %(raters)s.") % {"raters": len(raters)}, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Leave out of datasets"), permissions=["change"])
    def leave_out(self, request: HttpRequest, queryset: QuerySet[RaterProfile]) -> None:
        act(self, request, queryset, lambda p: exclude_rater(profile=p, actor=request.user), gettext("Raters left out"))

    @admin.action(description=gettext_lazy("Count in datasets again"), permissions=["change"])
    def count_again(self, request: HttpRequest, queryset: QuerySet[RaterProfile]) -> None:
        act(
            self,
            request,
            queryset,
            lambda p: include_rater(profile=p, actor=request.user),
            gettext("Raters counted again"),
        )
