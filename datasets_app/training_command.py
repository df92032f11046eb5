"""How to train on a dataset."""

from __future__ import annotations

from datasets_app.exceptions import MethodDoesNotMatch
from datasets_app.models import Dataset


def training_command(dataset: Dataset, method: str = "") -> str:
    """The exact command; `method` is the usual one for its kind unless given. Raises `MethodDoesNotMatch`."""
    method = method or dataset.methods[0]
    require_method(method, dataset.kind)
    return f".venv/bin/python manage.py train --dataset {dataset.pk} --method {method}"


def require_method(method: str, kind: str) -> None:
    """Raise `MethodDoesNotMatch`, which names what would match, unless `method` can train on datasets of `kind`."""
    methods = Dataset.METHODS[kind]
    if method not in methods:
        raise MethodDoesNotMatch(method, kind, methods)
