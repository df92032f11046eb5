"""What other apps ask of datasets."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from datasets_app.models import Clip
from generation.needed import needs_samples
from generation.querysets import AudioSampleQuerySet


@needs_samples
def without_members(samples: AudioSampleQuerySet) -> AudioSampleQuerySet:
    """Those that no dataset stands on."""
    return samples.filter(~Exists(Clip.objects.filter(sample=OuterRef("pk"))))
