"""Putting samples of one prompt side by side: which may be compared, and what they differ in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext, gettext_lazy

from generation.exceptions import SampleNotFound
from generation.models import AudioSample
from text2song.exceptions import Refused

FEWEST = 2
MOST = 10


def samples_to_compare(ids: Iterable[UUID], *, one_prompt: bool = True) -> list[AudioSample]:
    """The samples in the order given, each once.

    Raises `Refused` when they are not 2 to 10, or with `one_prompt` were not made from the same prompt;
    `SampleNotFound`, naming every missing id, when some do not exist or were deleted.
    """
    wanted = list(dict.fromkeys(ids))
    if not FEWEST <= len(wanted) <= MOST:
        raise Refused(_count_message(len(wanted)), fields={"ids": [_count_message(len(wanted))]})
    found = {sample.pk: sample for sample in AudioSample.objects.visible().with_context().filter(pk__in=wanted)}
    missing = [str(pk) for pk in wanted if pk not in found]
    if missing:
        noun = gettext("There is no sample") if len(missing) == 1 else gettext("There are no samples")
        message = f"{noun} {', '.join(missing)}."
        raise SampleNotFound(message, fields={"ids": missing})
    samples = [found[pk] for pk in wanted]
    prompts = len({sample.job.prompt.rendered_text for sample in samples})
    if one_prompt and prompts > 1:
        message = gettext(
            "These samples come from %(prompts)s different prompts. Choose samples of one prompt to compare."
        ) % {"prompts": prompts}
        raise Refused(message, fields={"ids": [message]})
    return samples


def _count_message(count: int) -> str:
    chosen = {0: gettext("none is chosen"), 1: gettext("1 is chosen")}.get(
        count, gettext("%(count)s are chosen") % {"count": count}
    )
    return gettext("Compare %(fewest)s to %(most)s samples of one prompt; %(chosen)s.") % {
        "fewest": FEWEST,
        "most": MOST,
        "chosen": chosen,
    }


def others_of_prompt(samples: list[AudioSample], limit: int = 24) -> list[AudioSample]:
    """The newest other samples made from the same words, which may join a comparison; those set aside come last."""
    same = (
        AudioSample.objects.visible()
        .with_context()
        .filter(job__prompt__rendered_text=samples[0].job.prompt.rendered_text)
    )
    others = same.exclude(pk__in=[sample.pk for sample in samples])
    return list(others.order_by(F("set_aside_at").desc(nulls_first=True), "-created_at", "index")[:limit])


@dataclass(frozen=True, slots=True)
class Row:
    """One property of all compared samples, as words."""

    name: str
    values: list[str]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


def rows(samples: list[AudioSample]) -> list[Row]:
    """What the samples are made of, property by property."""
    return [Row(str(name), [words(sample) for sample in samples]) for name, words in _PROPERTIES]


def _loudness(sample: AudioSample) -> str:
    return gettext("silence") if sample.loudness_lufs is None else f"{sample.loudness_lufs:.1f} LUFS"


def _true_peak(sample: AudioSample) -> str:
    return gettext("silence") if sample.true_peak_db is None else f"{sample.true_peak_db:.1f} dBTP"


def _origin(sample: AudioSample) -> str:
    job = sample.job
    if job.source_sample_id is None:
        return gettext("the prompt")
    said = gettext("continues %(id)s") if job.kind == job.Kind.EXTENSION else gettext("varies %(id)s")
    return said % {"id": str(job.source_sample_id)[:8]}


_PROPERTIES: tuple[tuple[str, Callable[[AudioSample], str]], ...] = (
    (gettext_lazy("Model"), lambda sample: sample.job.base_model.display_name),
    (gettext_lazy("Model revision"), lambda sample: sample.base_revision[:12] or gettext("unknown")),
    (gettext_lazy("Adapter"), lambda sample: sample.job.adapter_label),
    (
        gettext_lazy("Strength"),
        lambda sample: f"{sample.job.adapter_strength:g}" if sample.job.adapter_id else gettext("none"),
    ),
    (gettext_lazy("Job"), lambda sample: sample.job.short_id),
    (gettext_lazy("Made from"), _origin),
    (gettext_lazy("Preset"), lambda sample: sample.job.get_preset_display()),
    (gettext_lazy("Seed"), lambda sample: str(sample.seed)),
    (gettext_lazy("Temperature"), lambda sample: f"{sample.job.temperature:g}"),
    (gettext_lazy("Top-k"), lambda sample: str(sample.job.top_k)),
    (gettext_lazy("Top-p"), lambda sample: f"{sample.job.top_p:g}" if sample.job.top_p else gettext("off")),
    (gettext_lazy("Guidance"), lambda sample: f"{sample.job.guidance_scale:g}"),
    (gettext_lazy("Duration"), lambda sample: gettext("%(seconds)s s") % {"seconds": f"{sample.duration:.1f}"}),
    (gettext_lazy("Sample rate"), lambda sample: f"{sample.sample_rate / 1000:g} kHz"),
    (gettext_lazy("Channels"), lambda sample: gettext("stereo") if sample.channels == 2 else gettext("mono")),
    (gettext_lazy("Loudness"), _loudness),
    (gettext_lazy("True peak"), _true_peak),
)
