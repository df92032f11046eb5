"""What every page's shell needs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from text2song.navigation import MENU, SECTIONS, links
from text2song.overview import status


def studio(request: HttpRequest) -> dict[str, Any]:
    """Sidebar, user menu and status bar; the figures are read only by templates that show them."""
    user = getattr(request, "user", None)
    return {
        "navigation": links(SECTIONS, request.path, user),
        "studio_links": links(MENU, request.path, user),
        "studio_status": SimpleLazyObject(status),
    }
