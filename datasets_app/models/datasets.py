"""Datasets: immutable snapshots of what people judged, made for training."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.core.validators import MinLengthValidator, RegexValidator
from django.db import models
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy, ngettext

from adapters.models import Taste
from datasets_app import querysets
from datasets_app.exceptions import DatasetIsImmutable
from datasets_app.formats.rows import JUDGE_LENGTH, ClipRow, PreferenceRow, Row, SupervisedRow, row_id
from datasets_app.models.building import Build, BuildQuerySet
from generation.models import AudioSample
from generation.sound.files import load_codes
from generation.specs import Codes
from prompts.models import Prompt
from prompts.wording.sameness import text_key
from text2song.models import SoftDeleteModel, UUIDModel

NAME_LENGTH = 200
NAME_MESSAGE = format_lazy(gettext_lazy("Give it a name of 1 to {name_length} characters."), name_length=NAME_LENGTH)
MAX_SEED = 2**31 - 1


class Dataset(SoftDeleteModel, Build, UUIDModel):
    """Rows to train on, chosen by filters, frozen once built: later feedback, renaming or deletion changes none of it.

    `content_hash` is the sha256 of its rows alone, so the same rows in another dataset, or another studio, have the
    same. `seed` decides the splits together with what the prompts ask for.
    """

    class Kind(models.TextChoices):
        SUPERVISED = "supervised", gettext_lazy("Supervised")
        PREFERENCE = "preference", gettext_lazy("Preference")

    BROKEN: ClassVar[str] = gettext_lazy("Building it failed unexpectedly. The log has the details; try again.")
    CUT_OFF: ClassVar[str] = gettext_lazy("The import was cut off. Import the file again.")
    METHODS: ClassVar[dict[str, tuple[str, ...]]] = {
        Kind.SUPERVISED: ("sft", "kto", "ranking"),
        Kind.PREFERENCE: ("dpo", "ranking"),
    }
    CHANGEABLE: ClassVar[frozenset[str]] = frozenset({"deleted_at"})

    name = models.CharField(
        max_length=NAME_LENGTH,
        validators=[MinLengthValidator(1, NAME_MESSAGE), RegexValidator("\x00", inverse_match=True)],
        error_messages={"blank": NAME_MESSAGE},
    )
    description = models.TextField(blank=True, max_length=5000, validators=[RegexValidator("\x00", inverse_match=True)])
    kind = models.CharField(max_length=10, choices=Kind.choices)
    filters = models.JSONField(
        default=dict, editable=False, help_text=gettext_lazy("What chose the rows; empty for imported ones.")
    )
    imported_from = models.CharField(
        max_length=200, blank=True, editable=False, help_text=gettext_lazy("Name of the imported file.")
    )
    seed = models.PositiveBigIntegerField(
        default=0, help_text=gettext_lazy("Decides, with the prompts, what is held out.")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    content_hash = models.CharField(max_length=64, blank=True, editable=False, db_index=True)
    train_rows = models.PositiveIntegerField(default=0, editable=False)
    validation_rows = models.PositiveIntegerField(default=0, editable=False)
    test_rows = models.PositiveIntegerField(default=0, editable=False)
    statistics = models.JSONField(default=dict, editable=False)

    objects = querysets.DatasetQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(condition=~models.Q(name=""), name="dataset_has_a_name"),
            models.CheckConstraint(condition=models.Q(kind__in=("supervised", "preference")), name="dataset_kind"),
            models.CheckConstraint(condition=models.Q(seed__lte=MAX_SEED), name="dataset_seed"),
            models.CheckConstraint(
                condition=(
                    models.Q(state="ready", built_at__isnull=False, train_rows__gte=1) & ~models.Q(content_hash="")
                )
                | models.Q(state__in=("queued", "building", "failed"), content_hash="", built_at__isnull=True),
                name="dataset_ready_is_complete",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def short_id(self) -> str:
        return str(self.pk)[:8]

    @property
    def row_count(self) -> int:
        return self.train_rows + self.validation_rows + self.test_rows

    @property
    def labelled(self) -> dict[str, int]:
        """Rows that no person judged, by the taste that did, as in {“taste anna@3”: 12}; empty until it is built."""
        return dict(self.statistics.get("labelled", {}).get("judges", {}))

    @property
    def labelled_rows(self) -> int:
        return sum(self.labelled.values())

    @property
    def labelled_in_words(self) -> str:
        """As in “12 of 40 pairs were labelled by the taste anna@3”; empty where people judged all."""
        if not self.labelled:
            return ""
        judges = gettext(" and the ").join(self.labelled)
        return ngettext(
            "%(labelled_rows)s of %(row_count)s pairs was labelled by the %(judges)s",
            "%(labelled_rows)s of %(row_count)s pairs were labelled by the %(judges)s",
            self.labelled_rows,
        ) % {"labelled_rows": self.labelled_rows, "row_count": self.row_count, "judges": judges}

    @property
    def is_imported(self) -> bool:
        """Its rows came in a file, not from the feedback here."""
        return bool(self.imported_from)

    @property
    def splits(self) -> list[tuple[str, int]]:
        """Label and rows of each split."""
        return [(label, getattr(self, f"{value}_rows")) for value, label in DatasetItem.Split.choices]

    @property
    def methods(self) -> tuple[str, ...]:
        """The training methods that can use it, the usual one first."""
        return self.METHODS[self.kind]

    def take_up(self) -> bool:
        """As any work; but an import goes with the process that read the file."""
        if self.is_imported:
            return self._fail(self._rows((self.WORKING,)).filter(claim_token=self.claim_token), error=self.CUT_OFF)
        return super().take_up()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A built dataset can be deleted and restored, and nothing else."""
        changed = set(kwargs.get("update_fields") or [field.attname for field in self._meta.concrete_fields])
        if changed - self.CHANGEABLE and self._is_built():
            raise DatasetIsImmutable(self.name)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Built datasets are hidden by `services.delete_dataset`, never removed."""
        if self._is_built():
            raise DatasetIsImmutable(self.name)
        return super().delete(*args, **kwargs)

    def _is_built(self) -> bool:
        return not self._state.adding and Dataset.objects.filter(pk=self.pk, state=self.State.READY).exists()


class DatasetPart(models.Model):
    """Belongs to a dataset, and is as immutable."""

    dataset_id: UUID

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._refuse_if_built()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self._refuse_if_built()
        return super().delete(*args, **kwargs)

    def _refuse_if_built(self) -> None:
        built = Dataset.objects.filter(pk=self.dataset_id, state=Dataset.State.READY).first()
        if built is not None:
            raise DatasetIsImmutable(built.name)


def codes_path(clip: Clip, filename: str) -> str:
    """A folder a dataset, names from the claim that built it."""
    return f"datasets/{clip.dataset_id}/{filename}"


class Clip(DatasetPart):
    """A sample as it was when the dataset was built, once per dataset however many rows it is in.

    A sample of this studio keeps its own files, and cannot be removed (it can be hidden). One imported from another
    studio has its codes in `codes_file`, and no audio.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="clips")
    sample_key = models.UUIDField(
        help_text=gettext_lazy("The sample's id, here or in the studio it was imported from.")
    )
    sample = models.ForeignKey(
        AudioSample, null=True, blank=True, on_delete=models.PROTECT, related_name="dataset_clips"
    )
    codes_file = models.FileField(upload_to=codes_path, max_length=200, blank=True)
    codes_sha256 = models.CharField(max_length=64)
    audio_sha256 = models.CharField(max_length=64, blank=True)
    seed = models.PositiveBigIntegerField()
    duration = models.FloatField(help_text=gettext_lazy("Seconds"))
    sample_rate = models.PositiveIntegerField(help_text=gettext_lazy("Hz"))
    model = models.CharField(max_length=80, help_text=gettext_lazy("Key of the base model."))
    base_revision = models.CharField(max_length=64, blank=True)
    adapter = models.CharField(
        max_length=220, blank=True, help_text=gettext_lazy("name@version as it was; empty for none.")
    )
    tags = models.JSONField(default=list)
    notes = models.JSONField(default=list, help_text=gettext_lazy("What raters wrote about it, without their names."))

    objects = querysets.PartQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["dataset", "sample_key"], name="one_clip_per_sample_and_dataset"),
            models.CheckConstraint(
                condition=models.Q(sample__isnull=True) ^ models.Q(codes_file=""), name="clip_has_codes_in_one_place"
            ),
        ]

    def __str__(self) -> str:
        return gettext("Clip %(number)s") % {"number": str(self.sample_key)[:8]}

    def load_codes(self) -> Codes:
        """`[K, T]` int16; raises `StorageUnavailable`."""
        return load_codes(self.sample or self)

    def to_row(self, *, codes: bool) -> ClipRow:
        """The clip as a part of a row; its codes are read only if asked for."""
        return ClipRow(
            sample_id=self.sample_key,
            codes=self.load_codes() if codes else None,
            codes_sha256=self.codes_sha256,
            seed=self.seed,
            duration=self.duration,
            sample_rate=self.sample_rate,
            model=self.model,
            base_revision=self.base_revision,
            adapter=self.adapter or None,
            tags=tuple(self.tags),
            notes=tuple(self.notes),
        )


class DatasetItem(DatasetPart):
    """A row: a rated clip (`sample`, `rating`), or a pair that was compared (`chosen`, `rejected`, `margin`).

    `weight` is the evidence: the reliabilities of those who judged, summed. `votes` counts their answers. `margin` is
    the difference of the two clips' shares of the evidence, 0 where they are equal. `text` is what the model was given,
    `asked` the whole prompt in words (empty in rows of earlier releases); rows with one `text_key` ask for the same.

    A pair that a taste labelled has no votes, and `judge` says so wherever it goes; `labelled_by` is that taste where
    the dataset was built here.
    """

    class Split(models.TextChoices):
        TRAIN = "train", gettext_lazy("Train")
        VALIDATION = "validation", gettext_lazy("Validation")
        TEST = "test", gettext_lazy("Test")

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    row_id = models.UUIDField(
        help_text=gettext_lazy("Made from the samples' ids: the same row has it in every dataset.")
    )
    split = models.CharField(max_length=10, choices=Split.choices)
    prompt_key = models.UUIDField(
        help_text=gettext_lazy("The prompt's id, here or in the studio it was imported from.")
    )
    prompt = models.ForeignKey(Prompt, null=True, blank=True, on_delete=models.PROTECT, related_name="dataset_items")
    prompt_text = models.TextField(help_text=gettext_lazy("As its author wrote it."))
    asked = models.TextField(blank=True, help_text=gettext_lazy("The whole prompt in words."))
    text_key = models.CharField(max_length=64)
    text = models.TextField(help_text=gettext_lazy("What the model was given."))
    weight = models.FloatField()
    votes = models.PositiveIntegerField()
    sample = models.ForeignKey(Clip, null=True, blank=True, on_delete=models.CASCADE, related_name="rated_items")
    rating = models.FloatField(null=True, blank=True)
    chosen = models.ForeignKey(Clip, null=True, blank=True, on_delete=models.CASCADE, related_name="chosen_items")
    rejected = models.ForeignKey(Clip, null=True, blank=True, on_delete=models.CASCADE, related_name="rejected_items")
    margin = models.FloatField(null=True, blank=True)
    judge = models.CharField(
        max_length=JUDGE_LENGTH, blank=True, help_text=gettext_lazy("As in “taste anna@3”; empty for people.")
    )
    labelled_by = models.ForeignKey(
        Taste, null=True, blank=True, on_delete=models.PROTECT, related_name="labelled_items"
    )

    objects = querysets.DatasetItemQuerySet.as_manager()

    class Meta:
        ordering = ("dataset", "position")
        indexes = [
            models.Index(fields=["dataset", "prompt_key", "row_id"], name="dataset_rows_by_prompt"),
            models.Index(fields=["dataset", "text_key", "row_id"], name="dataset_rows_by_text"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "position"], name="one_row_per_position"),
            models.UniqueConstraint(fields=["dataset", "row_id"], name="a_row_once_per_dataset"),
            models.CheckConstraint(condition=models.Q(split__in=("train", "validation", "test")), name="item_split"),
            models.CheckConstraint(
                condition=models.Q(weight__gt=0) & (models.Q(votes__gte=1) | ~models.Q(judge="")),
                name="item_has_evidence",
            ),
            models.CheckConstraint(
                condition=models.Q(judge="", labelled_by__isnull=True)
                | (~models.Q(judge="") & models.Q(votes=0, rating__isnull=True)),
                name="item_of_a_taste_is_no_vote",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    sample__isnull=False,
                    rating__isnull=False,
                    rating__range=(1.0, 5.0),
                    chosen__isnull=True,
                    rejected__isnull=True,
                    margin__isnull=True,
                )
                | models.Q(
                    sample__isnull=True,
                    rating__isnull=True,
                    chosen__isnull=False,
                    rejected__isnull=False,
                    margin__isnull=False,
                    margin__range=(0.0, 1.0),
                ),
                name="item_is_a_rating_or_a_pair",
            ),
            models.CheckConstraint(
                condition=models.Q(chosen__isnull=True) | ~models.Q(chosen=models.F("rejected")),
                name="item_pairs_two_clips",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Row %(position)s of %(dataset_id)s") % {
            "position": self.position,
            "dataset_id": self.dataset_id,
        }

    @property
    def clips(self) -> tuple[Clip, ...]:
        if self.sample:
            return (self.sample,)
        assert self.chosen is not None and self.rejected is not None, "a row is a clip or a pair"
        return (self.chosen, self.rejected)

    def to_row(self, *, codes: bool = True) -> Row:
        """The row by itself, as it is exported and trained on."""
        shared: dict[str, Any] = {
            "split": self.split,
            "prompt_id": self.prompt_key,
            "prompt": self.prompt_text,
            "asked": self.asked,
            "text": self.text,
            "weight": self.weight,
            "votes": self.votes,
        }
        clips = [clip.to_row(codes=codes) for clip in self.clips]
        if self.sample:
            assert self.rating is not None
            return SupervisedRow(**shared, sample=clips[0], rating=self.rating)
        assert self.margin is not None
        return PreferenceRow(**shared, chosen=clips[0], rejected=clips[1], margin=self.margin, judge=self.judge)

    @classmethod
    def from_row(
        cls,
        dataset: Dataset,
        position: int,
        row: Row,
        clips: list[Clip],
        prompt: Prompt | None,
        taste: Taste | None = None,
    ) -> Any:
        """An item that is not stored yet; `clips` are those of the row, stored. `taste` is whose a judge is."""
        item = cls(
            dataset=dataset,
            position=position,
            row_id=row_id(row),
            split=row.split,
            prompt_key=row.prompt_id,
            prompt=prompt,
            prompt_text=row.prompt,
            asked=row.asked,
            text_key=text_key(row.asked or (prompt.rendered_text if prompt else row.text)),
            text=row.text,
            weight=row.weight,
            votes=row.votes,
        )
        if isinstance(row, SupervisedRow):
            item.sample, item.rating = clips[0], row.rating
        else:
            (item.chosen, item.rejected), item.margin = clips, row.margin
            item.judge, item.labelled_by = row.judge, taste if row.judge else None
        return item


def export_path(export: Export, filename: str) -> str:
    """Names come from the claim that wrote the file: a late worker cannot overwrite another's."""
    return f"exports/{filename}"


class Export(Build, UUIDModel):
    """A dataset as one file, for other tools and other studios."""

    class Format(models.TextChoices):
        JSONL = "jsonl", gettext_lazy("JSON Lines")
        HUGGINGFACE = "huggingface", gettext_lazy("Hugging Face folder")

    BROKEN: ClassVar[str] = gettext_lazy("Writing it failed unexpectedly. The log has the details; try again.")
    SUFFIXES: ClassVar[dict[str, str]] = {Format.JSONL: "jsonl", Format.HUGGINGFACE: "zip"}

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="exports")
    format = models.CharField(max_length=11, choices=Format.choices)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    file = models.FileField(upload_to=export_path, max_length=200, blank=True, editable=False)
    size = models.PositiveBigIntegerField(default=0, editable=False, help_text=gettext_lazy("Bytes"))
    sha256 = models.CharField(max_length=64, blank=True, editable=False)

    objects = BuildQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "format"],
                condition=models.Q(state__in=("queued", "building")),
                name="one_unfinished_export_per_format",
            ),
            models.CheckConstraint(condition=models.Q(format__in=("jsonl", "huggingface")), name="export_format"),
            models.CheckConstraint(
                condition=~models.Q(state="ready") | (~models.Q(file="") & ~models.Q(sha256="")),
                name="ready_export_has_a_file",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_format_display()} of {self.dataset_id}"

    @property
    def suffix(self) -> str:
        return self.SUFFIXES[self.format]
