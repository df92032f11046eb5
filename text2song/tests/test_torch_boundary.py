"""The web process starts without torch, and only the engine and what makes the bundled model import it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "torchaudio", "transformers", "peft", "accelerate"}
TORCH_SIDE = ("generation/engine/", "generation/bundled/", "training/trainer/", "bench/")
DJANGO_SIDE = {"django", "rest_framework", "django_q", "text2song", "prompts.models", "generation.models"}


def imported(path: Path) -> set[str]:
    """Every module a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def sources() -> list[Path]:
    folders = ("text2song", "prompts", "generation", "feedback", "datasets_app", "adapters", "training")
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) if "tests" not in path.parts]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_file_keeps_to_its_side(path):
    relative = str(path.relative_to(ROOT))
    modules = imported(path)
    if relative.startswith(TORCH_SIDE):
        crossing = {name for name in modules if any(name == d or name.startswith(f"{d}.") for d in DJANGO_SIDE)}
        assert not crossing, f"{relative} is on torch's side and imports {crossing}"
    else:
        crossing = {name for name in modules if name.partition(".")[0] in HEAVY}
        assert not crossing, f"{relative} is on Django's side and imports {crossing}"


def test_the_web_process_serves_pages_without_torch():
    """Load the WSGI application, resolve every view and answer a request, with torch made unimportable."""
    script = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ImportError(f"{{name}} imported by the web process")
sys.meta_path.insert(0, Refuse())
from text2song.wsgi import application
from django.test import Client
from django.urls import get_resolver
get_resolver().url_patterns
client = Client(SERVER_NAME="localhost")
assert client.get("/healthz").status_code == 200
assert client.get("/sign-in/").status_code == 200
assert client.get("/api/v1/jobs/").status_code == 401
loaded = {HEAVY!r} & {{name.partition(".")[0] for name in sys.modules}}
assert not loaded, loaded
print("clean")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "clean", done.stderr


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "DJANGO_SETTINGS_MODULE": "text2song.test_settings", "TEST_DATABASE": ""}
