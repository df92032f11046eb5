"""The encoders page: what clips are heard with beside the base model, for tastes."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from adapters.models import Taste
from generation import services
from generation.base_models.encoder_folder import FAMILIES
from generation.jobs.hearing import readers_of
from generation.models import ClipFeatures, Encoder
from generation.pages.forms import EncoderForm
from generation.pages.views.models import do
from text2song.exceptions import DomainError
from text2song.pages.confirm import confirm_page
from text2song.pages.forms import add_refusal
from text2song.pages.requests import StudioRequest


@require_safe
def encoder_list(request: StudioRequest) -> HttpResponse:
    """All encoders, and whether clips are heard with them."""
    return render(request, "generation/encoders.html", _context(request, EncoderForm()))


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: StudioRequest) -> HttpResponse:
    """Add a folder of the server as an encoder; a broken one is refused with what is wrong in it."""
    _require_curator(request)
    form, status = EncoderForm(request.POST if request.method == "POST" else None), 400
    if request.method == "POST" and form.is_valid():
        try:
            encoder = services.add_encoder(actor=request.user, **form.cleaned_data)
        except (DomainError, ValidationError) as error:
            add_refusal(form, error)
            status = getattr(error, "status", status)
        else:
            messages.success(
                request,
                gettext("%(encoder_display_name)s was added. Clips are heard with it while no job waits.")
                % {"encoder_display_name": encoder.display_name},
            )
            return redirect(f"{reverse('encoders')}#encoder-{encoder.key}")
    context = _context(request, form)
    return render(request, "generation/encoders.html", context, status=status if form.errors else 200)


@require_POST
def activate(request: StudioRequest, key: str) -> HttpResponse:
    """Hear clips with it."""
    encoder = _encoder(key)
    do(
        request,
        services.activate_encoder,
        encoder=encoder,
        done=gettext("Clips are heard with %(encoder_display_name)s now.")
        % {"encoder_display_name": encoder.display_name},
    )
    return redirect(f"{reverse('encoders')}#encoder-{key}")


@require_POST
def deactivate(request: StudioRequest, key: str) -> HttpResponse:
    """Hear no further clips with it."""
    encoder = _encoder(key)
    done = gettext("No further clips are heard with %(encoder_display_name)s; what it heard stays.") % {
        "encoder_display_name": encoder.display_name
    }
    do(request, services.deactivate_encoder, encoder=encoder, done=done)
    return redirect(f"{reverse('encoders')}#encoder-{key}")


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: StudioRequest, key: str) -> HttpResponse:
    """Ask, then remove the encoder and what it heard; its files stay where they are."""
    _require_curator(request)
    encoder = _encoder(key)
    if request.method == "POST":
        do(
            request,
            services.remove_encoder,
            encoder=encoder,
            done=gettext("%(encoder_display_name)s was removed.") % {"encoder_display_name": encoder.display_name},
        )
        return redirect("encoders")
    clips = ClipFeatures.objects.filter(kind=encoder.kind).count()
    losses = [ngettext("what it heard in %(clips)s clip", "what it heard in %(clips)s clips", clips) % {"clips": clips}]
    losses += [
        gettext("new scores of the taste %(taste_label)s, which listens with it") % {"taste_label": taste.label}
        for taste in readers_of(encoder)
    ]
    return confirm_page(
        request,
        title=gettext("Remove %(encoder_display_name)s?") % {"encoder_display_name": encoder.display_name},
        text=gettext("Its files stay in %(path)s; the folder can be added again, and clips are heard again then.")
        % {"path": encoder.path},
        losses=losses,
        confirm_label=gettext("Remove encoder"),
        cancel_url=reverse("encoders"),
    )


def _context(request: StudioRequest, form: EncoderForm) -> dict[str, Any]:
    heard = dict(ClipFeatures.objects.order_by().values_list("kind").annotate(n=Count("pk")))
    tastes = list(Taste.objects.newest().visible_to(request.user).order_by("name"))
    encoders: list[Any] = list(Encoder.objects.all())
    for encoder in encoders:
        encoder.clips_heard = heard.get(encoder.kind, 0)
        encoder.readers = [taste.label for taste in tastes if encoder.kind in taste.kinds]
    return {"encoders": encoders, "form": form, "families": ", ".join(FAMILIES.values())}


def _require_curator(request: StudioRequest) -> None:
    if not request.user.is_staff:
        raise PermissionDenied(gettext("Only curators can change models."))


def _encoder(key: str) -> Encoder:
    return get_object_or_404(Encoder, key=key)
