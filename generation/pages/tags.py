"""How the pages of generation write lengths of time and name candidates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from generation.listening.comparison import FEWEST, MOST
from generation.listening.downloads import DOWNLOAD_FORMATS
from generation.models import AudioSample, GenerationJob
from generation.services.samples import VARIED, usual_extension

register = template.Library()


@register.filter
def seconds(value: float | None) -> str:
    """Seconds in words, to the tenth below ten; empty for None.

    >>> seconds(8.41), seconds(8.0), seconds(12.6), seconds(185)
    ('8.4 s', '8 s', '13 s', '3 min 05 s')
    """
    if value is None:
        return ""
    if value < 9.95:
        return f"{f'{value:.1f}'.removesuffix('.0')} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    return gettext("%(minutes)s min %(seconds)s s") % {"minutes": whole // 60, "seconds": f"{whole % 60:02d}"}


@register.filter
def hundredths(peaks: Sequence[float]) -> SafeString:
    """An outline as waveform.js reads it (`peaksOf`): the one of two values that is further from zero. Bars stand 3 px
    apart, so half of what is stored fills 1,200 px.

    >>> hundredths([-0.5, 0.07, 0.1, 0.2, 0.3])
    '[-50,20,30]'
    """
    pairs = zip_longest(peaks[::2], peaks[1::2], fillvalue=0.0)
    return SafeString(f"[{','.join([str(round(100 * max(pair, key=abs))) for pair in pairs])}]")


@register.filter
def clock(value: float) -> str:
    """Seconds as players tell them, whole ones that have passed.

    >>> clock(8.04), clock(65.9), clock(600)
    ('0:08', '1:05', '10:00')
    """
    minutes, whole = divmod(max(0, int(value + 1e-3)), 60)
    return f"{minutes}:{whole:02d}"


@register.filter
def indices(samples: Iterable[AudioSample]) -> str:
    """The indices of samples as a poll sends them: "0-1-3"."""
    return "-".join(str(sample.index) for sample in samples)


@register.filter
def clips_of(jobs: Iterable[GenerationJob]) -> list[AudioSample]:
    """Every clip of jobs of `with_samples`, those set aside too."""
    return [sample for job in jobs for sample in (*job.visible_samples, *job.set_aside_samples)]


@register.filter
def coming(job: GenerationJob) -> list[int]:
    """The indices of candidates that an unfinished job of `with_samples` has yet to make."""
    if not job.is_unfinished:
        return []
    made = {sample.index for sample in (*job.visible_samples, *job.set_aside_samples)}
    return [index for index in range(job.num_samples) if index not in made]


@register.filter
def as_made(samples: Iterable[AudioSample]) -> list[AudioSample]:
    """Samples of a job in the order of their making, for whoever is to judge them: a taste's order would tell."""
    return sorted(samples, key=lambda sample: sample.index)


@register.simple_tag
def set_aside_days() -> int:
    """After how many days a sample that was set aside goes; 0 for never."""
    return settings.SET_ASIDE_DAYS


@register.filter
def kilohertz(hertz: int) -> str:
    """A sample rate: "32 kHz", "44.1 kHz"."""
    return f"{f'{hertz / 1000:.1f}'.removesuffix('.0')} kHz"


# -- a clip's row ----------------------------------------------------------------------------------------------------


@register.filter
def take(sample: AudioSample) -> str:
    """What a clip is called below the words of its prompt: its title, or "Take A"."""
    return sample.title or take_letter(sample)


@register.filter
def take_letter(sample: AudioSample) -> str:
    """ "Take A", by its place in its job."""
    return gettext("Take %(letter)s") % {"letter": sample.label}


@register.filter
def seconds_more(sample: AudioSample) -> int:
    """By how much one click makes a clip longer; 0 where it is as long as clips can be."""
    return usual_extension(sample)


@register.simple_tag
def usual_variations() -> int:
    """How many variations one click makes."""
    return VARIED


@register.simple_tag
def download_formats() -> Sequence[str]:
    """What a clip is downloaded as."""
    return DOWNLOAD_FORMATS


@register.filter
def compared_with(sample: AudioSample, beside: Sequence[AudioSample] | None) -> str:
    """The query of the comparison of a clip with those beside it; with the clip alone where those are too many."""
    samples = as_made(beside or [])
    if sample not in samples or not FEWEST <= len(samples) <= MOST:
        samples = [sample]
    return urlencode([("ids", str(one.pk)) for one in samples])


@register.filter
def how_made(job: GenerationJob) -> str:
    """How the takes of a job came from what stands above them in a family."""
    if job.kind == GenerationJob.Kind.EXTENSION:
        return gettext("extended")
    return gettext("varied") if job.kind == GenerationJob.Kind.VARIATION else gettext("made from it")
