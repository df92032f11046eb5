"""The registry of LoRA adapters, and adapters on their way into it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from typing import Any, ClassVar

import structlog
from django.conf import settings
from django.core.files.storage import storages
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from adapters import querysets
from adapters.base import Base
from adapters.models import names as validators
from text2song.models import SoftDeleteModel, UUIDModel
from text2song.queue import Cluster
from text2song.work import Work

log = structlog.get_logger(__name__)

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
README_FILE = "README.md"
KEPT_FILES = (CONFIG_FILE, WEIGHTS_FILE, README_FILE)
ARCHIVE_FILE = "adapter.zip"
SENT_FILES = (ARCHIVE_FILE, *KEPT_FILES)
"""What an upload is kept as until a worker has unpacked it."""


class AdapterFiles(models.Model):
    """What a LoRA adapter is: its name and version, the base model it belongs to, and its files."""

    class Source(models.TextChoices):
        UPLOAD = "upload", gettext_lazy("Uploaded")
        TRAINING = "training", gettext_lazy("Trained here")
        COMMAND = "command", gettext_lazy("Registered by command")

    name = models.CharField(
        max_length=validators.NAME_LENGTH,
        validators=[validators.validate_name],
        error_messages={"blank": validators.NAME_MESSAGE},
    )
    version = models.CharField(
        max_length=validators.VERSION_LENGTH, default="1.0.0", validators=[validators.validate_version]
    )
    description = models.TextField(blank=True, max_length=5000, validators=[validators.validate_characters])
    base_model = models.ForeignKey("generation.BaseModel", on_delete=models.PROTECT, related_name="%(class)ss")
    base_revision = models.CharField(
        max_length=64, blank=True, help_text=gettext_lazy("The base model's files it was made for.")
    )
    source = models.CharField(max_length=10, choices=Source.choices)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    files = models.CharField(
        max_length=200,
        blank=True,
        editable=False,
        help_text=gettext_lazy("Prefix of its files on the default storage."),
    )
    sha256 = models.CharField(
        max_length=64, blank=True, editable=False, help_text=gettext_lazy("Of adapter_model.safetensors.")
    )
    size = models.PositiveBigIntegerField(default=0, editable=False, help_text=gettext_lazy("Bytes of all files"))
    trained_parameters = models.PositiveBigIntegerField(default=0, editable=False)
    peft_config = models.JSONField(default=dict, editable=False)
    training_config = models.JSONField(
        default=dict, blank=True, help_text=gettext_lazy("How it was trained; empty for adapters from elsewhere.")
    )

    class Meta:
        abstract = True

    @property
    def label(self) -> str:
        """As in “warm-keys@1.2.0”."""
        return f"{self.name}@{self.version}"

    @property
    def config_bytes(self) -> bytes:
        """adapter_config.json as it is stored, downloaded and applied."""
        return json.dumps(self.peft_config, indent=2, sort_keys=True).encode() + b"\n"

    @property
    def content_hash(self) -> str:
        """sha256 of configuration and weights together: the same weights at another alpha are another sound."""
        return hashlib.sha256(self.config_bytes + self.sha256.encode()).hexdigest()

    @property
    def rank(self) -> int | None:
        return self.peft_config.get("r")

    @property
    def alpha(self) -> float | None:
        return self.peft_config.get("lora_alpha")

    @classmethod
    def named_among(cls, names: Iterable[str]) -> set[str]:
        """Those of `names`, files on the storage, that belong to a row."""
        return _below(cls._base_manager.all(), "files", names)

    def file_name(self, name: str) -> str:
        """Where `name` (one of `KEPT_FILES`) is on the default storage."""
        return f"{self.files}/{name}"


def _below(rows: models.QuerySet, field: str, names: Iterable[str]) -> set[str]:
    """Those of `names` whose folder is what `field` of one of `rows` says."""
    folders = {name: name.rpartition("/")[0] for name in names}
    found = set(rows.filter(**{f"{field}__in": set(folders.values()) - {""}}).values_list(field, flat=True))
    return {name for name, folder in folders.items() if folder in found}


def _remove(folder: str, names: Iterable[str]) -> None:
    """Take `names` below `folder` off the storage, and the folder where it is empty now; missing ones are fine.

    No row names them any more, so what a store that is away keeps is pruned later.
    """
    if not folder:
        return
    try:
        for name in names:
            storages["default"].delete(f"{folder}/{name}")
        with contextlib.suppress(OSError):
            storages["default"].delete(folder)
    except Exception:
        log.warning("files_not_removed", folder=folder, exc_info=True)


class Adapter(AdapterFiles, SoftDeleteModel, UUIDModel):
    """A LoRA adapter that was found to load onto its base and to change what it makes.

    *Active* adapters can be chosen for new jobs; at most one per base model is its *default*, which is preselected.
    """

    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="children",
        help_text=gettext_lazy("The adapter it goes on from."),
    )
    is_active = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)
    previous_default = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=gettext_lazy("The default this one took the place of; rolling back returns to it."),
    )
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = querysets.AdapterQuerySet.as_manager()

    sample_count: int
    """Added by `with_usage`."""

    class Meta:
        ordering = ("name", "-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["name", "version"],
                condition=models.Q(deleted_at__isnull=True),
                name="adapter_name_and_version_once",
            ),
            models.UniqueConstraint(
                fields=["base_model"], condition=models.Q(is_default=True), name="one_default_adapter_per_base_model"
            ),
            models.CheckConstraint(
                condition=models.Q(is_default=False) | models.Q(is_active=True), name="default_adapter_is_active"
            ),
            models.CheckConstraint(
                condition=models.Q(is_active=False) | models.Q(deleted_at__isnull=True),
                name="deleted_adapter_is_inactive",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @classmethod
    def base_models(cls) -> models.QuerySet[Any]:
        """Those an adapter can belong to: the relation knows them, though their app is above this one."""
        return cls.base_model.get_queryset()  # type: ignore[call-arg]  # its hints may be left out

    def fits(self, base_model: Base) -> bool:
        """Whether it was made for this base model, and for the files that model has now."""
        known_revisions = {self.base_revision, base_model.revision} - {""}
        return self.base_model_id == base_model.pk and len(known_revisions) < 2


class DefaultChange(UUIDModel):
    """A change of what is preselected for a base model: from one adapter, or the base alone, to another."""

    class Reason(models.TextChoices):
        CHOSEN = "chosen", gettext_lazy("Chosen by a curator")
        PROMOTED = "promoted", gettext_lazy("Promoted by a blind test")
        ROLLED_BACK = "rolled_back", gettext_lazy("Rolled back")
        DEACTIVATED = "deactivated", gettext_lazy("Deactivated")
        DELETED = "deleted", gettext_lazy("Deleted")

    base_model = models.ForeignKey("generation.BaseModel", on_delete=models.CASCADE, related_name="default_changes")
    before = models.ForeignKey(Adapter, null=True, on_delete=models.CASCADE, related_name="+")
    after = models.ForeignKey(Adapter, null=True, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=11, choices=Reason.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=gettext_lazy("Empty: the studio."),
    )

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        names = (adapter.label if adapter else gettext("the base model alone") for adapter in (self.before, self.after))
        return " to ".join(names)


class AdapterRegistration(Work, AdapterFiles, UUIDModel):
    """An adapter on its way into the registry.

    queued -> checking -> registered | refused. A generation worker unpacks what was sent (`upload`), keeps its files
    as the row's (`files`), and loads it onto its base. Until it is unpacked, what only the files tell is empty.
    """

    class State(models.TextChoices):
        QUEUED = "queued", gettext_lazy("Waiting")
        CHECKING = "checking", gettext_lazy("Checking")
        REGISTERED = "registered", gettext_lazy("Registered")
        REFUSED = "refused", gettext_lazy("Refused")

    WORKING: ClassVar[str] = State.CHECKING
    DONE: ClassVar[str] = State.REGISTERED
    FAILED: ClassVar[str] = State.REFUSED
    UNFINISHED: ClassVar[tuple[str, ...]] = (State.QUEUED, State.CHECKING)
    CLUSTER: ClassVar[Cluster] = "generation"
    GAVE_UP: ClassVar[str] = gettext_lazy(
        "The worker died each time it unpacked or loaded the adapter, most likely for lack of memory."
    )
    TAKEN_IN: ClassVar[tuple[str, ...]] = ("files", "sha256", "size", "trained_parameters", "peft_config")
    """What is known once the files were unpacked and inspected."""

    parent = models.ForeignKey(Adapter, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    upload = models.CharField(
        max_length=200,
        blank=True,
        editable=False,
        help_text=gettext_lazy("Prefix of what was sent, on the default storage; empty once a worker has unpacked it."),
    )
    activate = models.BooleanField(
        default=True, help_text=gettext_lazy("Make it selectable as soon as it is registered.")
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    adapter = models.OneToOneField(
        Adapter, null=True, blank=True, on_delete=models.CASCADE, related_name="registration"
    )

    objects = querysets.AdapterRegistrationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["name", "version"],
                condition=models.Q(state__in=("queued", "checking")),
                name="one_check_per_name_and_version",
            ),
            models.CheckConstraint(
                condition=models.Q(state="registered", adapter__isnull=False)
                | models.Q(~models.Q(state="registered"), adapter__isnull=True),
                name="registered_has_an_adapter",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.state})"

    def take_up(self) -> bool:
        """As any work; but what a run was registering goes with its worker, as the run registers it anew."""
        if self.training_config.get("run"):
            theirs = self._rows((self.WORKING,)).filter(claim_token=self.claim_token)
            return self._fail(theirs, error=gettext("The worker stopped; the run registers its adapter once more."))
        return super().take_up()

    def _after_failure(self) -> None:
        """A refused upload leaves no files."""
        transaction.on_commit(self.remove_upload)
        transaction.on_commit(self.remove_files)

    @classmethod
    def named_among(cls, names: Iterable[str]) -> set[str]:
        having_files = cls._base_manager.exclude(state=cls.State.REFUSED)
        return _below(having_files, "files", names) | _below(cls.objects.unfinished(), "upload", names)

    @property
    def is_unpacked(self) -> bool:
        """Whether its files were inspected and are kept; before, they are as they were sent."""
        return not self.upload

    def remove_files(self) -> None:
        """Take the files off the storage."""
        _remove(self.files, KEPT_FILES)

    def remove_upload(self) -> None:
        """Take what was sent off the storage."""
        _remove(self.upload, SENT_FILES)
