"""What Settings says about phones and other machines: the address at which they reach the studio, and its code."""

from __future__ import annotations

from typing import Any

import segno
from django.conf import settings
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from text2song.home_network import is_local, reach


def reach_context(request: HttpRequest) -> dict[str, Any]:
    """`addresses`, the likeliest first, with the `code` of that. What the reader uses is right, unless it is local."""
    used = () if is_local(request.get_host()) else (request.build_absolute_uri("/"),)
    known = used or reach(settings.HOST, settings.PORT).addresses
    return {"addresses": known, "code": qr_code(known[0]) if known else "", "port": settings.PORT}


def qr_code(text: str) -> SafeString:
    """An SVG that a camera reads as `text`; without styles of its own, as the strict policy wants it."""
    drawn = segno.make(text, error="m").svg_inline(
        scale=5, border=4, dark="#000", light="#fff", svgclass="qr-code", lineclass=None, title=text, omitsize=True
    )
    return mark_safe(drawn)  # of segno, which escapes the title
