"""What training shows on the pages of adapters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from adapters.models import Adapter
from text2song.pages.requests import StudioRequest
from text2song.pages.slots import Slot, fills
from training.pages.adapter_losses import side_by_side
from training.promotion.story import story_of


@fills(Slot.ADAPTER_PAGE, order=20)
def on_adapter(
    request: StudioRequest, *, adapter: Adapter, children: Iterable[Adapter], versions: Iterable[Adapter]
) -> SafeString:
    """The run that made it, its tests for promotion, and everything that happened to it."""
    story = story_of(adapter, request.user, chain(children, versions))
    return render_to_string("training/_adapter_story.html", {"adapter": adapter, "story": story}, request)


@fills(Slot.ADAPTERS_COMPARED, order=10)
def on_compared_adapters(request: StudioRequest, *, adapters: Sequence[Adapter]) -> SafeString:
    """The losses two adapters were trained to."""
    return render_to_string("adapters/_measures.html", {"measures": side_by_side(adapters)}, request)
