"""Curation of prompts, templates and suites. Every change goes through the services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy, pgettext

from prompts import services
from prompts.models import Prompt, PromptSuite, PromptTemplate, SuiteItem
from prompts.wording.validators import TEXT_MESSAGE
from text2song.curation import StudioAdmin
from text2song.exceptions import DomainError


def _each(
    modeladmin: admin.ModelAdmin, request: HttpRequest, rows: QuerySet[Any], change: Callable[[Any], Any], done: str
) -> None:
    """Apply `change` to every row; tell how many went well, and why the others did not."""
    changed = 0
    for row in rows:
        try:
            change(row)
            changed += 1
        except DomainError as error:
            modeladmin.message_user(request, f"{row}: {error.message}", messages.ERROR)
        except ValidationError as error:
            modeladmin.message_user(request, f"{row}: {' '.join(error.messages)}", messages.ERROR)
    if changed:
        modeladmin.message_user(request, f"{done} {changed}.", messages.SUCCESS)


class VisibilityFilter(admin.SimpleListFilter):
    """Deleted prompts stay stored, because samples refer to them; they are left out unless asked for."""

    title = gettext_lazy("visibility")
    parameter_name = "visibility"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("deleted", gettext("Deleted")), ("all", gettext("All"))]

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": gettext("Visible"),
        }
        yield from list(super().choices(changelist))[1:]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> QuerySet[Prompt]:
        if self.value() == "all":
            return queryset
        return queryset.filter(deleted_at__isnull=self.value() != "deleted")


@admin.register(Prompt)
class PromptAdmin(StudioAdmin):
    """Saved prompts never change, so they are read here; curators hide them and bring them back."""

    list_display = ("__str__", "style", "mood", "tempo", "author", "created_at", "deleted_at")
    list_filter = (VisibilityFilter, "style", "mood", "created_at")
    list_select_related = ("author",)
    search_fields = ("text", "rendered_text", "author__username", "=id")
    date_hierarchy = "created_at"
    actions = ("delete_prompts", "restore_prompts")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Prompt | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Prompt | None = None) -> bool:
        return False

    def has_curate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("prompts.delete_prompt")

    @admin.action(description=gettext_lazy("Delete the selected prompts (their samples stay)"), permissions=["curate"])
    def delete_prompts(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        visible = queryset.filter(deleted_at__isnull=True)
        _each(
            self, request, visible, lambda p: services.delete_prompt(actor=request.user, prompt=p), gettext("Deleted")
        )

    @admin.action(description=gettext_lazy("Restore the selected prompts"), permissions=["curate"])
    def restore_prompts(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> None:
        deleted = queryset.filter(deleted_at__isnull=False)
        _each(
            self, request, deleted, lambda p: services.restore_prompt(actor=request.user, prompt=p), gettext("Restored")
        )


class SystemFilter(admin.SimpleListFilter):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("system", pgettext("template", "System")), ("own", gettext("Users' own"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PromptTemplate]) -> QuerySet[PromptTemplate] | None:
        if self.value() is None:
            return None
        return queryset.filter(owner__isnull=self.value() == "system")


class TemplateAdminForm(ModelForm):
    class Meta:
        error_messages = {"text": {"required": TEXT_MESSAGE}}


@admin.register(PromptTemplate)
class PromptTemplateAdmin(StudioAdmin):
    """System templates (without an owner) are edited here; the forms obey the model's rules."""

    form = TemplateAdminForm
    list_display = ("name", "category", "style", "mood", "tempo", "owner", "updated_at")
    list_filter = (SystemFilter, "category", "style", "mood")
    list_select_related = ("owner",)
    search_fields = ("name", "description", "text", "owner__username")
    autocomplete_fields = ("owner",)
    actions = ("duplicate",)

    @admin.action(description=gettext_lazy("Copy the selected templates to my own"), permissions=["view"])
    def duplicate(self, request: HttpRequest, queryset: QuerySet[PromptTemplate]) -> None:
        _each(
            self,
            request,
            queryset,
            lambda t: services.duplicate_template(actor=request.user, template=t),
            gettext("Copied"),
        )


class SuiteItemInline(admin.TabularInline):
    """The prompts of a suite; read only once it is frozen."""

    model = SuiteItem
    autocomplete_fields = ("prompt",)
    extra = 0

    def _may_change(self, suite: PromptSuite | None) -> bool:
        return suite is None or not suite.is_frozen

    def has_add_permission(self, request: HttpRequest, obj: PromptSuite | None = None) -> bool:
        return self._may_change(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: PromptSuite | None = None) -> bool:
        return self._may_change(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: PromptSuite | None = None) -> bool:
        return self._may_change(obj) and super().has_delete_permission(request, obj)


@admin.register(PromptSuite)
class PromptSuiteAdmin(StudioAdmin):
    """Open suites are edited here; frozen ones are read."""

    list_display = ("name", "prompt_count", "created_by", "frozen_at", "created_at")
    list_filter = (("frozen_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("created_by",)
    search_fields = ("name", "description", "prompts__text")
    readonly_fields = ("created_by", "frozen_at", "created_at")
    inlines = (SuiteItemInline,)
    actions = ("freeze",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromptSuite]:
        return super().get_queryset(request).with_counts()

    @admin.display(ordering="prompt_count", description=gettext_lazy("Prompts"))
    def prompt_count(self, suite: PromptSuite) -> int:
        return suite.prompt_count

    def has_change_permission(self, request: HttpRequest, obj: PromptSuite | None = None) -> bool:
        return (obj is None or not obj.is_frozen) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: PromptSuite | None = None) -> bool:
        return (obj is None or not obj.is_frozen) and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without deletion in bulk, which would not look at whether a suite is frozen."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: PromptSuite, form: ModelForm, change: bool) -> None:
        if not change:
            obj.created_by = request.user
        super().save_model(request, obj, form, change)

    def has_freeze_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("prompts.change_promptsuite")

    @admin.action(description=gettext_lazy("Freeze the selected suites for good"), permissions=["freeze"])
    def freeze(self, request: HttpRequest, queryset: QuerySet[PromptSuite]) -> None:
        _each(self, request, queryset, lambda s: services.freeze_suite(actor=request.user, suite=s), gettext("Frozen"))
