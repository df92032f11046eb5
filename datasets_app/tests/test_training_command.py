"""The command that is shown is one that can be run as it stands."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from datasets_app.exceptions import MethodDoesNotMatch
from datasets_app.formats.huggingface import card
from datasets_app.formats.training_command import training_command
from datasets_app.models import Dataset

DATASET = Dataset(name="Votes", kind=Dataset.Kind.PREFERENCE)
PLAIN = f"manage.py train --dataset {DATASET.pk} --method dpo"


def test_the_folder_the_command_finds_by_itself_is_not_named(settings, tmp_path):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").touch()
    settings.BASE_DIR, settings.DATA_DIR = tmp_path, (tmp_path / "var").resolve()
    assert training_command(DATASET) == f".venv/bin/python {PLAIN}"
    (tmp_path / ".venv/bin/python").unlink()
    assert training_command(DATASET) == f"python {PLAIN}", "as in the container, which has no environment of its own"


@pytest.mark.parametrize("folder", ["/srv/studio", "/srv/my studio", "/srv/it's $HOME; rm -rf x"])
def test_another_data_folder_is_named_and_quoted(settings, folder):
    settings.DATA_DIR = Path(folder)
    first, *rest = shlex.split(training_command(DATASET))
    assert first == f"STUDIO_DATA_DIR={folder}" and " ".join(rest).endswith(PLAIN)


def test_what_leaves_the_machine_tells_nothing_of_its_folders(settings):
    settings.DATA_DIR = Path("/srv/secret place")
    assert "/srv/secret place" not in training_command(DATASET, elsewhere=True)
    assert "secret" not in card(DATASET) and PLAIN in card(DATASET)


def test_a_method_that_cannot_train_on_it_is_refused_with_those_that_can():
    with pytest.raises(MethodDoesNotMatch, match=r"dpo, ranking can\. Choose one"):
        training_command(DATASET, "sft")
