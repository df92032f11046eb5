"""The file of an export as an answer."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import FileResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.text import slugify

from datasets_app.exceptions import DatasetNotReady, ExportMissing
from datasets_app.models import Export
from datasets_app.report.telling import require_answers

CONTENT_TYPES = {"jsonl": "application/x-ndjson", "zip": "application/zip"}


def export_name(export: Export) -> str:
    """What the file is called when it is saved."""
    return f"{slugify(export.dataset.name) or 'dataset'}-{export.dataset.short_id}.{export.suffix}"


def export_response(export: Export, reader: User) -> HttpResponseBase:
    """The file, streamed; from an object store, a redirect to a link that soon expires.

    Raises `Forbidden` where `reader` may not read the rows, `DatasetNotReady` while it is being written, and
    `ExportMissing`.
    """
    require_answers(reader, export.dataset)
    if not export.is_ready:
        raise DatasetNotReady(f"{export.dataset.name} ({export.get_format_display()})", export.state)
    storage, name = export.file.storage, export.file.name
    if not name or not storage.exists(name):
        raise ExportMissing
    content_type = CONTENT_TYPES[export.suffix]
    try:
        storage.path(name)
    except NotImplementedError:
        disposition = content_disposition_header(True, export_name(export))
        parameters = {"ResponseContentType": content_type, "ResponseContentDisposition": disposition}
        return HttpResponseRedirect(storage.url(name, parameters=parameters))  # type: ignore[call-arg]  # as an object store takes them
    file = storage.open(name)
    return FileResponse(file, as_attachment=True, filename=export_name(export), content_type=content_type)
