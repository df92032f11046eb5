"""What generation shows on the pages of prompts and adapters."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from adapters.models import Adapter
from generation.models import AudioSample, Favorite, GenerationJob
from prompts.models import Prompt
from text2song.pages.requests import StudioRequest
from text2song.pages.slots import RowSlot, Slot, fills

# -- pages ---------------------------------------------------------------------------------------------------------


@fills(Slot.PROMPT_HEART)
def heart_of_prompt(request: StudioRequest, *, prompt: Prompt) -> SafeString:
    """The switch of the reader's heart."""
    return hearts_in_rows(request, [prompt])[prompt.pk]


@fills(Slot.PROMPT_PAGE)
def on_prompt(request: StudioRequest, *, prompt: Prompt) -> SafeString:
    """Every sample made from it, the newest job first; those set aside behind the others."""
    jobs = list(GenerationJob.objects.visible().filter(prompt=prompt).with_samples_for(request.user))
    samples = [sample for job in jobs for sample in job.visible_samples]
    everything = [*samples, *(sample for job in jobs for sample in job.set_aside_samples)]
    context = {"prompt": prompt, "jobs": jobs, "samples": samples, "everything": everything}
    return render_to_string("generation/_on_prompt.html", context, request)


@fills(Slot.ADAPTER_USABLE)
def on_usable_adapter(request: StudioRequest, *, adapter: Adapter, primary: bool = False) -> SafeString:
    """The way to Create with it."""
    return render_to_string("generation/_generate_with.html", {"adapter": adapter, "primary": primary})


# -- rows. Their templates ask nothing of the request, so that a row costs no context of its own. --------------------


@fills(RowSlot.PROMPT)
def in_prompt_rows(request: StudioRequest, prompts: Sequence[Prompt]) -> dict[UUID, SafeString]:
    """How many samples were made from a prompt."""
    counts = AudioSample.objects.visible().kept().counts_by_prompt(prompts)
    return {
        pk: format_html("<span>{}</span>", ngettext("%(count)s sample", "%(count)s samples", n) % {"count": n})
        for pk, n in counts.items()
    }


@fills(RowSlot.PROMPT_HEART)
def hearts_in_rows(request: StudioRequest, prompts: Sequence[Prompt]) -> dict[UUID, SafeString]:
    """The switches of the reader's hearts."""
    hearts = set(Favorite.objects.filter(user=request.user, prompt__in=prompts).values_list("prompt_id", flat=True))
    given = {"next": request.get_full_path(), "csrf_token": get_token(request)}
    contexts = {prompt.pk: {"prompt": prompt, "pressed": prompt.pk in hearts, **given} for prompt in prompts}
    return {pk: render_to_string("generation/_prompt_heart.html", context) for pk, context in contexts.items()}


@fills(RowSlot.ADAPTER)
def in_adapter_rows(request: StudioRequest, adapters: Sequence[Adapter]) -> dict[UUID, SafeString]:
    """The way to what was made with an adapter."""
    library = reverse("library")
    link = '<a href="{}?adapter={}">{}<span class="visually-hidden"> {}</span></a>'
    noun = gettext("samples")
    return {a.pk: format_html(link, library, a.pk, a.sample_count, noun) for a in adapters if a.sample_count}
