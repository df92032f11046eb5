"""The contracts of `.importlinter` hold, and each notices what it forbids."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("text2song", "prompts", "adapters", "generation", "feedback", "datasets_app", "training")

APPS_ONE_WAY, DOORS, API, TORCH, DJANGO, BASE = (
    "Imports run one way",
    "Doors are on top",
    "The API knows no pages",
    "Only the engine and the trainer know torch",
    "The engine and the trainer know no Django",
    "What all apps stand on knows no app",
)
BROKEN = [
    ("prompts/models.py", "from generation.models import GenerationJob", APPS_ONE_WAY),
    ("adapters/querysets.py", "if TYPE_CHECKING:\n    from generation.models import BaseModel", APPS_ONE_WAY),
    ("generation/pages/job_cards.py", "from feedback.models import Rating", APPS_ONE_WAY),
    ("feedback/services/ratings.py", "from training.models import TrainingRun", APPS_ONE_WAY),
    ("generation/services/music.py", "from generation.pages.forms import GenerateForm", DOORS),
    ("feedback/listening_tests/services/votes.py", "from feedback.listening_tests.api import serializers", DOORS),
    ("training/promotion/services.py", "from training.promotion.pages import forms", DOORS),
    ("adapters/files/inspection.py", "from adapters.api.serializers import AdapterSerializer", DOORS),
    ("prompts/api/views.py", "from prompts.pages.forms import PromptForm", API),
    ("generation/jobs/presets.py", "import torch", TORCH),
    ("training/runs/worker.py", "def late():\n    import transformers", TORCH),
    ("training/trainer/loop.py", "from training.models import TrainingRun", DJANGO),
    ("generation/engine/batch.py", "from django.conf import settings", DJANGO),
    ("generation/jobs/long_form.py", "from generation.models import GenerationJob", DJANGO),
    ("text2song/work.py", "from generation.models import GenerationJob", BASE),
]


def lint(folder: Path) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The studio's modules, to be broken."""
    folder = tmp_path_factory.mktemp("tree")
    for app in APPS:
        only_modules = shutil.ignore_patterns("tests", "static", "studio-tiny", "__pycache__")
        shutil.copytree(ROOT / app, folder / app, ignore=only_modules)
    shutil.copy(ROOT / ".importlinter", folder)
    return folder


def test_all_are_kept() -> None:
    status, said = lint(ROOT)
    assert status == 0, said


@pytest.mark.parametrize(("file", "line", "contract"), BROKEN, ids=[f"{file}: {line}" for file, line, _ in BROKEN])
def test_what_is_forbidden_is_found(tree: Path, file: str, line: str, contract: str) -> None:
    path = tree / file
    kept = path.read_text()
    path.write_text(f"{kept}\n\n{line}\n")
    try:
        status, said = lint(tree)
    finally:
        path.write_text(kept)
    broken = [line for line in said.splitlines() if "BROKEN" in line]
    assert status != 0 and any(line.startswith(contract) for line in broken), said
