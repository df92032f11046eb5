"""The table of settings in the documentation is `TrainingConfig`, word for word."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from training.config import Method, TrainingConfig, range_in_words

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "training.md"


def settings_table() -> str:
    """A Markdown table: name, default, range, explanation; methods where not all use it."""
    rows = ["| Setting | Default | Range | What it does |", "|---|---|---|---|"]
    values = TrainingConfig().to_mapping()
    for spec in fields(TrainingConfig):
        facts, value = spec.metadata, values[spec.name]
        shown = ", ".join(value) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else value
        methods = "" if len(facts["methods"]) == len(Method) else f" ({', '.join(facts['methods'])})"
        rows.append(f"| `{spec.name}` | {shown} | {range_in_words(facts)} | {facts['explanation']}{methods} |")
    return "\n".join(rows)


def test_the_guide_lists_every_setting_as_it_is():
    assert settings_table() in GUIDE.read_text(encoding="utf-8"), f"The table should be:\n{settings_table()}"


@pytest.mark.parametrize("method", Method)
def test_the_guide_explains_every_method(method):
    assert f"| `{method}` |" in GUIDE.read_text(encoding="utf-8")
