"""Best of n: a taste hears the clips of a job, the best are kept, and the others set aside.

Hearing is a convenience: if it fails, the job completes all the same, keeps everything, and says why.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from adapters.models import Taste
from generation.jobs import hearing
from generation.models import AudioSample, BaseModel, ClipScore, GenerationJob
from generation.models.jobs import MAX_SAMPLES, MAX_SAMPLES_TO_PICK_FROM
from generation.sound.files import load_codes
from text2song.exceptions import DomainError
from text2song.outages import is_database_away
from text2song.work import HandedBack, patiently
from text2song.workers import is_stopping

if TYPE_CHECKING:
    from generation.engine import EngineCache

log = structlog.get_logger(__name__)
NOTHING = gettext_noop("All candidates were kept.")


def refusals(*, num_samples: int, keep: int | None, has_taste: bool) -> dict[str, list[str]]:
    """What is wrong with so many candidates, of which so many are kept: sentences by field, none where all is well."""
    wrong: dict[str, list[str]] = {}
    if num_samples > MAX_SAMPLES and not has_taste:
        wrong["num_samples"] = [
            gettext(
                "Samples must be a whole number from 1 to %(max_samples)s, not %(num_samples)s. Choose a taste that "
                "picks the best, and there may be %(max_samples_to_pick_from)s."
            )
            % {
                "max_samples": MAX_SAMPLES,
                "num_samples": num_samples,
                "max_samples_to_pick_from": MAX_SAMPLES_TO_PICK_FROM,
            }
        ]
    if keep is not None and not has_taste:
        wrong["keep"] = [gettext("Choose a taste that picks what to keep, or leave this out to keep all.")]
    elif keep is not None and keep >= num_samples:
        wrong["keep"] = [
            gettext("Keep fewer than the %(num_samples)s candidates that are made, or leave this out to keep all.")
            % {"num_samples": num_samples}
        ]
    return wrong


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which clips of a job are set aside, or in `note` why none is."""

    set_aside: Sequence[UUID] = field(default_factory=list)
    note: str = ""

    @property
    def told(self) -> dict[str, str]:
        return {"taste_note": self.note} if self.note else {}


def hear_early(job: GenerationJob, sample: AudioSample, engines: EngineCache) -> None:
    """Hear and score a clip of a job with a taste as soon as it is stored; what fails is tried again at the end."""
    if job.taste is None or is_stopping():
        return
    with contextlib.suppress(HandedBack):  # the clip is stored; whoever goes on with the job hears it
        try:
            hearing.hear([sample], engines)
            hearing.score(job.taste, [sample.pk])
        except Exception as error:
            if is_database_away(error):
                raise
            log.warning("clip_not_scored", sample_id=str(sample.pk), exc_info=not isinstance(error, DomainError))


def finish(job: GenerationJob, engines: EngineCache) -> bool:
    """running -> completed, with all that the taste makes of the clips; False when the job was no longer this claim's.

    Raises `HandedBack` when this process is asked to end before the clips are heard.
    """
    verdict = _verdict(job, engines)

    def end() -> bool:
        with transaction.atomic():
            if not job.complete(**verdict.told):
                return False
            job.samples.filter(pk__in=verdict.set_aside).update(set_aside_at=timezone.now())
            return True

    return patiently(end)


def _verdict(job: GenerationJob, engines: EngineCache) -> Verdict:
    if job.taste is None:
        return Verdict()
    try:
        return _judge(job, job.taste, engines)
    except HandedBack:
        raise
    except Exception as error:
        if is_database_away(error):
            raise
        expected = isinstance(error, DomainError)
        log.warning("taste_could_not_pick", job_id=str(job.pk), exc_info=not expected)
        reason = (
            error.message
            if isinstance(error, DomainError)
            else gettext_noop("Something unexpected went wrong while it listened.")
        )
        return Verdict(note=f"{reason} {NOTHING}"[:300])


def _judge(job: GenerationJob, taste: Taste, engines: EngineCache) -> Verdict:
    """Raises `DomainError` when files of the taste or of clips cannot be read."""
    samples = list(job.samples.select_related("job__base_model").order_by("index"))
    if Taste.objects.filter(pk=taste.pk, deleted_at__isnull=False).exists():
        gone = gettext_noop("The taste “%(label)s” was deleted meanwhile.") % {"label": taste.label}
        return Verdict(note=f"{gone} {NOTHING}")
    hearing.hear(samples, engines)
    hearing.score(taste, [sample.pk for sample in samples])
    _score_by_others(job.base_model, taste, samples)
    scores = dict(ClipScore.objects.filter(taste=taste, sample__job=job).values_list("sample", "score"))
    if len(scores) < len(samples):
        silent = len(samples) - len(scores)
        why = taste.why_deaf or gettext_noop(
            "The taste “%(label)s” could not hear %(silent)s of %(samples)s candidates."
        ) % {"label": taste.label, "silent": silent, "samples": len(samples)}
        return Verdict(note=f"{why} {NOTHING}"[:300])
    if job.keep is None:
        return Verdict()
    ranked = sorted(samples, key=lambda sample: (-scores[sample.pk], sample.index))
    kept = best(ranked, job.keep)
    return Verdict([sample.pk for sample in samples if sample.pk not in kept])


def _score_by_others(base_model: BaseModel, taste: Taste, samples: Sequence[AudioSample]) -> None:
    """Clips that are heard now are not heard again among the leftovers, where the other tastes would score them."""
    for other in Taste.objects.usable_for(base_model).exclude(pk=taste.pk):
        with contextlib.suppress(DomainError):
            hearing.score(other, [sample.pk for sample in samples])


def best(ranked: Sequence[AudioSample], keep: int) -> set[UUID]:
    """The first `keep` of `ranked`, no two of them with the same codes: equal clips are one clip."""
    kept: dict[str, UUID] = {}
    for sample in ranked:
        if len(kept) < keep:
            kept.setdefault(_codes_digest(sample), sample.pk)
    return set(kept.values())


def _codes_digest(sample: AudioSample) -> str:
    codes = load_codes(sample)
    return hashlib.sha256(repr(codes.shape).encode() + codes.tobytes()).hexdigest()
