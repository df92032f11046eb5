"""What a run is judged by: the best is the best, figures do not hang on how items are batched, each loss in its use."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from peft import PeftModel

from generation.specs import AdapterSpec
from training.config import DpoLoss, Method
from training.specs import LabelledClip, LikedClip
from training.trainer.exceptions import TrainingError
from training.trainer.loop import Plan
from training.trainer.objectives import mismatched_clips
from training.trainer.tests.conftest import pairs, random_codes, verdicts
from training.trainer.tests.test_loop import CONFIG, ITEMS, run
from training.trainer.tests.test_sequences import Scorer

GENTLE = replace(CONFIG, learning_rate=1e-4, eval_steps=1, max_steps=4)


def scored(base, folder: str, clips) -> list[float]:
    """Log-probabilities of (text, codes) clips under the adapter in `folder`, or the base alone."""
    scorer = Scorer(base)
    if folder:
        scorer.decoder = PeftModel.from_pretrained(scorer.decoder, folder)
    return [float(scorer(clip).astype(np.float64).sum()) for clip in clips]


# -- the best checkpoint -------------------------------------------------------------------------------------------


def test_the_threshold_decides_patience_and_never_the_best(base, tmp_path):
    config = replace(GENTLE, early_stopping_threshold=10.0, early_stopping_patience=3, max_steps=9)
    result, reports = run(base, tmp_path, config)
    losses = {report.step: report.metrics["eval_loss"] for report in reports}
    assert result.stopped_early and result.steps == 3, "no evaluation came near the threshold"
    assert result.best_value == min(losses.values()) == losses[result.best_step] < losses[0]


def test_a_run_ends_once_it_has_drifted_far_enough_and_offers_what_it_was(base, tmp_path):
    """What is rejected was imitated before, so that preferring the other clips makes the pairs less likely."""
    imitated = [LikedClip(pair.text, pair.rejected) for pair in pairs(8)]
    before, _ = run(base, tmp_path / "sft", replace(CONFIG, method=Method.SFT, max_steps=40), training=imitated)
    parent = AdapterSpec(before.folder, "sha", 1.0)
    config = replace(CONFIG, only_if_better=False, max_steps=6, eval_steps=3, save_steps=100)
    free, reports = run(base, tmp_path / "a", config, parent=parent)
    drift = [report.metrics["kl_per_code"] for report in reports[1:]]
    assert free.steps == 6 and not free.drifted
    assert drift[0] == pytest.approx(0, abs=1e-6) and max(drift[:3]) < drift[3]
    bound = (max(drift[:3]) + drift[3]) / 2
    near, reports = run(base, tmp_path / "b", replace(config, max_kl=bound), parent=parent)
    assert near.drifted and near.stopped_early and near.steps == near.best_step == 4 and len(reports) == 5
    assert "eval_loss" in reports[-1].metrics and Path(near.folder, "adapter_model.safetensors").is_file()
    again, reports = run(base, tmp_path / "b", replace(config, max_kl=bound), parent=parent)
    assert again.steps == 4 and again.drifted and not reports, "what has ended is not trained on"
    far, _ = run(base, tmp_path / "c", replace(config, max_kl=2 * max(drift)), parent=parent)
    assert far.steps == 6 and not far.drifted


def test_a_run_that_is_no_better_than_untrained_offers_nothing(base, tmp_path):
    swapped = [replace(pair, chosen=pair.rejected, rejected=pair.chosen) for pair in pairs(3, 100)]
    result, reports = run(base, tmp_path / "a", GENTLE, validation=swapped)
    assert (result.best_step, result.folder) == (0, "")
    assert result.best_value == result.untrained_value == reports[0].metrics["eval_loss"]
    told, _ = run(base, tmp_path / "b", replace(GENTLE, only_if_better=False), validation=swapped)
    assert told.best_step == told.steps == 4 and Path(told.folder, "adapter_model.safetensors").is_file()


def test_a_resumed_run_still_knows_the_untrained_state(base, tmp_path):
    swapped = [replace(pair, chosen=pair.rejected, rejected=pair.chosen) for pair in pairs(3, 100)]
    config = replace(GENTLE, save_steps=1)
    first, reports = run(base, tmp_path, replace(config, max_steps=2), validation=swapped)
    again, _ = run(base, tmp_path, config, validation=swapped)
    assert again.steps == 4 and again.best_step == 0 and again.folder == ""
    assert again.untrained_value == first.untrained_value == reports[0].metrics["eval_loss"]


@pytest.mark.parametrize(("items", "epochs"), [(200, 1), (400, 3), (30, 1), (5000, 3)])
def test_runs_are_judged_five_times_at_least_unless_told(items, epochs):
    plan = Plan.of(replace(CONFIG, eval_steps=0, max_steps=0, epochs=epochs, gradient_accumulation_steps=1), items, 1)
    judged = [step for step in range(1, plan.steps + 1) if plan.is_judged(step)]
    assert 5 <= len(judged) <= 10 and judged[-1] == plan.steps


# -- figures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", list(Method))
def test_evaluation_does_not_depend_on_the_batch_size(base, tmp_path, method):
    made = ITEMS[method](5, 100)
    held_out = [replace(item, weight=0.2 + index) for index, item in enumerate(made)]
    config = replace(CONFIG, method=method, max_steps=2, eval_steps=1, learning_rate=1e-3, lora_dropout=0.0)
    found = [
        run(
            base, tmp_path / str(size), replace(config, batch_size=size), training=ITEMS[method](2), validation=held_out
        )
        for size in (2, 3, 5)
    ]
    finals = [reports[-1].metrics for _, reports in found]
    names = {name for name in finals[0] if name.startswith("eval_")}
    for other in finals[1:]:
        assert {name for name in other if name.startswith("eval_")} == names
        assert {n: other[n] for n in names} == pytest.approx({n: finals[0][n] for n in names}, abs=2e-3)


def test_held_out_figures_are_those_of_the_held_out_items(base, tmp_path):
    _, (untrained, *_) = run(base, tmp_path, replace(CONFIG, method=Method.SFT, max_steps=1))
    clips = [(pair.text, pair.chosen) for pair in pairs(3, 100)]
    assert untrained.metrics["eval_logps/chosen"] == pytest.approx(np.mean(scored(base, "", clips)), abs=1e-2)
    assert "eval_kl_per_code" not in untrained.metrics, "imitation has no reference policy to be measured against"


def test_dropout_is_off_in_evaluation(base, tmp_path):
    config = replace(CONFIG, lora_dropout=0.9, max_steps=2, eval_steps=1)
    _, reports = run(base, tmp_path, config)
    clips = [(pair.text, pair.chosen) for pair in pairs(3, 100)]
    mean = np.mean(scored(base, str(tmp_path / "step-000002"), clips))
    assert reports[-1].metrics["eval_logps/chosen"] == pytest.approx(mean, abs=1e-2)


def test_an_items_weight_does_not_depend_on_its_step(base, tmp_path):
    heavy, light = replace(pairs(1)[0], weight=3.0), replace(pairs(1, 1)[0], weight=1.0)
    config = replace(CONFIG, batch_size=1, max_steps=1, max_grad_norm=1000.0, weight_decay=0.0)
    grads = {}
    for name, items in {"both": [heavy, light], "alike": [replace(heavy, weight=1.0), light]}.items():
        _, reports = run(base, tmp_path / name, config, training=items)
        grads[name] = reports[-1].metrics["grad_norm"]
    first_is_heavy = grads["both"] / grads["alike"]
    assert first_is_heavy == pytest.approx(1.5, rel=1e-3) or first_is_heavy == pytest.approx(0.5, rel=1e-3)


def test_a_soft_label_reaches_the_loss(base, tmp_path):
    believed = [replace(pair, preference=0.75, weight=1.0) for pair in pairs(3, 100)]
    config = replace(CONFIG, max_steps=2, eval_steps=2, learning_rate=3e-3)
    _, reports = run(base, tmp_path, config, validation=believed)
    h = [_difference(base, str(tmp_path / "step-000002"), pair) for pair in believed]
    losses = [0.75 * math.log1p(math.exp(-0.1 * x)) + 0.25 * math.log1p(math.exp(0.1 * x)) for x in h]
    assert reports[-1].metrics["eval_loss"] == pytest.approx(np.mean(losses), abs=2e-3)


def _difference(base, folder: str, pair) -> float:
    """Chosen minus rejected log-ratio."""
    clips = [(pair.text, pair.chosen), (pair.text, pair.rejected)]
    after, before = scored(base, folder, clips), scored(base, "", clips)
    return (after[0] - before[0]) - (after[1] - before[1])


def test_ipo_asks_for_a_distance_per_code(base, tmp_path):
    config = replace(CONFIG, dpo_loss=DpoLoss.IPO, max_steps=2, eval_steps=2, beta=0.5, learning_rate=3e-3)
    held_out = pairs(1, 100)
    _, reports = run(base, tmp_path, config, validation=held_out)
    per_code = _difference(base, str(tmp_path / "step-000002"), held_out[0]) / held_out[0].chosen.size
    assert reports[0].metrics["eval_loss"] == pytest.approx(1.0, abs=1e-6), "(0 - 1 / (2 beta))^2"
    assert reports[-1].metrics["eval_loss"] == pytest.approx((per_code - 1) ** 2, abs=1e-3)


# -- kto -----------------------------------------------------------------------------------------------------------


def test_kto_measures_itself_by_clips_of_other_prompts():
    items = [LabelledClip("one" if i < 96 else "two", random_codes(i), i % 2 == 0) for i in range(100)]
    lent = mismatched_clips(items, [])
    made_for = {item.codes.tobytes(): item.text for item in items}
    assert [text for text, _ in lent] == [item.text for item in items]
    assert all(made_for[codes.tobytes()] != text for text, codes in lent)


def test_kto_borrows_a_clip_where_all_held_out_ones_are_of_one_prompt():
    items = [LabelledClip("one", random_codes(1), True)]
    ((text, codes),) = mismatched_clips(items, [LabelledClip("two", random_codes(2), False)])
    assert text == "one" and np.array_equal(codes, random_codes(2))
    with pytest.raises(TrainingError, match="two prompts"):
        mismatched_clips(items, [LabelledClip("one", random_codes(3), False)])


@pytest.mark.parametrize("is_imitated", [True, False])
def test_the_baseline_of_kto_is_the_mean_over_the_whole_step_and_never_below_zero(base, tmp_path, is_imitated):
    """Imitated clips make mismatched ones of their kind likelier, avoided ones less so: only that is a divergence."""
    config = replace(CONFIG, method=Method.KTO, max_steps=3, batch_size=2, learning_rate=3e-3, only_if_better=False)
    weigh = {"desirable_weight": 100.0} if is_imitated else {"undesirable_weight": 100.0}
    items = verdicts(6)
    held_out = [item for item in verdicts(6, 100) if item.desirable is is_imitated]
    _, reports = run(base, tmp_path, replace(config, **weigh), training=items, validation=held_out)
    said, folder = reports[-1].metrics, str(tmp_path / "step-000003")
    lent = mismatched_clips(held_out, items)
    mean = np.mean(np.subtract(scored(base, folder, lent), scored(base, "", lent)))
    assert mean > 1 if is_imitated else mean < -1
    assert said["eval_kl"] == pytest.approx(max(0.0, mean), abs=5e-3)
    own = [(item.text, item.codes) for item in held_out]
    rewards = 0.1 * (np.subtract(scored(base, folder, own), scored(base, "", own)) - said["eval_kl"])
    signed = rewards if is_imitated else -rewards
    heaviness = 100.0 if held_out[0].desirable is is_imitated else 1.0
    assert said["eval_loss"] == pytest.approx(heaviness * np.mean(1 - 1 / (1 + np.exp(-signed))), rel=1e-2)


def test_desirable_and_undesirable_clips_can_weigh_differently(base, tmp_path):
    config = replace(CONFIG, method=Method.KTO, max_steps=1)
    held_out = verdicts(4, 100)
    for desirable, undesirable, expected in ((1.0, 1.0, 0.5), (3.0, 1.0, 1.0), (1.0, 5.0, 1.5)):
        weighed = replace(config, desirable_weight=desirable, undesirable_weight=undesirable)
        _, reports = run(base, tmp_path / f"{desirable}-{undesirable}", weighed, validation=held_out)
        assert reports[0].metrics["eval_loss"] == pytest.approx(expected, abs=1e-6), "half of them are desirable"


def test_one_verdict_only_is_refused(base, tmp_path):
    """Clips that are all liked could train by sft, clips that are all disliked by nothing else."""
    items = verdicts(4)
    for liked, said in ((True, "rate some of the other kind, or train with sft"), (False, "of the other kind\\.$")):
        alike = [item for item in items if item.desirable is liked]
        with pytest.raises(TrainingError, match=f"same verdict.*{said}"):
            run(base, tmp_path, replace(CONFIG, method=Method.KTO), training=alike)
