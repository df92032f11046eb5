"""Hearing clips: features are computed once when a clip is made, and tastes score it by them.

Hearing is a convenience: what cannot be heard now is heard by the next one who needs it, and no job fails over it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from adapters.exceptions import AdapterFilesUnavailable
from adapters.models import Taste
from generation.models import (
    AudioSample,
    BaseModel,
    ClipFeatures,
    ClipScore,
    Encoder,
    GenerationJob,
    HearingFailure,
)
from generation.models.features import numbers
from generation.sound.features import REVISION as AUDIO_REVISION
from generation.sound.features import describe
from generation.sound.files import load_audio_bytes, load_codes
from generation.sound.processing import read_flac
from generation.sound.taste import FORMAT, TasteHeads
from generation.specs import Features, InvalidSpec, Waveform
from text2song.exceptions import DomainError
from text2song.outages import is_database_away
from text2song.work import raise_if_stopping
from text2song.workers import is_stopping

if TYPE_CHECKING:
    from generation.engine import Encoder as LoadedEncoder
    from generation.engine import EngineCache

log = structlog.get_logger(__name__)

AUDIO = f"audio-{AUDIO_REVISION}"
HIDDEN_REVISION = "1"
"""As `generation.engine.hidden` has it, which only workers import; a test compares them."""
AT_ONCE = 20
MOST_LEFT_OVER = 2000
"""Clips that are heard between two looks for other work."""


def hidden_kind(base_model: BaseModel) -> str:
    """The features that this base model's files make of a clip: another revision hears otherwise."""
    return f"hidden-{HIDDEN_REVISION}:{base_model.key}:{base_model.revision[:12]}"


def kinds_for(base_model: BaseModel) -> list[str]:
    """The features that clips of this base model have, in the order in which a taste reads them.

    The first is heard of every clip; the others are optional, those of encoders most of all.
    """
    return [AUDIO, hidden_kind(base_model), *(encoder.kind for encoder in Encoder.objects.listening())]


def kind_in_words(kind: str) -> str:
    """As in “the encoder “clap””, to go on from “Left out: ”."""
    if kind == AUDIO:
        return gettext("the sound itself")
    name = kind.split(":")[1] if kind.count(":") > 1 else kind
    if kind.startswith(Encoder.PREFIX):
        return gettext("the encoder “%(name)s”") % {"name": name}
    return gettext("what %(name)s makes of a clip") % {"name": name}


def readers_of(encoder: Encoder) -> list[Taste]:
    """Tastes, of each name the newest, that listen with this encoder."""
    return [taste for taste in Taste.objects.newest().order_by("name") if encoder.kind in taste.kinds]


def hear(samples: Iterable[AudioSample], engines: EngineCache) -> int:
    """Compute the features that `samples` lack (with their jobs and base models); returns of how many clips.

    What cannot be read is left out, noted and logged, each kind for itself. Raises `HandedBack` when this process is
    asked to end.
    """
    clips = list(samples)
    lacking = partial(_lacking, kinds_of(clip.pk for clip in clips))
    heard: set[UUID] = set()
    for sample in lacking(clips, AUDIO):
        if _attempt(sample, AUDIO, partial(_measured, sample)):
            heard.add(sample.pk)
    for sample in clips:
        kind = hidden_kind(sample.job.base_model)
        known = sample.base_revision == sample.job.base_model.revision
        if known and lacking([sample], kind) and _attempt(sample, kind, partial(_made_of, sample, engines)):
            heard.add(sample.pk)
    for encoder in Encoder.objects.listening():
        heard |= _hear_with(encoder, lacking(clips, encoder.kind), engines)
    return len(heard)


def _lacking(have: Mapping[UUID, Collection[str]], clips: Iterable[AudioSample], kind: str) -> list[AudioSample]:
    return [clip for clip in clips if kind not in have[clip.pk]]


def _sound(sample: AudioSample) -> tuple[Waveform, int]:
    return read_flac(load_audio_bytes(sample))


def _measured(sample: AudioSample) -> Features:
    return describe(*_sound(sample))


def _heard_by(ears: LoadedEncoder, sample: AudioSample) -> Features:
    return ears.hear(*_sound(sample))


def _made_of(sample: AudioSample, engines: EngineCache) -> Features:
    return engines.get(sample.job.base_model.spec()).hear(sample.rendered_text, load_codes(sample))


def _hear_with(encoder: Encoder, clips: Sequence[AudioSample], engines: EngineCache) -> set[UUID]:
    """An encoder that cannot be loaded is noted, and disturbs no other hearing."""
    ears = _loaded(encoder, engines) if clips else None
    if ears is None:
        return set()
    return {sample.pk for sample in clips if _attempt(sample, encoder.kind, partial(_heard_by, ears, sample), encoder)}


def _loaded(encoder: Encoder, engines: EngineCache) -> LoadedEncoder | None:
    """The encoder, if need be in the room that base models had."""
    from generation.engine import EngineError, OutOfMemory

    try:
        try:
            return engines.encoders.get(encoder.spec())
        except OutOfMemory:
            engines.clear()
            return engines.encoders.get(encoder.spec())
    except EngineError as error:
        log.warning("encoder_not_loaded", encoder=encoder.key, error=str(error))
        encoder.cannot_be_loaded(str(error))
        return None


def _attempt(sample: AudioSample, kind: str, listen: Callable[[], Features], encoder: Encoder | None = None) -> bool:
    """Store what `listen` hears, or note that it could not; what a removed `encoder` heard is not stored."""
    raise_if_stopping()
    try:
        vector = np.ascontiguousarray(listen(), "<f4").tobytes()
    except Exception as error:
        if is_database_away(error):
            raise
        expected = isinstance(error, DomainError)
        log.warning("clip_not_heard", sample_id=str(sample.pk), kind=kind, error=repr(error), exc_info=not expected)
        _note_failure(sample, kind)
        return False
    with transaction.atomic():
        if encoder and not Encoder.objects.select_for_update(no_key=True).filter(pk=encoder.pk).exists():
            return False
        ClipFeatures.objects.bulk_create([ClipFeatures(sample=sample, kind=kind, vector=vector)], ignore_conflicts=True)
        HearingFailure.objects.filter(sample=sample, kind=kind).delete()
    return True


def _note_failure(sample: AudioSample, kind: str) -> None:
    _, is_new = HearingFailure.objects.get_or_create(sample=sample, kind=kind)
    if not is_new:
        again = HearingFailure.objects.filter(sample=sample, kind=kind)
        again.update(attempts=F("attempts") + 1, tried_at=timezone.now())


def hear_and_score(samples: Collection[AudioSample], engines: EngineCache) -> None:
    """Hear fresh clips, and score them by every usable taste of their base models."""
    hear(samples, engines)
    by_model: dict[UUID, list[UUID]] = defaultdict(list)
    models: dict[UUID, BaseModel] = {}
    for sample in samples:
        by_model[sample.job.base_model_id].append(sample.pk)
        models[sample.job.base_model_id] = sample.job.base_model
    for key, ids in by_model.items():
        for taste in Taste.objects.usable_for(models[key]):
            score(taste, ids)


def hear_leftovers(engines: EngineCache) -> bool:
    """While no job waits, hear clips that lack what is heard by now, the newest first; returns whether some are left.

    A clip that cannot be heard is passed over for an hour, and for good after three attempts.
    """
    passed: set[UUID] = set()
    while not is_stopping() and not GenerationJob.objects.waiting().exists():
        some = _unheard(passed)
        if not some or len(passed) >= MOST_LEFT_OVER:
            return bool(some)
        passed |= {sample.pk for sample in some}
        hear_and_score(some, engines)
    return False


def _unheard(passed: Collection[UUID]) -> list[AudioSample]:
    """Up to `AT_ONCE` clips that lack a kind: of all clips' kinds, then of each model's own ears."""
    clips = AudioSample.objects.undeleted().select_related("job__base_model").order_by("-created_at")
    wanted = [(kind, clips) for kind in (AUDIO, *(encoder.kind for encoder in Encoder.objects.listening()))]
    wanted += [
        (hidden_kind(model), clips.filter(job__base_model=model, base_revision=model.revision))
        for model in BaseModel.objects.all()
        if model.is_ready
    ]
    for kind, those in wanted:
        if found := list(those.unheard(kind).exclude(pk__in=passed)[:AT_ONCE]):
            return found
    return []


def kinds_of(samples: Iterable[UUID]) -> dict[UUID, set[str]]:
    """What was heard of each of `samples`."""
    found: dict[UUID, set[str]] = {pk: set() for pk in samples}
    ids = list(found)
    for start in range(0, len(ids), 500):
        rows = ClipFeatures.objects.filter(sample__in=ids[start : start + 500])
        for pk, kind in rows.values_list("sample", "kind").iterator():
            found[pk].add(kind)
    return found


def features_of(samples: Collection[UUID], kinds: Collection[str]) -> dict[UUID, dict[str, Features]]:
    """Features by sample and kind, of those samples that have all of `kinds`."""
    found: dict[UUID, dict[str, Features]] = defaultdict(dict)
    ids = list(samples)
    for start in range(0, len(ids), 500):
        rows = ClipFeatures.objects.filter(sample__in=ids[start : start + 500], kind__in=kinds)
        for pk, kind, vector in rows.values_list("sample", "kind", "vector").iterator():
            found[pk][kind] = numbers(vector)
    return {pk: parts for pk, parts in found.items() if len(parts) == len(set(kinds))}


def score(taste: Taste, samples: Collection[UUID]) -> int:
    """Store what `taste` makes of those of `samples` that have its features; returns how many.

    Raises `AdapterFilesUnavailable` when its files cannot be read.
    """
    heads = heads_of(taste)
    features = features_of(samples, heads.kinds)
    if not features:
        return 0
    ids = list(features)
    scores = heads.score(np.stack([heads.join(features[pk]) for pk in ids]))
    rows = [
        ClipScore(taste=taste, sample_id=pk, score=float(mean), spread=float(spread))
        for pk, mean, spread in zip(ids, scores.mean, scores.spread, strict=True)
    ]
    ClipScore.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["sample", "taste"],
        update_fields=["score", "spread"],
        batch_size=500,
    )
    return len(rows)


def heads_of(taste: Taste) -> TasteHeads:
    """The taste's files, read. Raises `AdapterFilesUnavailable`."""
    try:
        return _heads(taste.weights.name or "", taste.sha256, tuple(taste.kinds), tuple(taste.described["sizes"]))
    except InvalidSpec as error:
        raise AdapterFilesUnavailable(
            gettext_noop("The files of the taste “%(label)s” are damaged. Fit it anew.") % {"label": taste.label}
        ) from error
    except Exception as error:
        raise AdapterFilesUnavailable(
            gettext_noop(
                "The files of the taste “%(label)s” cannot be read. Check the store under Settings, or fit it anew."
            )
            % {"label": taste.label}
        ) from error


@lru_cache(maxsize=8)
def _heads(name: str, sha256: str, kinds: tuple[str, ...], sizes: tuple[int, ...]) -> TasteHeads:
    with Taste._meta.get_field("weights").storage.open(name, "rb") as file:
        stored = file.read()
    described: Mapping[str, object] = {"format": FORMAT, "kinds": kinds, "sizes": sizes}
    return TasteHeads.from_bytes(stored, described)
