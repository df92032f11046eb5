"""Files in a local folder: each is there whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from typing import Any

from django.core.files.storage import FileSystemStorage


class WholeFileStorage(FileSystemStorage):
    """`FileSystemStorage` that writes under another name first; a disk that fills up leaves nothing under either.

    A name that is taken is overwritten, and keeps what it had when writing fails.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_overwrite": True, **options})

    def _save(self, name: str, content: Any) -> str:
        folder, base = os.path.split(name)
        partial = os.path.join(folder, f".{uuid.uuid4().hex}-{base}")
        try:
            super()._save(partial, content)  # type: ignore[misc]  # known to `FileSystemStorage` only
            os.replace(self.path(partial), self.path(name))
        except BaseException:
            with contextlib.suppress(OSError):
                self.delete(partial)
            raise
        return name
