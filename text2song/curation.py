"""What the admin pages of all apps share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from text2song.exceptions import DomainError
from text2song.words import parse_words


class StudioAdmin(admin.ModelAdmin):
    """What is searched for is read as on the pages: words, whatever stands between them.

    A form with a name that is taken is answered with 409, as it is everywhere.
    """

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = super().render_change_form(request, context, *args, **kwargs)
        errors = context["adminform"].form.errors.as_data() if request.method == "POST" else {}
        if any(error.code in ("unique", "unique_together") for found in errors.values() for error in found):
            answer.status_code = 409
        return answer

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        words = (word.replace("\\", r"\\").replace('"', r"\"") for word in parse_words(search_term))
        return super().get_search_results(request, queryset, " ".join(f'"{word}"' for word in words))


class ReadOnlyAdmin(StudioAdmin):
    """Rows that only services make and change; they can be looked at, found and acted upon."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self.fieldsets or [(None, {"fields": self.fields or ()})]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return flatten_fieldsets(self.get_fieldsets(request, obj))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        unsavable = {"show_save": False, "show_save_and_continue": False}
        return super().render_change_form(request, context | unsavable, *args, **kwargs)


def act(
    modeladmin: admin.ModelAdmin,
    request: HttpRequest,
    rows: Iterable[Model],
    service: Callable[[Any], object],
    done: str,
) -> None:
    """Call `service` for each row; say how many it was done to, and for each other row why not."""
    changed = 0
    for row in rows:
        try:
            service(row)
            changed += 1
        except DomainError as error:
            modeladmin.message_user(request, f"{row}: {error.message}", messages.WARNING)
    if changed:
        modeladmin.message_user(request, f"{done}: {changed}.", messages.SUCCESS)
