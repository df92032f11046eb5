"""The question before something is destroyed: a page, or with script a dialog, that names what will be lost."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpResponse
from django.shortcuts import render

from text2song.pages.requests import StudioRequest


def confirm_page(
    request: StudioRequest,
    *,
    title: str,
    confirm_label: str,
    cancel_url: str,
    text: str = "",
    losses: Sequence[str] = (),
) -> HttpResponse:
    """Answer the GET of a destructive address; its form POSTs back to the same address.

    `losses` are named one by one ("3 samples and their files"). Link to it with `components/confirm_link.html`.
    """
    context = {
        "title": title,
        "text": text,
        "losses": losses,
        "confirm_label": confirm_label,
        "cancel_url": cancel_url,
        "action": request.get_full_path(),
    }
    return render(request, "confirm.html", context)
