"""How much of an adapter is kept: the way back, how far it is gone, and what is heard on it."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch
from peft.utils import load_peft_weights
from torch import Tensor

from generation import bundled
from generation.engine import OutOfMemory
from generation.engine.loading import load_model
from generation.specs import AdapterSpec, ModelSpec, SamplingSpec
from training.config import TrainingConfig
from training.quality.guards import Figure
from training.specs import Wish
from training.trainer import strength
from training.trainer.lora import attach_adapter, save_adapter
from training.trainer.strength import AIM, WEAKEST, keep_what_holds, next_share, part_way, used_up

WISHES = [Wish("peaceful ambient, flute, 75 BPM", 75), Wish("energetic rock, electric guitar, 150 BPM", 150)]


@pytest.fixture(scope="module")
def music() -> ModelSpec:
    return ModelSpec("studio-tiny", str(Path(bundled.__file__).parent / "studio-tiny"), "bundled")


def adapter(base: ModelSpec, folder: Path, std: float, seed: int = 1) -> Path:
    """A random adapter whose matrices have this spread."""
    loaded = load_model(base, torch.device("cpu"), torch.float32)
    network = attach_adapter(loaded, base, TrainingConfig(lora_r=4, lora_alpha=8.0, seed=seed), None)
    torch.manual_seed(seed)
    for parameter in network.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=std)
    save_adapter(network, folder)
    return folder


def changes(folder: Path) -> dict[str, Tensor]:
    """B A of every layer."""
    weights = load_peft_weights(str(folder), device="cpu")
    return {
        name: weights[name.replace("lora_A", "lora_B")] @ tensor for name, tensor in weights.items() if "lora_A" in name
    }


def same(made: dict[str, Tensor], wanted: dict[str, Tensor]) -> bool:
    return all(torch.allclose(made[name], wanted[name], atol=1e-6) for name in wanted | made)


def test_part_of_the_way_from_the_base_is_that_part_of_every_change(base, tmp_path):
    trained = adapter(base, tmp_path / "trained", 0.2)
    whole = changes(trained)
    for share in (1.0, 0.5, 0.0):
        made = part_way(trained, None, share, tmp_path / f"{share}")
        assert same(changes(made), {name: share * change for name, change in whole.items()})
        assert (made / "adapter_config.json").is_file()


def test_part_of_the_way_from_a_parent_begins_at_the_parent(base, tmp_path):
    parent, trained = (adapter(base, tmp_path / name, 0.2, seed) for name, seed in (("parent", 2), ("trained", 3)))
    assert same(changes(part_way(trained, parent, 1.0, tmp_path / "whole")), changes(trained))
    assert same(changes(part_way(trained, parent, 0.0, tmp_path / "none")), changes(parent))
    half = load_peft_weights(str(part_way(trained, parent, 0.5, tmp_path / "half")), device="cpu")
    ends = [load_peft_weights(str(folder), device="cpu") for folder in (parent, trained)]
    assert same(half, {name: (ends[0][name] + ends[1][name]) / 2 for name in half})


@pytest.mark.parametrize(
    ("share", "used", "start", "wanted"),
    [
        (1.0, {"Noise": 0.6, "Tempo kept": -1.0}, {}, 1.0),
        (1.0, {"Noise": 1.0}, {}, 0.65),
        (1.0, {"Noise": 0.7}, {}, 0.95),
        (1.0, {"Noise": 4.0}, {}, WEAKEST),
        (1.0, {"Noise": 0.8, "Tempo kept": 1.0}, {}, 0.65),
        (0.65, {"Noise": 0.8}, {}, 0.5),
        (WEAKEST, {"Noise": 2.0}, {}, WEAKEST),
        (1.0, {"Noise": 0.8}, {"Noise": 0.4}, 0.65),
        (1.0, {"Noise": 0.9}, {"Noise": 0.9}, 1.0),
        (1.0, {"Noise": 1.2}, {"Noise": 1.4}, 1.0),
        (1.0, {"Noise": 1.2}, {"Noise": 0.8}, WEAKEST),
    ],
)
def test_the_next_share_is_in_proportion_to_what_was_used_up_since_the_run_began(share, used, start, wanted):
    assert next_share(share, used, start) == pytest.approx(wanted)


def test_what_is_used_up_is_told_by_guard():
    figures = {"noise": Figure(0.41, 0.4), "tempo": Figure(0.94, 0.98), "clipped": Figure(math.nan, math.nan)}
    assert used_up(figures) == {"Noise": pytest.approx(0.5), "Tempo kept": pytest.approx(0.8)}
    figures["silent"] = Figure(0.2, 0.1)
    assert "Silent" not in used_up(figures), "an opponent past the limit itself says nothing"
    assert used_up({"loudness": Figure(1.5, 0.0), "variety": Figure(0.96, 0.9)}) == {
        "Loudness moved": pytest.approx(0.5),
        "Diversity across prompts": pytest.approx(-2 / 3),
    }


def kept(music: ModelSpec, trained: Path, parent: AdapterSpec | None = None, stop_after: int = 10**6):
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > stop_after

    return keep_what_holds(
        base=music,
        trained=trained,
        parent=parent,
        wishes=WISHES,
        clips=4,
        seconds=1.5,
        sampling=SamplingSpec(0.8, 200, 0.9),
        seed=4,
        should_stop=should_stop,
        on_clip=lambda *clip: None,
    )


def test_an_adapter_that_ruins_the_sound_is_taken_back_as_far_as_it_goes(music, tmp_path):
    trained = adapter(music, tmp_path / "wild", 0.3)
    whole = changes(trained)
    tried = kept(music, trained)
    assert tried[0].share == 1.0 and tried[0].used > AIM and tried[-1].share < 1.0
    assert [one.share for one in tried] == sorted((one.share for one in tried), reverse=True)
    assert tried[-1].used <= AIM or tried[-1].share == WEAKEST
    assert same(changes(trained), {name: tried[-1].share * change for name, change in whole.items()})


def test_an_adapter_that_does_no_harm_is_kept_whole_byte_for_byte(music, tmp_path):
    trained = adapter(music, tmp_path / "mild", 1e-4)
    before = (trained / "adapter_model.safetensors").read_bytes()
    (only,) = kept(music, trained)
    assert only.share == 1.0 and only.used <= AIM
    assert (trained / "adapter_model.safetensors").read_bytes() == before


def test_what_is_no_worse_than_the_parent_is_kept_however_bad_that_is(music, tmp_path):
    wild = adapter(music, tmp_path / "wild", 0.3)
    trained = Path(shutil.copytree(wild, tmp_path / "trained"))
    (only,) = kept(music, trained, AdapterSpec(str(wild), "sha", 1.0))
    assert only.share == 1.0 and only.used > AIM


def test_what_ruins_the_sound_of_its_parent_goes_back_towards_it(music, tmp_path):
    parent = adapter(music, tmp_path / "mild", 1e-4, seed=2)
    trained = adapter(music, tmp_path / "wild", 0.3)
    ends = [
        load_peft_weights(str(shutil.copytree(at, tmp_path / f"{at.name}-copy")), "cpu") for at in (parent, trained)
    ]
    tried = kept(music, trained, AdapterSpec(str(parent), "sha", 1.0))
    share = tried[-1].share
    assert share < 1.0
    wanted = {name: (1 - share) * ends[0][name] + share * ends[1][name] for name in ends[0]}
    assert same(load_peft_weights(str(trained), device="cpu"), wanted)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_without_memory_to_load_or_to_decode_it_says_so(music, tmp_path, monkeypatch, error):
    def full(*spec):
        raise error

    trained = adapter(music, tmp_path / "mild", 1e-4)
    monkeypatch.setattr(strength, "Engine", full)
    with pytest.raises(OutOfMemory):
        kept(music, trained)


@pytest.mark.parametrize("after", [0, 1])
def test_asked_to_stop_it_leaves_the_adapter_as_it_was(music, tmp_path, after):
    trained = adapter(music, tmp_path / "wild", 0.3)
    before = (trained / "adapter_model.safetensors").read_bytes()
    assert kept(music, trained, stop_after=after) is None
    assert (trained / "adapter_model.safetensors").read_bytes() == before
