"""`manage.py train`: on a dataset of the studio, on an exported one, on several processes."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from adapters.models import Adapter
from text2song.tests.live import ROOT, LiveStudio, free_port
from training.models import Experiment, TrainingRun
from training.tests.trainable import SETTINGS, preference_rows, write_rows
from training.trainer import strength

pytestmark = pytest.mark.django_db
QUICK = [f"--set={name}={json.dumps(value)}" for name, value in (SETTINGS | {"max_steps": 2}).items()]


def test_a_dataset_id_trains_as_the_page_does(experiment, user, capsys):
    call_command("train", dataset=str(experiment.dataset_id), name="by hand", user="rita", method="dpo", set=[
        option.removeprefix("--set=") for option in QUICK
    ])  # fmt: skip
    run = TrainingRun.objects.get()
    assert (run.state, run.experiment.name, run.experiment.created_by) == ("completed", "by hand", user)
    assert run.adapter.label == "by hand-run-1@1.0.0" and run.log_lines.exists()
    printed = capsys.readouterr()
    assert "Registered as by hand-run-1@1.0.0" in printed.out and "2/2" in printed.err


def test_an_exported_dataset_trains_without_rows_in_the_database(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(strength, "used_up", lambda figures: {"Noise": 9.0})
    rows = write_rows(tmp_path / "votes.jsonl", preference_rows())
    file = tmp_path / "settings.toml"
    file.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in SETTINGS.items()))
    arguments = ["train", f"--dataset={rows}", f"--config={file}", "--set=max_steps=2", f"--out={tmp_path / 'out'}"]
    call_command(*arguments, "--no-register")
    assert not Adapter.objects.exists() and (tmp_path / "out" / "best" / "adapter_model.safetensors").is_file()
    call_command(*arguments, "--set=guard_clips=4")
    adapter = Adapter.objects.get()
    assert (adapter.label, adapter.training_config["max_steps"]) == ("votes-dpo@1.0.0", 2)
    printed = capsys.readouterr()
    assert not Experiment.objects.exists() and "Registered as votes-dpo" in printed.out
    assert adapter.training_config["kept_share"] == strength.WEAKEST and "40 % of it is kept." in printed.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dataset=nowhere"], "neither the id of a dataset"),
        (["--dataset={}", "--set=epochs=0"], "from 1 to 100"),
        (["--dataset={}", "--set=epochs"], "KEY=VALUE"),
        (["--dataset={}", "--set=target_modules=q_proj,head"], "q_proj"),
        (["--dataset={}", "--method=sft"], "dpo, ranking can"),
        (["--dataset={}", "--base=nobody"], "Known models"),
        (["--dataset={}", "--user=nobody"], "no user"),
        (["--dataset={}", "--config=missing.json"], "cannot be read as JSON"),
    ],
)
def test_mistakes_are_told_in_a_sentence_and_nothing_is_stored(experiment, arguments, words):
    with pytest.raises(CommandError, match=words):
        call_command("train", *[argument.format(experiment.dataset_id) for argument in arguments])
    assert Experiment.objects.count() == 1 and not TrainingRun.objects.exists()


@pytest.mark.worker
def test_the_command_that_is_shown_trains_as_it_stands(tmp_path, tiny_folder):
    """In a shell that knows nothing of the studio, in the checkout; a data folder with a space in its name."""
    studio = LiveStudio(tmp_path / "my studio")
    studio.folder.mkdir()
    studio.set_up()
    studio.manage("shell", "--no-imports", "-c", (
        "from generation.services import *; from django.contrib.auth import get_user_model;"
        "actor = get_user_model().objects.get();"
        f"model = add_folder_model(path={str(tiny_folder)!r}, actor=actor);"
        "activate_model(model=model, actor=actor)"
    ))  # fmt: skip
    rows = write_rows(tmp_path / "votes.jsonl", preference_rows(train=2, validation=1))
    shown = studio.manage("import_dataset", str(rows), "--name", "Votes").splitlines()[-1].strip()
    assert shown.startswith("STUDIO_DATA_DIR='") and "manage.py train" in shown
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(["sh", "-c", shown], cwd=ROOT, env=bare, capture_output=True, text=True, timeout=500)
    assert done.returncode in (0, 1), done.stderr[-3000:]
    assert _query(studio, "SELECT dataset_id FROM training_trainingrun") == _query(
        studio, "SELECT id FROM datasets_app_dataset"
    )
    assert _query(studio, "SELECT step > 0 FROM training_trainingrun") == [1], done.stderr[-3000:]


@pytest.mark.worker
def test_two_processes_train_one_adapter_and_one_of_them_writes(tmp_path, tiny_folder):
    studio = LiveStudio(tmp_path)
    studio.folder.mkdir(exist_ok=True)
    studio.set_up()
    script = (
        "from generation.services import add_folder_model;"
        "from django.contrib.auth import get_user_model;"
        f"add_folder_model(path={str(tiny_folder)!r}, display_name='Tiny', actor=get_user_model().objects.get())"
    )
    studio.manage("shell", "--no-imports", "-c", script)
    rows = write_rows(tmp_path / "votes.jsonl", preference_rows())
    studio.manage("import_dataset", str(rows), "--name", "Votes")
    (dataset,) = _query(studio, "SELECT id FROM datasets_app_dataset")
    (base,) = _query(studio, "SELECT key FROM generation_basemodel WHERE source = 'folder'")
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes=2"]
    done = subprocess.run(
        [*launch, f"--main_process_port={free_port()}", "manage.py", "train", f"--dataset={dataset}", f"--base={base}",
         *QUICK],
        cwd=ROOT,
        env={**studio.environment, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert _query(studio, "SELECT state FROM training_trainingrun") == ["completed"]
    assert _query(studio, "SELECT name FROM adapters_adapter") == ["Votes-run-1"]
    assert _query(studio, "SELECT count(*) FROM training_metricpoint WHERE name = 'loss'") == [2]


def _query(studio: LiveStudio, sql: str) -> list[object]:
    with sqlite3.connect(Path(studio.environment["STUDIO_DATA_DIR"]) / "studio.sqlite3") as database:
        return [row[0] for row in database.execute(sql)]
