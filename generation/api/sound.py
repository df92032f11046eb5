"""The sound of a sample: streamed, downloaded, seen."""

from __future__ import annotations

import os
import unicodedata
from uuid import UUID

import structlog
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_safe

from generation.exceptions import StorageUnavailable
from generation.listening.downloads import DOWNLOAD_FORMATS, make_download
from generation.listening.playback import CONTENT_TYPE, INLINE, local_path, presigned_url
from generation.models import AudioSample
from generation.sound.spectrograms import THEMES, spectrogram_of
from text2song.byte_ranges import file_response

log = structlog.get_logger(__name__)

MISSING = gettext_lazy("The audio file of this sample is missing from the audio store.")
KEEP = "private, max-age=3600"


@require_safe
def stream(request: HttpRequest, sample_id: UUID) -> HttpResponseBase:
    """The stored FLAC or a range of it; from an object store, a redirect to a link that soon expires.

    Nothing in the answer tells model, job or prompt. Blind tests have an address of their own, without the sample's id.
    """
    sample = get_object_or_404(AudioSample.objects.visible(), pk=sample_id)
    if not sample.audio_file:
        return _text(MISSING, 404)
    path = local_path(sample)
    if path is None:
        url = presigned_url(sample, method=request.method or "GET")
        return HttpResponseRedirect(url, headers={"Cache-Control": "private, no-store"})
    try:
        file = path.open("rb")
    except FileNotFoundError:
        log.error("audio_file_missing", sample_id=str(sample.pk))
        return _text(MISSING, 404)
    except OSError:
        log.exception("audio_file_unreadable", sample_id=str(sample.pk))
        return _text(gettext("The audio store cannot be read just now. Try again, or check it under Settings."), 503)
    size = os.fstat(file.fileno()).st_size
    response = file_response(request, file, size=size, content_type=CONTENT_TYPE, etag=sample.sha256)
    response.headers["Content-Disposition"] = INLINE
    response.headers["Cache-Control"] = KEEP
    return response


@require_safe
def download(request: HttpRequest, sample_id: UUID, file_format: str) -> HttpResponse:
    """The sample as a file with its provenance in the tags."""
    if file_format not in DOWNLOAD_FORMATS:
        raise Http404
    sample = get_object_or_404(AudioSample.objects.visible().with_context(), pk=sample_id)
    try:
        made = make_download(sample, file_format)
    except StorageUnavailable as error:
        return _text(error.message, error.status)
    headers = {
        "Content-Disposition": _to_keep(made.name),
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(made.content, content_type=made.content_type, headers=headers)


@require_safe
def spectrogram(request: HttpRequest, sample_id: UUID) -> HttpResponse:
    """A picture of the sample, `?theme=light` (default) or `dark`."""
    theme = request.GET.get("theme", THEMES[0])
    if theme not in THEMES:
        raise Http404
    sample = get_object_or_404(AudioSample.objects.visible().select_related("job"), pk=sample_id)
    etag = f'"{sample.sha256}-{theme}"'
    headers = {"ETag": etag, "Cache-Control": KEEP}
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        for name, value in headers.items():
            unchanged.headers[name] = value
        return unchanged
    try:
        picture = spectrogram_of(sample, theme)
    except StorageUnavailable as error:
        return _text(error.message, error.status)
    return HttpResponse(picture, content_type="image/png", headers=headers)


def _to_keep(name: str) -> str:
    """The header that names a file: where it is not plain ASCII a plainer name comes first (RFC 6266, RFC 8187)."""
    header = content_disposition_header(True, name)
    if name.isascii():
        return str(header)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lstrip("-")
    return str(header).replace("attachment;", f'attachment; filename="{plain}";', 1)


def _text(message: str, status: int) -> HttpResponse:
    return HttpResponse(message, content_type="text/plain; charset=utf-8", status=status)
