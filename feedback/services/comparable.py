"""Which samples can be put against each other."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext

from feedback.exceptions import refused
from generation.models import AudioSample


def check_comparable(samples: Sequence[AudioSample], *, field: str) -> None:
    """Refuse samples that are not all different, or were not all made from the same words, whatever their jobs."""
    if len({sample.pk for sample in samples}) < len(samples):
        raise refused(field, gettext("Each sample can be named once."))
    prompts = len({sample.job.prompt.rendered_text for sample in samples})
    if prompts > 1:
        raise refused(
            field,
            gettext("These samples come from %(prompts)s different prompts; compare samples of one prompt.")
            % {"prompts": prompts},
        )
