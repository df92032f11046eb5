"""Datasets and their exports, for curators: found, looked at, exported, deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy

from datasets_app import services
from datasets_app.models import Dataset, Export
from text2song.curation import ReadOnlyAdmin, act


class ExportInline(admin.TabularInline):
    model = Export
    extra = 0
    can_delete = False
    fields = ("format", "state", "rows_done", "rows_total", "size", "sha256", "created_by", "created_at", "built_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin):
    """A built dataset never changes, so nothing here is typed."""

    list_display = ("name", "kind", "state", "row_count", "short_hash", "created_by", "created_at", "is_gone")
    list_filter = ("kind", "state", "created_at", ("deleted_at", admin.EmptyFieldListFilter))
    list_select_related = ("created_by",)
    search_fields = ("name", "description", "content_hash", "created_by__username")
    date_hierarchy = "created_at"
    fields = ("name", "description", "kind", "seed", "created_by")
    inlines = (ExportInline,)
    actions = ("hide", "export_jsonl", "export_huggingface")

    @admin.display(description=gettext_lazy("Rows"))
    def row_count(self, dataset: Dataset) -> int:
        return dataset.row_count

    @admin.display(description=gettext_lazy("Content hash"), ordering="content_hash")
    def short_hash(self, dataset: Dataset) -> str:
        return dataset.content_hash[:12]

    @admin.display(boolean=True, description=gettext_lazy("Deleted"))
    def is_gone(self, dataset: Dataset) -> bool:
        return dataset.is_deleted

    def has_hide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("datasets_app.delete_dataset")

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("datasets_app.add_export")

    @admin.action(description=gettext_lazy("Delete the selected datasets"), permissions=["hide"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Dataset]) -> None:
        done = gettext("Datasets deleted")
        act(self, request, queryset, lambda d: services.delete_dataset(dataset=d, actor=request.user), done)

    @admin.action(description=gettext_lazy("Export as JSON Lines"), permissions=["export"])
    def export_jsonl(self, request: HttpRequest, queryset: QuerySet[Dataset]) -> None:
        self._export(request, queryset, Export.Format.JSONL)

    @admin.action(description=gettext_lazy("Export as Hugging Face folder"), permissions=["export"])
    def export_huggingface(self, request: HttpRequest, queryset: QuerySet[Dataset]) -> None:
        self._export(request, queryset, Export.Format.HUGGINGFACE)

    def _export(self, request: HttpRequest, queryset: QuerySet[Dataset], file_format: str) -> None:
        def start(dataset: Dataset) -> object:
            return services.start_export(dataset=dataset, file_format=file_format, actor=request.user)

        act(self, request, queryset, start, gettext("Being exported"))


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    list_display = ("dataset", "format", "state", "size", "created_by", "created_at", "built_at")
    list_filter = ("format", "state", "created_at")
    list_select_related = ("dataset", "created_by")
    search_fields = ("dataset__name", "sha256")
    fields = ("dataset", "format", "created_by")
