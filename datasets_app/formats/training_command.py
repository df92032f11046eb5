"""How to train on a dataset."""

from __future__ import annotations

import shlex
from pathlib import Path

from django.conf import settings

from datasets_app.exceptions import MethodDoesNotMatch
from datasets_app.models import Dataset

PYTHON = Path(".venv") / "bin" / "python"
"""Where `make run` puts it, from the checkout."""


def training_command(dataset: Dataset, method: str = "", *, elsewhere: bool = False) -> str:
    """The exact command, to be run in the checkout; `method` is the usual one for its kind unless given.

    It names the data folder if that is not the one the command finds by itself; `elsewhere` leaves this machine's out.
    Raises `MethodDoesNotMatch`.
    """
    method = method or dataset.methods[0]
    require_method(method, dataset.kind)
    python = PYTHON if elsewhere or (settings.BASE_DIR / PYTHON).exists() else "python"
    command = shlex.join([str(python), "manage.py", "train", "--dataset", str(dataset.pk), "--method", method])
    is_found = elsewhere or (settings.BASE_DIR / "var").resolve() == settings.DATA_DIR
    return command if is_found else f"STUDIO_DATA_DIR={shlex.quote(str(settings.DATA_DIR))} {command}"


def require_method(method: str, kind: str) -> None:
    """Raise `MethodDoesNotMatch`, which names what would match, unless `method` can train on datasets of `kind`."""
    methods = Dataset.METHODS[kind]
    if method not in methods:
        raise MethodDoesNotMatch(method, kind, methods)
