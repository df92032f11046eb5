"""Finished clips."""

from __future__ import annotations

import string
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext, gettext_lazy

from generation import querysets
from generation.models.jobs import GenerationJob
from generation.specs import SILENT_LUFS
from prompts.wording.reading import Reading
from text2song.models import SoftDeleteModel, UUIDModel

"""Below it, before loudness is matched, a clip is as good as nothing."""


KEPT = models.Q(deleted_at__isnull=True, set_aside_at__isnull=True)


def audio_path(sample: AudioSample, filename: str) -> str:
    """Names come from the claim that made the clip, and are opaque: nobody learns job, model or prompt from one."""
    return f"samples/{filename}"


def codes_path(sample: AudioSample, filename: str) -> str:
    return f"samples/{filename}"


def first_words(text: str, length: int = 48) -> str:
    """The beginning of a text in one line, cut between words."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    cut = line[: length + 1].rpartition(" ")[0] or line[:length]
    return f"{cut.rstrip(' ,;:.')}…"


class AudioSample(SoftDeleteModel, UUIDModel):
    """One candidate of a job: its codes, the audio they decode to, and what was measured.

    `codes_file` is an npz with `codes`, `[K, T]` int16: what training uses. `audio_file` is FLAC at about -16 LUFS.
    """

    LETTERS: ClassVar[str] = string.ascii_uppercase

    job = models.ForeignKey(GenerationJob, on_delete=models.CASCADE, related_name="samples")
    index = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=100, blank=True, help_text=gettext_lazy("Empty: called by its prompt."))
    seed = models.PositiveBigIntegerField()
    rendered_text = models.TextField(help_text=gettext_lazy("Exactly what the model read."))
    reading_record = models.JSONField(
        null=True,
        blank=True,
        editable=False,
        help_text=gettext_lazy("What was cut from the prompt, and the words not known."),
    )
    base_revision = models.CharField(max_length=64)
    adapter_sha256 = models.CharField(
        max_length=64, blank=True, help_text=gettext_lazy("Of the adapter's weights; empty for the base model.")
    )
    audio_file = models.FileField(upload_to=audio_path, max_length=200)
    codes_file = models.FileField(upload_to=codes_path, max_length=200)
    peaks = models.JSONField(default=list, help_text=gettext_lazy("Waveform outline, for drawing without the audio."))
    duration = models.FloatField(help_text=gettext_lazy("Seconds"))
    sample_rate = models.PositiveIntegerField(help_text=gettext_lazy("Hz"))
    channels = models.PositiveSmallIntegerField()
    loudness_lufs = models.FloatField(
        null=True, blank=True, help_text=gettext_lazy("Integrated loudness; empty for silence.")
    )
    true_peak_db = models.FloatField(null=True, blank=True, help_text=gettext_lazy("dBTP; empty for silence."))
    gain_db = models.FloatField(default=0.0, help_text=gettext_lazy("Gain applied to the codec's output."))
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField(help_text=gettext_lazy("Bytes of the stored audio"))
    set_aside_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        db_index=True,
        help_text=gettext_lazy("When a taste left it out of the best; empty for what is kept."),
    )

    objects = querysets.AudioSampleQuerySet.as_manager()

    is_favorite: bool
    """Added by `hearted_by`."""

    class Meta:
        ordering = ("job", "index")
        constraints = [models.UniqueConstraint(fields=["job", "index"], name="sample_once_per_job")]
        # What lists show and count is found without reading the rows, whose outlines make them long.
        indexes = [
            models.Index(fields=fields, condition=KEPT, name=name)
            for name, fields in (
                ("sample_kept_of_job", ["job", "duration"]),
                ("sample_kept_newest", ["-created_at", "job"]),
                ("sample_kept_longest", ["-duration", "job"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.label} of {self.job}"

    @property
    def label(self) -> str:
        """A to Z, then AA to ZZ, by position in the job."""
        round_, letter = divmod(self.index, len(self.LETTERS))
        return (self.LETTERS[round_ - 1] if round_ else "") + self.LETTERS[letter]

    @property
    def name(self) -> str:
        """Its title; without one, the first words of its prompt and its letter. Tells the prompt: never where one is
        blind to it.
        """
        return self.title or gettext("%(words)s, take %(letter)s") % {
            "words": first_words(self.job.prompt.text),
            "letter": self.label,
        }

    @property
    def is_set_aside(self) -> bool:
        return self.set_aside_at is not None

    @property
    def short_id(self) -> str:
        return str(self.pk)[:8]

    @property
    def own_loudness(self) -> float | None:
        """LUFS of the codec's output, before it was brought to the usual loudness; None for silence."""
        return None if self.loudness_lufs is None else self.loudness_lufs - self.gain_db

    @property
    def is_silent(self) -> bool:
        """Whether the codec's output was as good as nothing."""
        return self.own_loudness is None or self.own_loudness < SILENT_LUFS

    @property
    def is_clipped(self) -> bool:
        """Whether the codec's output went past full scale."""
        return self.true_peak_db is not None and self.true_peak_db - self.gain_db > 0.0

    @property
    def reading(self) -> Reading:
        return Reading.recorded(self.rendered_text, self.reading_record)

    def delete_files(self) -> None:
        """Remove audio and codes from storage; missing files are fine."""
        for file in (self.audio_file, self.codes_file):
            if file.name:
                file.storage.delete(file.name)
