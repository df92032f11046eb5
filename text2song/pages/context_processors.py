"""What every page's shell needs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from text2song.pages.language import words_url
from text2song.pages.navigation import GUEST_SECTIONS, MENU, SECTIONS, links
from text2song.pages.overview import status
from text2song.workforce import workforce_of


def studio(request: HttpRequest) -> dict[str, Any]:
    """Sidebar, user menu, status and who works; all figures are read only by templates that show them."""
    user: Any = getattr(request, "user", None)
    workforce = workforce_of(request)
    sections, menu = (GUEST_SECTIONS, ()) if getattr(request, "is_guest", False) else (SECTIONS, MENU)
    return {
        "navigation": links(sections, request.path, user),
        "studio_links": links(menu, request.path, user),
        "studio_status": SimpleLazyObject(lambda: status(user, workforce)),
        "workforce": workforce,
        "words_url": SimpleLazyObject(words_url),
    }
