"""The models music is made with, and the fetching of their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext, gettext_lazy

from generation.base_models.folder import BrokenModelFolder, tensor_shapes, weight_files
from generation.base_models.remedies import for_damaged, for_missing
from generation.exceptions import ModelNotReady
from generation.models.encoders import Encoder
from generation.specs import ModelSpec
from text2song.exceptions import Refused
from text2song.models import UUIDModel
from text2song.queue import Cluster
from text2song.work import Work, WorkQuerySet


class BaseModel(UUIDModel):
    """A MusicGen-format model: what it can do, where its files are, and whether it is the active one."""

    class Source(models.TextChoices):
        BUNDLED = "bundled", gettext_lazy("Bundled")
        HUB = "hub", gettext_lazy("Model hub")
        FOLDER = "folder", gettext_lazy("Local folder")

    key = models.SlugField(max_length=80, unique=True)
    display_name = models.CharField(max_length=100)
    source = models.CharField(max_length=10, choices=Source.choices)
    location = models.CharField(
        max_length=500,
        blank=True,
        help_text=gettext_lazy("Hub id (facebook/musicgen-small) or the folder's absolute path."),
    )
    copy_path = models.CharField(
        max_length=500,
        blank=True,
        help_text=gettext_lazy("Folder of a copy that was brought here, of a hub model never fetched."),
    )
    hub_revision = models.CharField(max_length=64, blank=True, default="main")
    family = models.CharField(max_length=30, default="musicgen")
    description = models.CharField(max_length=300, blank=True, help_text=gettext_lazy("What it is good for."))
    licence = models.CharField(max_length=100, blank=True)
    sample_rate = models.PositiveIntegerField(help_text=gettext_lazy("Hz"))
    channels = models.PositiveSmallIntegerField(default=1)
    codebooks = models.PositiveSmallIntegerField(default=4)
    frame_rate = models.FloatField(default=50.0, help_text=gettext_lazy("Codec frames a second"))
    max_duration = models.PositiveSmallIntegerField(help_text=gettext_lazy("Longest clip in one window, seconds"))
    recommended_duration = models.PositiveSmallIntegerField(help_text=gettext_lazy("Seconds"))
    memory_gb = models.FloatField(help_text=gettext_lazy("Memory needed to generate, GB"))
    quality = models.PositiveSmallIntegerField(
        default=0, help_text=gettext_lazy("Order among models, larger sounds better; presets choose by it.")
    )
    revision = models.CharField(
        max_length=64, blank=True, help_text=gettext_lazy("What the installed files are: hub commit or content hash.")
    )
    is_active = models.BooleanField(default=False)

    class Meta:
        ordering = ("quality", "display_name")
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"], condition=models.Q(is_active=True), name="one_active_base_model"
            ),
            models.CheckConstraint(
                condition=models.Q(recommended_duration__lte=models.F("max_duration")),
                name="recommended_within_max_duration",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def folder(self) -> Path:
        """Where the files are, or will be once fetched."""
        if self.is_bundled:
            return settings.BUNDLED_MODEL_DIR
        if self.source == self.Source.FOLDER:
            return Path(self.location)
        return Path(self.copy_path) if self.copy_path else self.fetched_folder

    @property
    def fetched_folder(self) -> Path:
        """Where a fetch from the hub puts its files."""
        return settings.MODELS_DIR / self.key

    @property
    def is_ready(self) -> bool:
        """Whether the files are here, complete. A hub fetch puts the folder in place only when all files are in it."""
        return (self.folder / "config.json").is_file()

    @property
    def is_bundled(self) -> bool:
        """Whether it came with the studio."""
        return self.source == self.Source.BUNDLED

    @property
    def is_removable(self) -> bool:
        """Whether a person added it, so that it can be removed when nothing needs it."""
        return self.source == self.Source.FOLDER or bool(self.copy_path)

    @property
    def remedy(self) -> str:
        """What brings its files here; empty when they are."""
        return "" if self.is_ready else for_missing(self)

    def spec(self) -> ModelSpec:
        """The model as the engine wants it; raises `ModelNotReady` when its files are missing."""
        if not self.is_ready:
            raise ModelNotReady(self.display_name, for_missing(self))
        return ModelSpec(self.key, str(self.folder), self.revision, remedy=for_damaged(self))

    def tensor_shapes(self) -> dict[str, list[int]]:
        """Name and shape of every weight, from the headers of its files. Raises `ModelNotReady`."""
        if not self.is_ready:
            raise ModelNotReady(self.display_name, for_missing(self))
        try:
            return tensor_shapes(weight_files(self.folder))
        except BrokenModelFolder as error:
            raise ModelNotReady(self.display_name, for_damaged(self), damaged=True) from error

    def why_unheard(self, kinds: Sequence[str]) -> str:
        """Why new clips will lack one of these kinds of features, and what helps; empty if they will have all."""
        return Encoder.objects.why_unheard(kinds)

    def other_called(self, name: str) -> BaseModel | None:
        """Another known model of this key or hub id, if `name` is one's and not this model's own."""
        if name in (self.key, self.location):
            return None
        named = models.Q(key=name) | models.Q(source=self.Source.HUB, location=name)
        return BaseModel.objects.filter(named).exclude(pk=self.pk).first()

    def take_copy(self, folder: Path, revision: str, max_duration: int) -> None:
        """Use the files in `folder`, of that content, as this hub model's own."""
        self.copy_path, self.revision, self.max_duration = str(folder), revision, max_duration
        self.recommended_duration = min(self.recommended_duration, max_duration)
        self.full_clean()
        self.save(update_fields=["copy_path", "revision", "max_duration", "recommended_duration"])

    def forget_copy(self) -> None:
        """Be a hub model that is not here again. The files stay where they are."""
        BaseModel.objects.filter(pk=self.pk).update(copy_path="", revision="")
        self.copy_path = self.revision = ""

    def activate(self) -> None:
        """Make this the model new jobs use unless they name one. Jobs already sent keep theirs."""
        if not self.is_ready:
            raise ModelNotReady(self.display_name, for_missing(self))
        with transaction.atomic():
            BaseModel.objects.filter(is_active=True).exclude(pk=self.pk).update(is_active=False)
            BaseModel.objects.filter(pk=self.pk).update(is_active=True)
        self.is_active = True


class ModelFetch(Work, UUIDModel):
    """The fetching of a hub model's files, so that a page can be left and found again. It goes on where it was."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    CLUSTER: ClassVar[Cluster] = "default"

    base_model = models.ForeignKey(BaseModel, on_delete=models.CASCADE, related_name="fetches")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    stage = models.CharField(max_length=100, blank=True)
    files_done = models.PositiveIntegerField(default=0)
    files_total = models.PositiveIntegerField(default=0)
    bytes_done = models.PositiveBigIntegerField(default=0)
    bytes_total = models.PositiveBigIntegerField(default=0)
    bytes_per_second = models.FloatField(default=0.0)

    objects = WorkQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name_plural = gettext_lazy("model fetches")
        constraints = [
            models.UniqueConstraint(
                fields=["base_model"],
                condition=models.Q(state__in=("queued", "running")),
                name="one_active_fetch_per_model",
            )
        ]

    def __str__(self) -> str:
        return f"{self.base_model} ({self.state})"

    @property
    def percent(self) -> int:
        return int(100 * self.bytes_done / self.bytes_total) if self.bytes_total else 0

    @property
    def file_now(self) -> int:
        """The number of the file being fetched, counted from 1."""
        return min(self.files_done + 1, self.files_total)

    def cancel(self) -> None:
        """unfinished -> cancelled; raises `Refused` otherwise."""
        if not self._cancel():
            raise Refused(gettext("The fetch is already %(state)s.") % {"state": self.state})
