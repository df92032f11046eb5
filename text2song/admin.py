"""People, API keys and workers, for curators."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from text2song.api_keys import revoke_key
from text2song.curation import ReadOnlyAdmin
from text2song.models import ApiKey, WorkerPresence

admin.site.unregister(get_user_model())


@admin.register(get_user_model())
class PersonAdmin(UserAdmin):
    """Accounts. What people made and judged stays without a name when theirs is deleted."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What goes with an account (its keys, hearts, templates) is its own: whoever may delete it may delete that."""
        to_delete, counts, _, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, set(), protected


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys are made in Settings or by command, where they can be shown once; here they are found and revoked."""

    list_display = ("name", "user", "starts_with", "scopes", "created", "expiry", "last_used_at")
    list_filter = ("created", "expiry", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "token_key")
    actions = ("revoke",)
    fields = ("token_key", "user", "expiry", "name", "scopes", "last_used_at")

    @admin.display(description=gettext_lazy("Starts with"), ordering="token_key")
    def starts_with(self, key: ApiKey) -> str:
        return f"{key.token_key[:8]}…"

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("text2song.delete_apikey")

    @admin.action(description=gettext_lazy("Revoke the selected keys"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        keys = list(queryset)
        for key in keys:
            revoke_key(key=key, by=request.user)
        self.message_user(request, gettext("Keys revoked: %(n)s.") % {"n": len(keys)}, messages.SUCCESS)


@admin.register(WorkerPresence)
class WorkerPresenceAdmin(ReadOnlyAdmin):
    """Worker processes, what they do, and when they moved and were heard of. Rows of dead workers go by themselves."""

    list_display = ("name", "cluster", "what_it_does", "turned_at", "seen_at", "started_at", "is_alive")
    list_filter = ("cluster",)
    search_fields = ("name",)
    fields = ("name", "cluster", "started_at", "seen_at", "turned_at", "doing")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkerPresence]:
        return super().get_queryset(request).with_motion()

    @admin.display(description=gettext_lazy("What it does"), ordering="doing")
    def what_it_does(self, worker: WorkerPresence) -> str:
        if not self.is_alive(worker):
            return gettext("not heard of")
        if not worker.moves:
            return gettext("hangs in %(doing)s") % {"doing": worker.doing} if worker.doing else gettext("hangs")
        return worker.doing or gettext("idle")

    @admin.display(boolean=True, description=gettext_lazy("Alive"))
    def is_alive(self, worker: WorkerPresence) -> bool:
        return worker.seen_at > timezone.now() - WorkerPresence.TIMEOUT
