"""What a sample's page says makes it again, run on a real engine: the same codes come out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from django.core.management import call_command

from generation.engine.tests.conftest import save_random_model
from generation.listening.replay import replay_command
from generation.models import AudioSample, BaseModel
from generation.services import add_folder_model
from generation.sound.files import load_codes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def model(curator: Any, tmp_path: Path) -> BaseModel:
    """A random little model, added from its folder; it gains nothing from threads."""
    torch.set_num_threads(1)
    return add_folder_model(path=str(save_random_model(tmp_path / "little")), actor=curator)


def run(arguments: list[str], out: Path) -> list[AudioSample]:
    """The samples a `manage.py generate` makes."""
    before = set(AudioSample.objects.values_list("pk", flat=True))
    call_command("generate", *arguments, "--out", str(out))
    return list(AudioSample.objects.exclude(pk__in=before).order_by("index"))


def again(sample: AudioSample, out: Path) -> AudioSample:
    """Run the command of the sample's page as a shell would read it."""
    words = shlex.split(replay_command(sample))
    (made,) = run(words[words.index("generate") + 1 :], out)
    return made


def test_the_command_makes_the_same_codes_and_the_same_sound(model, tmp_path):
    settings = ["--samples", "2", "--duration", "1", "--seed", "41", "--temperature", "0.85", "--top-p", "0.9"]
    first, second = run(["it's a calm piano", "--style", "jazz", "--model", model.key, *settings], tmp_path)
    made = again(second, tmp_path)
    np.testing.assert_array_equal(load_codes(made), load_codes(second))
    assert made.sha256 == second.sha256
    assert not np.array_equal(load_codes(first), load_codes(second))


def test_so_it_does_for_a_continuation(model, tmp_path):
    (source,) = run(["calm piano", "--model", model.key, "--duration", "1", "--seed", "3"], tmp_path)
    going_on = ["--source-sample", str(source.pk), "--prefix-seconds", "0.5", "--kind", "variation"]
    settings = ["--samples", "2", "--duration", "1", "--seed", "8", *going_on]
    _, child = run(["calm piano", "--model", model.key, *settings], tmp_path)
    made = again(child, tmp_path)
    np.testing.assert_array_equal(load_codes(made), load_codes(child))
    kept = round(0.5 * model.frame_rate)
    np.testing.assert_array_equal(load_codes(made)[:, :kept], load_codes(source)[:, :kept])
