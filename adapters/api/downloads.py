"""An adapter's files as an answer."""

from __future__ import annotations

import tempfile
import zipfile

from django.http import FileResponse
from django.utils.text import slugify

from adapters.files.keeping import write_zip
from adapters.models import Adapter


def zip_response(adapter: Adapter) -> FileResponse:
    """The archive as an answer, named for people. Raises `AdapterFilesUnavailable`."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  closed by the response
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            write_zip(adapter, archive)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    name = f"{slugify(adapter.name) or 'adapter'}-{adapter.version}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")
