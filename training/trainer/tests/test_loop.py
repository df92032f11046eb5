"""Training: it learns what it is told, resumes exactly, stops when asked, and what it saves is what it trained."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file

from generation.engine import Engine
from generation.engine.tests.conftest import load_reference
from generation.specs import AdapterSpec, SampleSpec, SamplingSpec
from training.config import DpoLoss, Method, RankingLoss, TrainingConfig
from training.specs import RankedClips
from training.trainer.exceptions import TrainingError
from training.trainer.loop import Plan, items_of_step, learning_rate_factor, train
from training.trainer.tests.conftest import liked, pairs, rankings, verdicts
from training.trainer.tests.test_sequences import Scorer

CONFIG = TrainingConfig(
    method=Method.DPO,
    learning_rate=0.01,
    max_steps=8,
    batch_size=4,
    gradient_accumulation_steps=1,
    eval_steps=4,
    save_steps=4,
    lora_r=4,
    lora_alpha=8.0,
    lora_dropout=0.0,
    early_stopping_patience=0,
    early_stopping_threshold=0.0,
)
ITEMS = {Method.SFT: liked, Method.DPO: pairs, Method.KTO: verdicts, Method.RANKING: rankings}


def run(base, folder: Path, config: TrainingConfig = CONFIG, **options):
    make = ITEMS[config.method]
    reports = []
    options = {"training": make(8), "validation": make(3, 100), "on_step": reports.append, **options}
    result = train(base=base, config=config, folder=folder, device="cpu", **options)
    return result, reports


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        (Method.SFT, {}),
        (Method.DPO, {}),
        (Method.DPO, {"dpo_loss": DpoLoss.HINGE, "sft_weight": 0.1}),
        (Method.DPO, {"dpo_loss": DpoLoss.IPO, "label_smoothing": 0.1}),
        (Method.KTO, {}),
        (Method.RANKING, {}),
        (Method.RANKING, {"ranking_loss": RankingLoss.MARGIN}),
    ],
)
def test_every_method_lowers_its_held_out_loss(base, tmp_path, method, changes):
    config = replace(CONFIG, method=method, max_steps=12, beta=0.2, learning_rate=0.003, **changes)
    result, reports = run(base, tmp_path, config)
    untrained, last = reports[0].metrics["eval_loss"], reports[-1].metrics["eval_loss"]
    assert last < untrained and result.best_value <= last
    assert [r.step for r in reports] == list(range(13))


def test_ranking_believes_pairs_as_dpo_does(base, tmp_path):
    """Two clips in an order that holds with probability p: the loss is that of the soft-labelled pair, step by step."""
    shares = [0.6, 0.75, 1.0, 0.9]
    doubted = [replace(pair, preference=share) for pair, share in zip(pairs(4), shares, strict=True)]
    ranked = [RankedClips(p.text, (p.chosen, p.rejected), p.weight, p.preference) for p in doubted]
    found = []
    for method, items in ((Method.DPO, doubted), (Method.RANKING, ranked)):
        config = replace(CONFIG, method=method, max_steps=4)
        _, reports = run(base, tmp_path / method, config, training=items, validation=items)
        found.append([r.metrics[name] for r in reports for name in ("loss", "eval_loss") if name in r.metrics])
    assert len(found[0]) > 4 and found[0] == pytest.approx(found[1], abs=1e-9)


def test_dpo_prefers_unseen_chosen_clips(base, tmp_path):
    _, reports = run(base, tmp_path, replace(CONFIG, max_steps=12, learning_rate=0.003))
    assert reports[0].metrics["eval_rewards/margins"] == pytest.approx(0, abs=1e-6)
    assert reports[0].metrics["eval_loss"] == pytest.approx(np.log(2), abs=1e-6)
    assert reports[-1].metrics["eval_rewards/accuracies"] == 1.0
    assert reports[-1].metrics["eval_rewards/margins"] > 0.1


def test_resumed_equals_uninterrupted(base, tmp_path):
    config = replace(CONFIG, lora_dropout=0.2)
    whole, _ = run(base, tmp_path / "whole", config)

    class Killed(Exception):
        pass

    def die_at_six(report):
        if report.step == 6:
            raise Killed

    with pytest.raises(Killed):
        run(base, tmp_path / "broken", config, on_step=die_at_six)
    resumed, reports = run(base, tmp_path / "broken", config)
    assert [r.step for r in reports] == [5, 6, 7, 8]
    a, b = (load_file(Path(r.folder, "adapter_model.safetensors")) for r in (whole, resumed))
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    assert whole.best_value == resumed.best_value


def test_the_saved_adapter_is_the_trained_network(base, tmp_path):
    result, _ = run(base, tmp_path / "run")
    pair = pairs(1, 50)[0]
    trained = Scorer(base)
    (before,) = trained((pair.text, pair.chosen))
    trained.decoder = PeftModel.from_pretrained(trained.decoder, result.folder)
    (after,) = trained((pair.text, pair.chosen))
    assert np.abs(after - before).max() > 1e-3
    adapter = AdapterSpec(path=result.folder, sha256="f" * 64)
    spec = SampleSpec("job", 0, pair.text, 1, 0.5, SamplingSpec(), adapters=(adapter,), record_logprobs=True)
    (made,) = Engine(base, device="cpu").generate([spec])
    np.testing.assert_allclose(trained((pair.text, made.codes))[0], made.logprobs, atol=5e-4)
    assert not np.allclose(Scorer(base)((pair.text, made.codes))[0], made.logprobs, atol=1e-2)


def test_the_saved_adapter_says_of_held_out_clips_what_the_network_said_that_was_trained(base, tmp_path):
    result, reports = run(base, tmp_path / "run")
    said = next(report.metrics for report in reports if report.step == result.best_step)
    saved = Scorer(base)
    saved.decoder = PeftModel.from_pretrained(saved.decoder, result.folder)
    for name in ("chosen", "rejected"):
        clips = [(pair.text, getattr(pair, name)) for pair in pairs(3, 100)]
        scores = [saved(clip).astype(np.float64).sum() for clip in clips]
        assert np.mean(scores) == pytest.approx(said[f"eval_logps/{name}"], abs=1e-2)
        untrained = [Scorer(base)(clip).astype(np.float64).sum() for clip in clips]
        assert abs(np.mean(untrained) - np.mean(scores)) > 1


def test_training_leaves_the_base_alone(base, tmp_path):
    before = {k: v.clone() for k, v in load_reference(Path(base.path)).state_dict().items()}
    run(base, tmp_path)
    after = load_reference(Path(base.path)).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_accumulated_batches_are_one_large_batch(base, tmp_path):
    one, _ = run(base, tmp_path / "one", replace(CONFIG, batch_size=8, max_steps=3))
    four, _ = run(base, tmp_path / "four", replace(CONFIG, batch_size=2, gradient_accumulation_steps=4, max_steps=3))
    a, b = (load_file(Path(r.folder, "adapter_model.safetensors")) for r in (one, four))
    assert all(torch.allclose(a[name], b[name], atol=1e-4) for name in a)


def test_weights_matter(base, tmp_path):
    light = [replace(pair, weight=1e-6) if i else pair for i, pair in enumerate(pairs(8))]
    weighted, _ = run(base, tmp_path / "a", replace(CONFIG, batch_size=8, max_steps=2), training=light)
    alone, _ = run(base, tmp_path / "b", replace(CONFIG, batch_size=1, max_steps=2), training=pairs(1))
    a, b = (load_file(Path(r.folder, "adapter_model.safetensors")) for r in (weighted, alone))
    assert all(torch.allclose(a[name], b[name], atol=1e-3) for name in a)


def test_cancel_stops_at_once_and_keeps_what_was_saved(base, tmp_path):
    seen = []
    result, _ = run(base, tmp_path, on_step=seen.append, should_stop=lambda: len(seen) >= 5)
    assert result.cancelled and result.steps == 4 and len(seen) == 5
    assert result.best_step == 4 and Path(result.folder, "adapter_model.safetensors").is_file()


def test_early_stopping_and_the_best_checkpoint(base, tmp_path):
    # Votes of which four in ten are taken for mistakes: pairs that are told apart too surely cost more than none.
    config = replace(CONFIG, label_smoothing=0.4, learning_rate=0.003, max_steps=60, eval_steps=1, save_total_limit=1)
    result, reports = run(base, tmp_path, replace(config, early_stopping_patience=3))
    assert result.stopped_early and len(reports) == result.steps + 1 and 0 < result.best_step < result.steps
    assert result.best_value == min(report.metrics["eval_loss"] for report in reports)
    assert f"step-{result.best_step:06d}" in {path.name for path in tmp_path.glob("step-*")}
    best = load_file(Path(result.folder, "adapter_model.safetensors"))
    first = load_file(tmp_path / f"step-{result.best_step:06d}" / "adapter_model.safetensors")
    assert all(torch.equal(best[name], first[name]) for name in best)


def test_going_on_from_a_parent(base, tmp_path):
    parent, _ = run(base, tmp_path / "parent")
    spec = AdapterSpec(path=parent.folder, sha256="0" * 64)
    child, reports = run(base, tmp_path / "child", replace(CONFIG, max_steps=4), parent=spec)
    assert reports[0].metrics["eval_rewards/margins"] == pytest.approx(0, abs=1e-6)
    a, b = (load_file(Path(r.folder, "adapter_model.safetensors")) for r in (parent, child))
    assert a.keys() == b.keys() and not all(torch.equal(a[name], b[name]) for name in a)


def test_a_parent_that_was_trained_on_the_whole_model_is_refused(base, tmp_path):
    whole = get_peft_model(load_reference(Path(base.path)), LoraConfig(r=4, target_modules=["q_proj"]))
    whole.save_pretrained(str(tmp_path / "whole"))
    parent = AdapterSpec(path=str(tmp_path / "whole"), sha256="0" * 64, label="theirs@1")
    with pytest.raises(TrainingError, match=r"theirs@1.*cannot go on from it"):
        run(base, tmp_path / "child", replace(CONFIG, max_steps=2), parent=parent)


def test_without_held_out_items_the_last_checkpoint_is_the_best(base, tmp_path):
    result, reports = run(base, tmp_path, validation=[])
    assert result.best_step == 8 and not any("eval_loss" in r.metrics for r in reports)


def test_what_cannot_be_trained_says_what_to_change(base, tmp_path):
    with pytest.raises(TrainingError, match="empty"):
        run(base, tmp_path, training=[])
    with pytest.raises(TrainingError, match="LikedClip"):
        run(base, tmp_path, replace(CONFIG, method=Method.SFT), training=pairs(2))
    with pytest.raises(TrainingError, match="weight"):
        run(base, tmp_path, training=[replace(pairs(1)[0], weight=0.0)])
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_every_item_is_seen_once_an_epoch_in_a_new_order():
    plan = Plan(steps=6, items_per_step=5, steps_per_evaluation=1)
    seen = [i for step in range(4) for i in items_of_step(step, plan, 10, seed=1)]
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10)) and seen[:10] != seen[10:]


def test_the_rate_rises_and_falls():
    plan = Plan(steps=100, items_per_step=1, steps_per_evaluation=1)
    factors = [learning_rate_factor(step, plan, 100) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 11) and max(factors) == factors[10] == 1.0
    assert factors[-1] < 0.001 and all(a >= b for a, b in pairwise(factors[10:]))
