"""A run that is stopped, at whatever moment, goes on as if it never had been: not a bit differs in the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from training.config import Method, TrainingConfig
from training.specs import StepReport, TrainingResult
from training.trainer.checkpoints import PROGRESS_FILE, STATE_FILE
from training.trainer.loop import train
from training.trainer.tests.conftest import liked, pairs

WEIGHTS = "adapter_model.safetensors"
STEADY = TrainingConfig(
    method=Method.SFT,
    learning_rate=0.01,
    max_steps=3,
    batch_size=2,
    gradient_accumulation_steps=2,
    eval_steps=2,
    save_steps=100,
    save_total_limit=1,
    lora_r=4,
    lora_alpha=8.0,
    lora_dropout=0.2,
    early_stopping_patience=0,
    early_stopping_threshold=0.0,
)
"""Steps of two batches: one that nothing follows, one with an evaluation, of two batches too, and the last."""
PATIENT = replace(
    STEADY,
    method=Method.DPO,
    max_steps=12,
    batch_size=4,
    eval_steps=1,
    early_stopping_patience=2,
    only_if_better=False,
)
"""Ends by early stopping: every checkpoint of a stop must know how long nothing improved."""


@dataclass(frozen=True)
class Ended:
    """What a run left: its result, its reports by step, and everything in its checkpoints."""

    result: TrainingResult
    metrics: dict[int, dict[str, float]]
    checkpoints: dict[int, dict[str, Any]]

    def require_equal(self, other: Ended) -> None:
        """Bitwise: weights, optimizer and random generators; what was reported of each step; the best step."""
        ends = [
            (r.result.steps, r.result.best_step, r.result.best_value, r.result.stopped_early) for r in (self, other)
        ]
        assert ends[0] == ends[1]
        assert self.metrics == other.metrics
        shared = self.checkpoints.keys() & other.checkpoints.keys()
        assert shared >= {self.result.best_step} | (set() if self.result.stopped_early else {self.result.steps})
        for step in shared:
            mine, theirs = self.checkpoints[step], other.checkpoints[step]
            _require_equal_tensors(mine[WEIGHTS], theirs[WEIGHTS])
            _require_equal_tensors(mine[STATE_FILE], theirs[STATE_FILE])
            assert mine[PROGRESS_FILE] == theirs[PROGRESS_FILE]


def _require_equal_tensors(mine: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert mine.keys() == theirs.keys()
    assert not [name for name in mine if not torch.equal(mine[name], theirs[name])]


class Stopper:
    """Asks to stop at the call after `calls` of them; counts how often it was asked."""

    def __init__(self, calls: float = float("inf")) -> None:
        self.calls, self.asked = calls, 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked > self.calls


def attempt(base: Any, folder: Path, config: TrainingConfig, stop: Callable[[], bool]) -> Any:
    """One process's part of a run: the result, and what it reported."""
    reports: list[StepReport] = []
    if config.method == Method.SFT:
        items = {"training": liked(8), "validation": liked(3, 100)}
    else:  # of the validation pairs the worse clips are preferred: training makes it worse
        held_out = [replace(pair, chosen=pair.rejected, rejected=pair.chosen) for pair in pairs(5, 100)]
        items = {"training": pairs(8), "validation": held_out}
    result = train(
        base=base, config=config, folder=folder, device="cpu", on_step=reports.append, should_stop=stop, **items
    )
    return result, reports


def ended(result: TrainingResult, reports: list[StepReport], folder: Path) -> Ended:
    checkpoints = {}
    for path in folder.glob("step-*"):
        tensors = {name: load_file(path / name) for name in (WEIGHTS, STATE_FILE)}
        progress = json.loads((path / PROGRESS_FILE).read_text())
        checkpoints[int(path.name.removeprefix("step-"))] = {**tensors, PROGRESS_FILE: progress}
    best = load_file(Path(result.folder, WEIGHTS))
    _require_equal_tensors(best, checkpoints[result.best_step][WEIGHTS])
    return Ended(result, _by_step(reports), checkpoints)


def _by_step(reports: list[StepReport]) -> dict[int, dict[str, float]]:
    """A step that is reported once more says the same as before."""
    metrics: dict[int, dict[str, float]] = {}
    for report in reports:
        assert metrics.setdefault(report.step, dict(report.metrics)) == report.metrics
    return metrics


@pytest.fixture(scope="module", params=[STEADY, PATIENT], ids=["steady", "early stopping"])
def config(request: pytest.FixtureRequest) -> TrainingConfig:
    return request.param


@pytest.fixture(scope="module")
def whole(base: Any, config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ended, int]]:
    """The uninterrupted run, and how often it looked whether it should stop."""
    folder, stop = tmp_path_factory.mktemp("whole"), Stopper()
    result, reports = attempt(base, folder, config, stop)
    assert [report.step for report in reports] == list(range(result.steps + 1))
    assert result.stopped_early is (config is PATIENT) and not result.cancelled
    yield ended(result, reports, folder), stop.asked


def test_stopped_at_any_moment_it_goes_on_as_if_it_never_had_been(
    base: Any, config: TrainingConfig, whole: tuple[Ended, int], tmp_path: Path
) -> None:
    expected, moments = whole
    assert moments > 12
    for moment in range(moments):
        folder = tmp_path / str(moment)
        stopped, before = attempt(base, folder, config, Stopper(moment))
        assert stopped.cancelled and not stopped.stopped_early
        assert (folder / f"step-{stopped.steps:06d}").is_dir() is (stopped.steps > 0), "nothing that was made is lost"
        result, after = attempt(base, folder, config, Stopper())
        steps = [report.step for report in (*before, *after) if report.step]
        assert steps == list(range(1, result.steps + 1)), "each step is made and reported once"
        ended(result, before + after, folder).require_equal(expected)


def test_stopped_again_and_again_it_gets_there(
    base: Any, config: TrainingConfig, whole: tuple[Ended, int], tmp_path: Path
) -> None:
    """Each process is stopped soon after it made a step, or after it judged the one that the process before made."""
    expected, _ = whole
    calls = 6 if config is STEADY else 9  # to get ready, to judge the untrained network, and to make one step
    reports: list[StepReport] = []
    stops = 0
    while (attempted := attempt(base, tmp_path, config, Stopper(calls)))[0].cancelled:
        reports += attempted[1]
        stops += 1
        assert stops < 20
    assert stops >= 2
    ended(attempted[0], reports + attempted[1], tmp_path).require_equal(expected)
