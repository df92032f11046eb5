"""Throw-away studios for benches, and walks of the demo in them, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def throw_away() -> Iterator[Path]:
    """The folder of a studio that was just set up."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        must_do(Path(folder), str(ROOT / "manage.py"), "setup")
        yield Path(folder)


def in_studio(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with `arguments`, for the studio in `folder`."""
    environment = {**os.environ, "STUDIO_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True)


def must_do(folder: Path, *arguments: str) -> None:
    """As `in_studio`, of which nothing is wanted but that it succeeds."""
    done = in_studio(folder, *arguments)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr[-2000:]}")


def told_in(folder: Path, name: str, *arguments: str) -> dict[str, Any]:
    """The figures that Python with `arguments` writes as `name`; guards that do not hold are a figure, not an error."""
    done = in_studio(folder, *arguments)
    found = folder / name
    if not found.is_file():
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(found.read_text())
    return told


class Beginning:
    """A studio with the clips of a seed, from which walks for any taste go on, each in a copy: the clips of a walk
    depend on its seed alone, and are half of its work."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder
        must_do(folder, "-c", f"from bench.walks import make_clips_here; make_clips_here({seed})")

    def walk(self, taste: str, votes: int, learn: str) -> dict[str, Any]:
        """What the demo would tell with these choices and this seed."""
        with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
            copy = Path(shutil.copytree(self.folder, Path(folder) / "studio"))
            choices = f"{self.seed}, {taste!r}, {votes}, {learn!r}"
            return told_in(copy, "demo.json", "-c", f"from bench.walks import learn_here; learn_here({choices})")


def set_up_django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "text2song.settings")
    import django

    django.setup()


def make_clips_here(seed: int) -> None:
    """The first stage of the demo, in the studio of `STUDIO_DATA_DIR`; any taste would do for it."""
    set_up_django()
    demo = _demo(seed, "brightness", votes=1, learn="votes")
    demo.make_clips()
    _seconds_file().write_text(json.dumps(demo.seconds))


def learn_here(seed: int, taste: str, votes: int, learn: str) -> None:
    """The other stages, from the clips that are there."""
    set_up_django()
    from django.conf import settings

    from prompts.models import Prompt
    from training.demo.loop import clips_of

    demo = _demo(seed, taste, votes=votes, learn=learn)
    demo.seconds = json.loads(_seconds_file().read_text())
    outcome = demo.learn_from(clips_of(Prompt.objects.order_by("created_at")))
    (settings.DATA_DIR / "demo.json").write_text(json.dumps(outcome.to_mapping()))


def _demo(seed: int, taste: str, *, votes: int, learn: str) -> Any:
    from django.contrib.auth import get_user_model

    from text2song.management.commands.setup import FIRST_USER
    from training.demo.loop import Demo, Learn
    from training.demo.tastes import find_taste

    actor = get_user_model().objects.get(username=FIRST_USER)
    return Demo(actor=actor, taste=find_taste(taste), seed=seed, say=print, learn=Learn(learn), votes=votes)


def _seconds_file() -> Path:
    from django.conf import settings

    return Path(settings.DATA_DIR) / "seconds.json"
