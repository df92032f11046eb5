"""What lets a browser install the studio as an app: its names, colours, icons, and where it starts."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

ICONS = (("app-192.png", 192, "any"), ("app-512.png", 512, "any"), ("app-maskable-512.png", 512, "maskable"))
"""Files of `static/img/`, drawn by `bench/app_icons.py`. A launcher may cut a maskable one to any shape."""
DESK, ACCENT = "#f3f4f3", "#0a6a5c"
"""`--desk` and `--accent` of the light theme: a manifest can name one of each."""


@login_not_required
@require_safe
def app_manifest(request: HttpRequest) -> JsonResponse:
    """The web app manifest. It tells nothing about what is in the studio, so everybody may read it."""
    places = ((_("Create"), "create"), (_("Library"), "library"), (_("Listen"), "listen"))
    content: dict[str, Any] = {
        "name": "Text2Song Studio",
        "short_name": "Text2Song",
        "description": _("Generate music, listen, judge, and teach the studio your taste."),
        "id": reverse("overview"),
        "start_url": reverse("overview"),
        "scope": reverse("overview"),
        "display": "standalone",
        "background_color": DESK,
        "theme_color": ACCENT,
        "icons": [
            {"src": static(f"img/{file}"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
            for file, size, purpose in ICONS
        ],
        "shortcuts": [{"name": name, "url": reverse(url_name)} for name, url_name in places],
    }
    return JsonResponse(content, content_type="application/manifest+json")
