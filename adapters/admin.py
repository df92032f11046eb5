"""The curators' desk: adapters, and uploads on their way into the registry.

Nothing here writes a state: actions call the same services as the pages, in the curator's name.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from adapters import services
from adapters.models import Adapter, AdapterRegistration
from text2song.curation import ReadOnlyAdmin, act


@admin.register(Adapter)
class AdapterAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "version",
        "base_model",
        "is_active",
        "is_default",
        "samples",
        "source",
        "created_by",
        "created_at",
        "deleted_at",
    )
    list_filter = ("is_active", "is_default", "base_model", "source", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("base_model", "created_by")
    search_fields = ("id", "name", "description", "sha256", "created_by__username")
    search_help_text = gettext_lazy("Words of name or description, an id, or a SHA-256.")
    date_hierarchy = "created_at"
    actions = ("activate", "deactivate", "make_default", "roll_back", "delete_adapters")
    fieldsets = (
        (None, {"fields": ("id", "name", "version", "description", "page")}),
        (gettext_lazy("State"), {"fields": ("is_active", "is_default", "previous_default", "deleted_at")}),
        (gettext_lazy("Made for"), {"fields": ("base_model", "base_revision", "parent")}),
        (gettext_lazy("Origin"), {"fields": ("source", "created_by", "created_at", "updated_at")}),
        (gettext_lazy("Files"), {"fields": ("files", "sha256", "size", "trained_parameters")}),
        (gettext_lazy("Configuration"), {"fields": ("peft_config", "training_config"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Adapter]:
        return super().get_queryset(request).with_usage()

    @admin.display(description=gettext_lazy("samples"), ordering="sample_count")
    def samples(self, adapter: Any) -> int:
        return adapter.sample_count

    @admin.display(description=gettext_lazy("page"))
    def page(self, adapter: Adapter) -> SafeString | str:
        if adapter.is_deleted:
            return "-"
        return format_html('<a href="{}">Open</a>', reverse("adapter-detail", args=[adapter.pk]))

    @admin.action(description=gettext_lazy("Activate: offer for new jobs"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Adapter]) -> None:
        done = gettext("Adapters activated")
        act(self, request, queryset, lambda a: services.activate_adapter(adapter=a, actor=request.user), done)

    @admin.action(description=gettext_lazy("Deactivate: offer no more"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Adapter]) -> None:
        done = gettext("Adapters deactivated")
        act(self, request, queryset, lambda a: services.deactivate_adapter(adapter=a, actor=request.user), done)

    @admin.action(description=gettext_lazy("Make default of its base model"), permissions=["change"])
    def make_default(self, request: HttpRequest, queryset: QuerySet[Adapter]) -> None:
        done = gettext("Adapters made default")
        act(self, request, queryset, lambda a: services.make_default(adapter=a, actor=request.user), done)

    @admin.action(description=gettext_lazy("Roll back to the default before"), permissions=["change"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[Adapter]) -> None:
        act(
            self, request, queryset, lambda a: services.roll_back(adapter=a, actor=request.user), gettext("Rolled back")
        )

    @admin.action(description=gettext_lazy("Delete (hides them; samples stay)"), permissions=["change"])
    def delete_adapters(self, request: HttpRequest, queryset: QuerySet[Adapter]) -> None:
        done = gettext("Adapters deleted")
        act(self, request, queryset, lambda a: services.delete_adapter(adapter=a, actor=request.user), done)


@admin.register(AdapterRegistration)
class AdapterRegistrationAdmin(ReadOnlyAdmin):
    list_display = ("name", "version", "base_model", "state", "attempts", "created_by", "created_at", "finished_at")
    list_filter = ("state", "base_model", "source")
    list_select_related = ("base_model", "created_by")
    search_fields = ("id", "name", "error", "sha256", "created_by__username")
    date_hierarchy = "created_at"
    fields = (
        ("name", "version"),
        ("base_model", "base_revision", "parent"),
        ("state", "attempts", "finished_at"),
        "error",
        "adapter",
        ("source", "created_by", "created_at"),
        ("upload", "files", "sha256", "size"),
    )
