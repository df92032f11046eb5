"""How much of what was learned is kept: as much as the sound bears.

What people like is bought with what nobody asked for: hiss with brightness, a lost beat with busyness. An adapter part
of the way between where its run began and where it ended gives up most of the one for a little of the other (linear
interpolation towards the initialization: Ramé et al., WARP, 2024).
"""

from __future__ import annotations

import gc
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from peft.utils import load_peft_weights
from safetensors.torch import save_file

from generation.engine import Engine, OutOfMemory
from generation.engine.memory import is_memory_failure
from generation.sound.noise import noise
from generation.sound.processing import fade_edges, loudness
from generation.specs import SILENT_LUFS, AdapterSpec, ModelSpec, SampleResult, SampleSpec, SamplingSpec
from training.config import MAX_SEED
from training.quality.guards import RULES, Figure
from training.quality.sounds import Heard, keeps_tempo, sound_figures
from training.specs import StopCallback, Wish

AIM = 2 / 3
"""Of what a guard allows, the share that may be used up: the blind test measures on other prompts."""
WEAKEST, STEP = 0.4, 0.05
MOST_TRIES = 4
CLIPS_OF_A_TEXT, MOST_OF_A_TEXT = 2, 8
"""At least two: what two clips of one text have in common is measured, too, and takes time with their square."""
ClipCallback: TypeAlias = Callable[[float | None, int, int], None]
WEIGHTS, B_WEIGHT = "adapter_model.safetensors", ".lora_B."


@dataclass(frozen=True, slots=True)
class Try:
    """What was heard at a share of the way: the guard that is furthest past what it may use up, or nearest to it, and
    how much of what it allows it uses up (1: all of it)."""

    share: float
    guard: str
    used: float


def keep_what_holds(
    *,
    base: ModelSpec,
    trained: Path,
    parent: AdapterSpec | None,
    wishes: Sequence[Wish],
    clips: int,
    seconds: float,
    sampling: SamplingSpec,
    seed: int,
    should_stop: StopCallback,
    on_clip: ClipCallback,
) -> list[Try] | None:
    """Take the adapter in the folder `trained` back towards where its run began, until no guard of the sound uses up
    more than `AIM`, or than `parent` does; `WEAKEST` is the least that is kept. Returns what was tried, the last of
    which the folder then holds.

    About `clips` clips of `seconds` are made for `wishes` by the base alone, by `parent`, and at each share that is
    tried. `on_clip` is told which share is heard (None: the base, 0: the parent), how many clips of it there are, and
    of how many. None when it was asked to stop. Raises what the engine raises, `OutOfMemory` for want of memory.
    """
    gc.collect()  # the network that was trained
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    texts = max(1, min(len(wishes), clips // CLIPS_OF_A_TEXT))
    each = min(MOST_OF_A_TEXT, max(CLIPS_OF_A_TEXT, round(clips / texts)))
    try:
        player = _Player(Engine(base), wishes[:texts], each, seconds, sampling, seed, should_stop, on_clip)
        return _take_back(player, trained, parent)
    except (RuntimeError, MemoryError) as error:
        if not (isinstance(error, MemoryError) or is_memory_failure(error)):
            raise
        raise OutOfMemory("The device ran out of memory.") from error


def _take_back(player: _Player, trained: Path, parent: AdapterSpec | None) -> list[Try] | None:
    """Share after share, the next in proportion to what was used up."""
    if (before := player.hear(None, None)) is None:
        return None
    start: dict[str, float] = {}
    if parent is not None:
        if (of_parent := player.hear(0.0, parent)) is None:
            return None
        start = used_up(sound_figures(of_parent, before))
    tried: list[Try] = []
    share = 1.0
    with tempfile.TemporaryDirectory(prefix="strength-") as scratch:
        while True:
            path = part_way(trained, Path(parent.path) if parent else None, share, Path(scratch) / f"{share:.2f}")
            if (after := player.hear(share, AdapterSpec(str(path), str(path)))) is None:
                return None
            used = used_up(sound_figures(after, before))
            guard = max(used, key=lambda name: used[name] - aim(start, name), default="")
            tried.append(Try(share, guard, used.get(guard, 0.0)))
            following = next_share(share, used, start)
            if following == share or len(tried) == MOST_TRIES:
                shutil.copytree(path, trained, dirs_exist_ok=True)
                return tried
            share = following


def aim(start: Mapping[str, float], guard: str) -> float:
    """How much of what a guard allows may be used up, where `start` was used up by what the run goes on from."""
    return max(AIM, start.get(guard, 0.0))


def next_share(share: float, used: Mapping[str, float], start: Mapping[str, float]) -> float:
    """The share at which every guard would meet its aim, if what is used up grows evenly from `start` on: the same
    where all do already, a step less at least where one does not.
    """
    wanted = share
    for guard, value in used.items():
        goal, began = aim(start, guard), start.get(guard, 0.0)
        if value > goal:
            fitting = math.floor(round(share * (goal - began) / (value - began) / STEP, 6)) * STEP
            wanted = min(wanted, fitting, share - STEP)
    return share if wanted == share else round(max(min(WEAKEST, share), wanted), 2)


def used_up(figures: Mapping[str, Figure]) -> dict[str, float]:
    """How much of what each guard allows is used up, by its name; none that is not known."""
    used = {rule.name: rule.used(figures[rule.key]) for rule in RULES if rule.key in figures}
    return {name: share for name, share in used.items() if not math.isnan(share)}


def part_way(trained: Path, parent: Path | None, share: float, folder: Path) -> Path:
    """Write into `folder` the adapter that lies `share` of the way from `parent`, or from no change, to `trained`.

    Without a parent only B is scaled: a new adapter's B is zero, whatever its A.
    """
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    if share == 1.0:
        return folder
    end = load_peft_weights(str(trained), device="cpu")
    if parent is None:
        weights = {name: share * tensor if B_WEIGHT in name else tensor for name, tensor in end.items()}
    else:
        start = load_peft_weights(str(parent), device="cpu")
        weights = {name: start[name].lerp(tensor, share) for name, tensor in end.items()}
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / WEIGHTS)
    return folder


@dataclass(frozen=True, slots=True)
class _Player:
    """Makes the same clips again and again, each time with another adapter: `each` for every one of `wishes`."""

    engine: Engine
    wishes: Sequence[Wish]
    each: int
    seconds: float
    sampling: SamplingSpec
    seed: int
    should_stop: StopCallback
    on_clip: ClipCallback

    def hear(self, share: float | None, adapter: AdapterSpec | None) -> list[list[Heard]] | None:
        """What is made for each wish; None when it was asked to stop."""
        specs = [self._spec(number, adapter) for number in range(self.each * len(self.wishes))]
        heard: list[list[Heard]] = [[] for _ in self.wishes]
        for made in self.engine.generate(specs, should_stop=lambda _: self.should_stop()):
            wish = made.index // self.each
            heard[wish].append(_heard(made, self.wishes[wish]))
            self.on_clip(share, sum(map(len, heard)), len(specs))
        return heard if all(len(clips) == self.each for clips in heard) else None

    def _spec(self, number: int, adapter: AdapterSpec | None) -> SampleSpec:
        seed = np.random.SeedSequence((self.seed, number)).generate_state(1)[0] % MAX_SEED
        adapters = () if adapter is None else (adapter,)
        text = self.wishes[number // self.each].text
        return SampleSpec("", number, text, int(seed), self.seconds, self.sampling, adapters)


def _heard(made: SampleResult, wish: Wish) -> Heard:
    own = loudness(fade_edges(made.audio, made.sample_rate), made.sample_rate)
    return Heard(
        codes=made.codes,
        silent=float(own is None or own < SILENT_LUFS),
        clipped=math.nan,
        tempo=keeps_tempo(made.audio, made.sample_rate, wish.tempo),
        loudness=math.nan if own is None else own,
        noise=noise(made.audio, made.sample_rate),
    )
