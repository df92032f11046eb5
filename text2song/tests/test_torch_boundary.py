"""The web process starts without torch, and without what only work on sound needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "torchaudio", "transformers", "peft", "accelerate"}
AT_USE = {
    "scipy.signal",
    "scipy.ndimage",
    "scipy.stats",
    "scipy.special",
    "scipy.optimize",
    "pyloudnorm",
    "regex",
    "pandas",
}
"""What pages load when they need it: together seconds and 75 MB, in every process of the studio."""


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
import training.trainer.asking  # what pages ask
client = Client(SERVER_NAME="localhost")
assert client.get("/healthz").status_code == 200
assert client.get("/sign-in/").status_code == 200
assert client.get("/api/v1/jobs/").status_code == 401
loaded = {HEAVY!r} & {{name.partition(".")[0] for name in sys.modules}} | {AT_USE!r} & set(sys.modules)
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
