"""Criteria and tags, as curators keep them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy

from feedback.judgements.tag_names import normal_name
from feedback.models import Criterion, Tag
from feedback.services import delete_tag, merge_tag
from text2song.curation import StudioAdmin, act
from text2song.exceptions import Refused


@admin.register(Criterion)
class CriterionAdmin(StudioAdmin):
    """What is used is retired (not active) rather than removed."""

    list_display = ("name", "slug", "question", "position", "is_active", "ratings_count")
    list_editable = ("position", "is_active")
    list_filter = ("is_active",)
    search_fields = ("slug", "name", "question")
    prepopulated_fields = {"slug": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Criterion]:
        return super().get_queryset(request).annotate(number=Count("ratings"))

    def get_readonly_fields(self, request: HttpRequest, obj: Criterion | None = None) -> tuple[str, ...]:
        return ("slug",) if obj else ()  # scripts name a criterion by it

    def get_prepopulated_fields(self, request: HttpRequest, obj: Criterion | None = None) -> dict[str, Any]:
        return {} if obj else super().get_prepopulated_fields(request, obj)

    @admin.display(description=gettext_lazy("ratings"), ordering="number")
    def ratings_count(self, criterion: Criterion) -> int:
        return criterion.number


class TagForm(forms.ModelForm):
    """A tag, its name written as all are."""

    class Meta:
        model = Tag
        fields = ("name", "sign", "is_curated")

    def clean_name(self) -> str:
        try:
            return normal_name(self.cleaned_data["name"])
        except Refused as error:
            raise ValidationError(error.message) from error


class MergeForm(ActionForm):
    """The actions' form, with the tag to merge into."""

    into = forms.CharField(required=False, label=gettext_lazy("Merge into"), max_length=100)


@admin.register(Tag)
class TagAdmin(StudioAdmin):
    form = TagForm
    action_form = MergeForm
    list_display = ("name", "sign", "is_curated", "uses_count", "synonym_of", "created_at")
    list_filter = ("sign", "is_curated", ("synonym_of", admin.EmptyFieldListFilter))
    list_select_related = ("synonym_of",)
    search_fields = ("name", "synonyms__name")
    actions = ("merge", "offer", "remove")
    readonly_fields = ("synonym_of",)
    fields = ("name", "sign", "is_curated", "synonym_of")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        return super().get_queryset(request).annotate(number=Count("uses", distinct=True))

    def has_delete_permission(self, request: HttpRequest, obj: Tag | None = None) -> bool:
        return False  # the action “Remove” knows what may go

    @admin.display(description=gettext_lazy("uses"), ordering="number")
    def uses_count(self, tag: Tag) -> int:
        return tag.number

    @admin.action(description=gettext_lazy("Merge into the tag named beside"), permissions=["change"])
    def merge(self, request: HttpRequest, queryset: QuerySet[Tag]) -> None:
        """Uses move to the target, and the chosen tags stay as synonyms of it."""
        try:
            into = Tag.objects.filter(name=normal_name(request.POST.get("into", ""))).first()
        except Refused:
            into = None
        if into is None:
            self.message_user(request, gettext("Name an existing tag to merge into."), messages.WARNING)
            return
        done = gettext("Tags merged into “%(into)s”") % {"into": into}
        act(self, request, queryset, lambda tag: merge_tag(tag=tag, into=into, actor=request.user), done)

    @admin.action(description=gettext_lazy("Offer to every rater"), permissions=["change"])
    def offer(self, request: HttpRequest, queryset: QuerySet[Tag]) -> None:
        offered = Tag.objects.canonical().filter(pk__in=queryset.values("pk")).update(is_curated=True)
        self.message_user(request, gettext("Tags offered: %(offered)s.") % {"offered": offered}, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Remove (unused tags)"), permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Tag]) -> None:
        act(self, request, queryset, lambda tag: delete_tag(tag=tag, actor=request.user), gettext("Tags removed"))
