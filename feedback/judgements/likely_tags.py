"""Which tags a rater most likely wants next.

What anybody said of the clip at hand is left out of the count, and so is what others said of clips the rater has yet to
judge: what is offered must not tell it.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import Count, Q

from feedback.judgements.starting_words import FIRST_TAGS
from feedback.models import SampleTag, Tag
from generation.models import AudioSample

EACH = 6
"""So many good ones are offered at once, and so many bad ones."""
_PLACE = {name: place for place, name in enumerate(FIRST_TAGS)}


def by_likelihood(tags: Iterable[Tag], *, rater: User, sample: AudioSample) -> list[Tag]:
    """`tags`, those first that `rater` used most on other clips, then those others did, then in a fixed order."""
    elsewhere = SampleTag.objects.visible_to(rater).exclude(sample=sample).order_by().values("tag")
    counted = elsewhere.annotate(mine=Count("pk", filter=Q(rater=rater)), everybodys=Count("pk"))
    used = {row["tag"]: (row["mine"], row["everybodys"]) for row in counted}

    def key(tag: Tag) -> tuple[int, int, int, str]:
        mine, everybodys = used.get(tag.pk, (0, 0))
        return -mine, -everybodys, _PLACE.get(tag.name, len(_PLACE)), tag.name

    return sorted(tags, key=key)


def likely(tags: Iterable[Tag]) -> list[Tag]:
    """The first few good and bad ones of tags in order; neutral words are found by their name."""
    tags = list(tags)
    return [tag for sign in (Tag.Sign.GOOD, Tag.Sign.BAD) for tag in [t for t in tags if t.sign == sign][:EACH]]
