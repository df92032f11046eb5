"""The curators' desk: models, encoders and their fetches, jobs, samples, hearts, collections, links, defaults.

Nothing here writes a state: actions call the same services as the pages, in the curator's name.
"""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from generation import services
from generation.models import (
    AudioSample,
    BaseModel,
    Collection,
    CollectionItem,
    Encoder,
    Favorite,
    GenerationDefaults,
    GenerationJob,
    ModelFetch,
    ShareLink,
)
from prompts.coach.advice import remarks_on
from text2song.curation import ReadOnlyAdmin, StudioAdmin, act


@admin.register(BaseModel)
class BaseModelAdmin(StudioAdmin):
    list_display = ("display_name", "key", "source", "ready", "is_active", "max_duration", "memory_gb", "licence")
    list_filter = ("source", "is_active", "channels")
    search_fields = ("key", "display_name", "location", "description")
    ordering = ("quality", "display_name")
    actions = ("activate", "fetch", "remove")
    readonly_fields = (
        "key",
        "source",
        "location",
        "copy_path",
        "family",
        "sample_rate",
        "channels",
        "codebooks",
        "frame_rate",
        "revision",
        "is_active",
        "ready",
        "created_at",
    )
    fields = (
        ("display_name", "key"),
        "description",
        "licence",
        ("source", "location", "hub_revision", "copy_path"),
        ("revision", "ready", "is_active"),
        ("max_duration", "recommended_duration", "memory_gb", "quality"),
        ("family", "sample_rate", "channels", "codebooks", "frame_rate"),
        "created_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # models come from the catalogue, or from a folder under Settings › Models

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # the action “Remove” knows what may go

    @admin.display(boolean=True, description=gettext_lazy("files here"))
    def ready(self, model: BaseModel) -> bool:
        return model.is_ready

    @admin.action(description=gettext_lazy("Make active"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[BaseModel]) -> None:
        if len(queryset) != 1:
            self.message_user(request, gettext("Choose exactly one model to make active."), messages.WARNING)
            return
        done = gettext("New jobs use %(model)s from now on; models made active") % {"model": queryset[0]}
        act(self, request, queryset, lambda m: services.activate_model(model=m, actor=request.user), done)

    @admin.action(description=gettext_lazy("Fetch files from the hub"), permissions=["change"])
    def fetch(self, request: HttpRequest, queryset: QuerySet[BaseModel]) -> None:
        done = gettext("Fetches put in the queue")
        act(self, request, queryset, lambda m: services.request_fetch(model=m, actor=request.user), done)

    @admin.action(description=gettext_lazy("Remove (models from folders)"), permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[BaseModel]) -> None:
        done = gettext("Models removed; their files stay")
        act(self, request, queryset, lambda m: services.remove_model(model=m, actor=request.user), done)


@admin.register(Encoder)
class EncoderAdmin(StudioAdmin):
    """Names can be written here; encoders come from folders under Settings › Models › Encoders."""

    list_display = ("display_name", "key", "architecture", "sample_rate", "licence", "is_active", "problem")
    list_filter = ("is_active", "architecture")
    search_fields = ("key", "display_name", "path", "architecture")
    actions = ("activate", "deactivate", "remove")
    fields = (
        ("display_name", "key"),
        "licence",
        ("path", "revision"),
        ("architecture", "sample_rate", "size"),
        ("is_active", "problem"),
        "created_at",
    )
    readonly_fields = (
        "key",
        "path",
        "revision",
        "architecture",
        "sample_rate",
        "size",
        "is_active",
        "problem",
        "created_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # the action “Remove” takes what it heard along

    @admin.action(description=gettext_lazy("Hear clips with them"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Encoder]) -> None:
        done = gettext("Encoders activated")
        act(self, request, queryset, lambda e: services.activate_encoder(encoder=e, actor=request.user), done)

    @admin.action(description=gettext_lazy("Hear no further clips with them"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Encoder]) -> None:
        done = gettext("Encoders deactivated")
        act(self, request, queryset, lambda e: services.deactivate_encoder(encoder=e, actor=request.user), done)

    @admin.action(description=gettext_lazy("Remove, and what they heard"), permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Encoder]) -> None:
        done = gettext("Encoders removed; their files stay")
        act(self, request, queryset, lambda e: services.remove_encoder(encoder=e, actor=request.user), done)


@admin.register(ModelFetch)
class ModelFetchAdmin(ReadOnlyAdmin):
    list_display = ("base_model", "state", "percent_done", "stage", "requested_by", "created_at", "finished_at")
    list_filter = ("state", "base_model")
    list_select_related = ("base_model", "requested_by")
    search_fields = ("base_model__key", "base_model__display_name", "error")
    date_hierarchy = "created_at"
    actions = ("cancel",)
    fields = (
        "base_model",
        ("state", "percent_done", "stage"),
        ("files_done", "files_total"),
        ("bytes_done", "bytes_total", "bytes_per_second"),
        "error",
        ("requested_by", "worker"),
        ("created_at", "started_at", "finished_at"),
    )

    @admin.display(description="%")
    def percent_done(self, fetch: ModelFetch) -> int:
        return fetch.percent

    @admin.action(description=gettext_lazy("Stop"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[ModelFetch]) -> None:
        done = gettext("Fetches stopped")
        act(self, request, queryset, lambda f: services.cancel_fetch(fetch=f, actor=request.user), done)


class SampleInline(admin.TabularInline):
    """The clips of a job, to listen to."""

    model = AudioSample
    fields = ("label", "listen", "seed", "duration", "loudness_lufs", "true_peak_db", "set_aside_at", "deleted_at")
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("audio"))
    def listen(self, sample: AudioSample) -> SafeString:
        return audio_link(sample)


def audio_link(sample: AudioSample) -> SafeString:
    """A link that plays the stored audio."""
    return format_html('<a href="{}">Listen</a>', reverse("audio-stream", args=[sample.pk]))


@admin.register(GenerationJob)
class GenerationJobAdmin(ReadOnlyAdmin):
    list_display = (
        "short_id",
        "prompt",
        "state",
        "percent_done",
        "base_model",
        "adapter",
        "num_samples",
        "duration",
        "requested_by",
        "created_at",
        "deleted_at",
    )
    list_display_links = ("short_id", "prompt")
    list_filter = (
        "state",
        "kind",
        "base_model",
        "adapter",
        "preset",
        "created_at",
        ("deleted_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("prompt", "base_model", "adapter", "requested_by")
    search_fields = ("id", "prompt__text", "prompt__rendered_text", "requested_by__username", "error")
    search_help_text = gettext_lazy(
        "Words of the prompt, a job's id or the beginning of it, a user's name, words of an error."
    )
    date_hierarchy = "created_at"
    actions = ("cancel", "requeue", "delete_jobs")
    inlines = (SampleInline,)
    fieldsets = (
        (None, {"fields": ("id", "prompt", "base_model", "adapter", "adapter_strength", "requested_by")}),
        (
            gettext_lazy("State"),
            {"fields": ("state", "percent_done", "error", "attempts", "worker", "seconds_taken", "deleted_at")},
        ),
        (gettext_lazy("Times"), {"fields": ("created_at", "queued_at", "started_at", "finished_at")}),
        (
            gettext_lazy("Settings"),
            {
                "fields": (
                    "num_samples",
                    "duration",
                    "long_form",
                    "preset",
                    "temperature",
                    "top_k",
                    "top_p",
                    "guidance_scale",
                    "seed",
                )
            },
        ),
        (gettext_lazy("Best of n"), {"fields": ("taste", "keep", "taste_note")}),
        (gettext_lazy("Source"), {"fields": ("kind", "source_sample", "prefix_seconds"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[GenerationJob]:
        return super().get_queryset(request).filter(withheld=False)  # curators judge blind too; a test shows its jobs

    @admin.display(description="%")
    def percent_done(self, job: GenerationJob) -> int:
        return job.percent

    @admin.action(description=gettext_lazy("Cancel"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[GenerationJob]) -> None:
        act(
            self, request, queryset, lambda j: services.cancel_job(job=j, actor=request.user), gettext("Jobs cancelled")
        )

    @admin.action(description=gettext_lazy("Put back in the queue"), permissions=["change"])
    def requeue(self, request: HttpRequest, queryset: QuerySet[GenerationJob]) -> None:
        done = gettext("Jobs put back in the queue")
        act(self, request, queryset, lambda j: services.requeue_job(job=j, actor=request.user), done)

    @admin.action(description=gettext_lazy("Delete (hides them and their samples)"), permissions=["change"])
    def delete_jobs(self, request: HttpRequest, queryset: QuerySet[GenerationJob]) -> None:
        act(self, request, queryset, lambda j: services.delete_job(job=j, actor=request.user), gettext("Jobs deleted"))


@admin.register(AudioSample)
class AudioSampleAdmin(ReadOnlyAdmin):
    list_display = (
        "short_id",
        "label",
        "title",
        "prompt",
        "listen",
        "duration",
        "loudness_lufs",
        "true_peak_db",
        "base_model",
        "created_at",
        "deleted_at",
    )
    list_filter = (
        "job__base_model",
        "created_at",
        ("set_aside_at", admin.EmptyFieldListFilter),
        ("deleted_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("job__prompt", "job__base_model", "job__adapter")
    search_fields = ("id", "title", "job__id", "job__prompt__rendered_text", "sha256")
    search_help_text = gettext_lazy(
        "Words of the title or the prompt, the id of a sample or its job, or the beginning of one."
    )
    date_hierarchy = "created_at"
    actions = ("keep_samples", "delete_samples")
    fieldsets = (
        (
            None,
            {"fields": ("id", "job", "label", "title", "listen", "seed", "set_aside_at", "deleted_at", "created_at")},
        ),
        (gettext_lazy("Read"), {"fields": ("rendered_text", "lost")}),
        (
            gettext_lazy("Measured"),
            {"fields": ("duration", "sample_rate", "channels", "loudness_lufs", "true_peak_db", "gain_db")},
        ),
        (gettext_lazy("Made with"), {"fields": ("base_model", "base_revision", "adapter", "adapter_sha256")}),
        (gettext_lazy("Files"), {"fields": ("audio_name", "codes_name", "size", "sha256")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AudioSample]:
        return super().get_queryset(request).filter(job__withheld=False)

    @admin.display(description=gettext_lazy("not read"))
    def lost(self, sample: AudioSample) -> str:
        return " ".join(f"{remark.title}. {remark.why}" for remark in remarks_on(sample.reading)) or "-"

    @admin.display(description=gettext_lazy("prompt"))
    def prompt(self, sample: AudioSample) -> str:
        return str(sample.job.prompt)

    @admin.display(description=gettext_lazy("base model"))
    def base_model(self, sample: AudioSample) -> str:
        return str(sample.job.base_model)

    @admin.display(description=gettext_lazy("adapter"))
    def adapter(self, sample: AudioSample) -> str:
        return sample.job.adapter_label

    @admin.display(description=gettext_lazy("audio"))
    def listen(self, sample: AudioSample) -> SafeString:
        return audio_link(sample)

    @admin.display(description=gettext_lazy("audio file"))
    def audio_name(self, sample: AudioSample) -> str:
        return sample.audio_file.name or "-"

    @admin.display(description=gettext_lazy("codes file"))
    def codes_name(self, sample: AudioSample) -> str:
        return sample.codes_file.name or "-"

    @admin.action(description=gettext_lazy("Keep after all what was set aside"), permissions=["change"])
    def keep_samples(self, request: HttpRequest, queryset: QuerySet[AudioSample]) -> None:
        rows = queryset.filter(set_aside_at__isnull=False)
        act(self, request, rows, lambda s: services.keep_sample(sample=s, actor=request.user), gettext("Samples kept"))

    @admin.action(description=gettext_lazy("Delete (hides them)"), permissions=["change"])
    def delete_samples(self, request: HttpRequest, queryset: QuerySet[AudioSample]) -> None:
        rows = queryset.filter(deleted_at__isnull=True)
        act(
            self,
            request,
            rows,
            lambda s: services.delete_sample(sample=s, actor=request.user),
            gettext("Samples deleted"),
        )


@admin.register(Favorite)
class FavoriteAdmin(ReadOnlyAdmin):
    list_display = ("user", "kind", "target", "note", "created_at")
    list_filter = (("sample", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("user", "prompt", "sample__job__prompt")
    search_fields = ("user__username", "note", "prompt__text", "sample__job__prompt__rendered_text")
    date_hierarchy = "created_at"
    fields = ("user", "kind", "prompt", "sample", "note", ("created_at", "updated_at"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Favorite]:
        return super().get_queryset(request).exclude(sample__job__withheld=True)

    @admin.display(description=gettext_lazy("type"))
    def kind(self, favorite: Favorite) -> str:
        return gettext("Prompt") if favorite.sample_id is None else gettext("Audio")

    @admin.display(description=gettext_lazy("what"))
    def target(self, favorite: Favorite) -> str:
        return str(favorite.prompt or favorite.sample.job.prompt)


class CollectionItemInline(admin.TabularInline):
    """The clips of a collection in its order, to listen to."""

    model = CollectionItem
    fields = ("position", "name", "listen")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[CollectionItem]:
        items = super().get_queryset(request).select_related("sample__job__prompt").order_by("position", "pk")
        return items.filter(sample__in=AudioSample.objects.visible().order_by().values("pk"))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("clip"))
    def name(self, item: CollectionItem) -> str:
        return item.sample.name

    @admin.display(description=gettext_lazy("audio"))
    def listen(self, item: CollectionItem) -> SafeString:
        return audio_link(item.sample)


@admin.register(Collection)
class CollectionAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "is_shared", "clips", "updated_at")
    list_filter = ("is_shared", "updated_at")
    list_select_related = ("owner",)
    search_fields = ("id", "name", "owner__username")
    search_help_text = gettext_lazy("Words of the name, its owner's name, or the id of a collection.")
    date_hierarchy = "created_at"
    actions = ("share", "make_private", "delete_collections")
    inlines = (CollectionItemInline,)
    fields = ("id", "name", "owner", "is_shared", ("created_at", "updated_at"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        return super().get_queryset(request).with_figures()

    @admin.display(description=gettext_lazy("clips"))
    def clips(self, collection: Collection) -> int:
        return collection.clips

    @admin.action(description=gettext_lazy("Share with the studio"), permissions=["change"])
    def share(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        self._change(request, queryset, gettext("Collections shared with the studio"), is_shared=True)

    @admin.action(description=gettext_lazy("Make private"), permissions=["change"])
    def make_private(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        self._change(request, queryset, gettext("Collections made private"), is_shared=False)

    @admin.action(description=gettext_lazy("Delete (their clips stay)"), permissions=["change"])
    def delete_collections(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        done = gettext("Collections deleted")
        act(self, request, queryset, lambda c: services.delete_collection(collection=c, actor=request.user), done)

    def _change(self, request: HttpRequest, queryset: QuerySet[Collection], done: str, *, is_shared: bool) -> None:
        def service(collection: Collection) -> None:
            services.change_collection(collection=collection, actor=request.user, is_shared=is_shared)

        act(self, request, queryset, service, done)


@admin.register(ShareLink)
class ShareLinkAdmin(ReadOnlyAdmin):
    """The token is not shown: whoever has it hears what it shares."""

    list_display = ("target", "created_by", "expires_at", "revoked_at", "opened", "last_opened_at", "created_at")
    list_filter = (("collection", admin.EmptyFieldListFilter), ("revoked_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("created_by", "collection", "sample__job__prompt")
    search_fields = ("id", "created_by__username", "collection__name", "sample__title")
    date_hierarchy = "created_at"
    actions = ("revoke",)
    fields = ("target", "created_by", ("expires_at", "revoked_at"), ("opened", "last_opened_at"), "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ShareLink]:
        return super().get_queryset(request).exclude(sample__job__withheld=True)

    @admin.display(description=gettext_lazy("what"))
    def target(self, link: ShareLink) -> str:
        return link.sample.name if link.sample else str(link.collection)

    @admin.action(description=gettext_lazy("Revoke"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ShareLink]) -> None:
        rows = queryset.filter(revoked_at=None)
        act(
            self,
            request,
            rows,
            lambda link: services.revoke_link(link=link, actor=request.user),
            gettext("Links revoked"),
        )


@admin.register(GenerationDefaults)
class GenerationDefaultsAdmin(admin.ModelAdmin):
    """The one row of starting values."""

    list_display = ("__str__", "num_samples", "duration", "temperature", "top_k", "top_p", "guidance_scale")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not GenerationDefaults.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
