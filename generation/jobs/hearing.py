"""Hearing clips: features are computed once when a clip is made, and tastes score it by them.

Hearing is a convenience: what cannot be heard now is heard by the next one who needs it, and no job fails over it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import structlog

from adapters.exceptions import AdapterFilesUnavailable
from adapters.models import Taste
from generation.errors import InvalidSpec
from generation.models import AudioSample, BaseModel, ClipFeatures, ClipScore, GenerationJob
from generation.sound.features import REVISION as AUDIO_REVISION
from generation.sound.features import describe
from generation.sound.files import load_audio_bytes, load_codes
from generation.sound.processing import read_flac
from generation.sound.taste import FORMAT, TasteHeads
from generation.specs import Features
from text2song.exceptions import DomainError
from text2song.outages import is_database_away
from text2song.work import raise_if_stopping
from text2song.workers import is_stopping

if TYPE_CHECKING:
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
    """The features that clips of this base model have, in the order in which a taste reads them."""
    return [AUDIO, hidden_kind(base_model)]


def hear(samples: Iterable[AudioSample], engines: EngineCache) -> int:
    """Compute the features that `samples` lack (with their jobs and base models); returns of how many clips.

    A clip that cannot be read is left out and logged. Raises `HandedBack` when this process is asked to end.
    """
    heard = 0
    for sample in samples:
        raise_if_stopping()
        try:
            heard += _hear(sample, engines)
        except Exception as error:
            if is_database_away(error):
                raise
            expected = isinstance(error, DomainError)
            log.warning("clip_not_heard", sample_id=str(sample.pk), error=repr(error), exc_info=not expected)
    return heard


def _hear(sample: AudioSample, engines: EngineCache) -> bool:
    model = sample.job.base_model
    missing = set(kinds_for(model)) - set(sample.features.values_list("kind", flat=True))
    if sample.base_revision != model.revision:
        missing.discard(hidden_kind(model))
    vectors: dict[str, Features] = {}
    if AUDIO in missing:
        vectors[AUDIO] = describe(*read_flac(load_audio_bytes(sample)))
    if hidden_kind(model) in missing:
        engine = engines.get(model.spec())
        vectors[hidden_kind(model)] = engine.hear(sample.rendered_text, load_codes(sample))
    ClipFeatures.objects.bulk_create(
        [
            ClipFeatures(sample=sample, kind=kind, vector=np.ascontiguousarray(vector, "<f4").tobytes())
            for kind, vector in vectors.items()
        ],
        ignore_conflicts=True,
    )
    return bool(vectors)


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


def hear_leftovers(engines: EngineCache) -> None:
    """While no job waits, hear clips that have not been heard yet, the newest first."""
    passed: set[UUID] = set()
    while len(passed) < MOST_LEFT_OVER and not is_stopping() and not GenerationJob.objects.waiting().exists():
        unheard = AudioSample.objects.undeleted().exclude(features__kind=AUDIO).exclude(pk__in=passed)
        some = list(unheard.select_related("job__base_model").order_by("-created_at")[:AT_ONCE])
        if not some:
            return
        passed |= {sample.pk for sample in some}
        hear_and_score(some, engines)


def features_of(samples: Collection[UUID], kinds: Collection[str]) -> dict[UUID, dict[str, Features]]:
    """Features by sample and kind, of those samples that have all of `kinds`."""
    found: dict[UUID, dict[str, Features]] = defaultdict(dict)
    ids = list(samples)
    for start in range(0, len(ids), 500):
        rows = ClipFeatures.objects.filter(sample__in=ids[start : start + 500], kind__in=kinds)
        for row in rows.iterator():
            found[row.sample_id][row.kind] = row.numbers
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
        raise AdapterFilesUnavailable(f"The files of the taste “{taste.label}” are damaged. Fit it anew.") from error
    except Exception as error:
        raise AdapterFilesUnavailable(
            f"The files of the taste “{taste.label}” cannot be read. Check the store under Settings, or fit it anew."
        ) from error


@lru_cache(maxsize=8)
def _heads(name: str, sha256: str, kinds: tuple[str, ...], sizes: tuple[int, ...]) -> TasteHeads:
    with Taste._meta.get_field("weights").storage.open(name, "rb") as file:
        stored = file.read()
    described: Mapping[str, object] = {"format": FORMAT, "kinds": kinds, "sizes": sizes}
    return TasteHeads.from_bytes(stored, described)
