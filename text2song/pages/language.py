"""The language of the pages: the switch, and the texts that scripts in the browser say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import JavaScriptCatalog
from django.views.i18n import set_language as django_set_language

set_language = login_not_required(require_POST(django_set_language))
"""POST `language`: a cookie keeps it, and the browser goes back to the page it came from (or to `next`)."""


@login_not_required
@require_safe
@cache_control(public=True, max_age=31_536_000, immutable=True)
def words(request: HttpRequest, language: str) -> HttpResponseBase:
    """The script that gives `static/js/words.js` its texts. Its address changes with them, so browsers keep it."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    with translation.override(language):
        return JavaScriptCatalog.as_view(packages=["text2song"])(request)


def words_url() -> str:
    """Where the script for the language of this request is."""
    language = translation.get_language() or settings.LANGUAGE_CODE
    return f"{reverse('words', args=[language])}?v={_version(language)}"


@cache
def _version(language: str) -> int:
    """When the texts were compiled; this process reads them once."""
    compiled = Path(settings.LOCALE_PATHS[0]) / translation.to_locale(language) / "LC_MESSAGES" / "djangojs.mo"
    return int(compiled.stat().st_mtime) if compiled.exists() else 0
