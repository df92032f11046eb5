"""The curators' desk: adapters and registrations."""

from __future__ import annotations

from django.contrib import admin

from adapters.models import Adapter


@admin.register(Adapter)
class AdapterAdmin(admin.ModelAdmin):
    list_display = ("name", "version", "base_model", "is_active", "is_default", "source", "created_at", "deleted_at")
    list_select_related = ("base_model",)
