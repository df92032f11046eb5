"""From datasets to training items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets_app.exceptions import DatasetNotReady, MethodDoesNotMatch
from datasets_app.formats.exports import write_file
from datasets_app.services import create_dataset
from datasets_app.tests.factories import (
    built,
    clips,
    compared_prompts,
    heard_prompts,
    prefer,
    rated,
    rated_prompts,
    rater,
    seed_that_trains_on,
    seed_with_every_split,
    taste,
)
from generation.sound.files import load_codes
from training.config import Method
from training.exceptions import NothingToTrainOn
from training.runs.items import load_items
from training.runs.worker import trainable_items
from training.specs import LabelledClip, LikedClip, PreferencePair, RankedClips

pytestmark = pytest.mark.django_db


def test_sft_imitates_what_is_liked() -> None:
    best, good, _ = rated([5, 4, 3], [rater(0.5)])
    items = load_items(built(), Method.SFT).training
    assert all(isinstance(item, LikedClip) for item in items)
    by_weight = sorted(items, key=lambda item: -item.weight)
    assert [item.weight for item in by_weight] == pytest.approx([0.5, 0.4])
    assert np.array_equal(by_weight[0].codes, load_codes(best))
    assert np.array_equal(by_weight[1].codes, load_codes(good))
    assert by_weight[0].text == best.rendered_text


def test_dpo_learns_each_pair_with_all_its_votes() -> None:
    better, worse = clips(2)
    prefer(better, worse, rater(0.9))
    prefer(worse, better, rater(0.3))
    (item,) = load_items(built("preference"), Method.DPO).training
    assert isinstance(item, PreferencePair)
    assert (item.weight, item.preference) == (2, pytest.approx(((1 + 0.9) / 2 + (1 - 0.3) / 2) / 2))
    assert np.array_equal(item.chosen, load_codes(better))
    assert np.array_equal(item.rejected, load_codes(worse))


@pytest.mark.parametrize("reliability", [0.5, 0.8, 1.0])
def test_a_vote_is_believed_as_far_as_its_rater(reliability: float) -> None:
    better, worse = clips(2)
    prefer(better, worse, rater(reliability))
    (item,) = load_items(built("preference"), Method.DPO).training
    assert (item.weight, item.preference) == (1, pytest.approx((1 + reliability) / 2))


def test_a_tie_reaches_dpo_as_a_tie_and_no_ranking() -> None:
    first, second = clips(2)
    prefer(first, second, rater(0.8), winner="tie")
    dataset = built("preference")
    (item,) = load_items(dataset, Method.DPO).training
    assert (item.weight, item.preference) == (1, 0.5)
    assert load_items(dataset, Method.RANKING).training == []
    with pytest.raises(NothingToTrainOn, match="of which one clip was preferred"):
        trainable_items(dataset, Method.DPO)  # a tie alone teaches nothing


def test_kto_leaves_the_middle_out() -> None:
    rated([5, 4, 3, 2, 1])
    items = load_items(built(), Method.KTO).training
    assert all(isinstance(item, LabelledClip) for item in items)
    assert sorted(item.desirable for item in items) == [False, False, True, True]


def test_ranking_orders_the_clips_of_a_prompt() -> None:
    low, high, same, middle = rated([1, 5, 5, 3])
    (item,) = load_items(built(), Method.RANKING).training
    assert isinstance(item, RankedClips)
    first = min((high, same), key=lambda sample: sample.pk)
    assert [codes.tolist() for codes in item.clips] == [load_codes(s).tolist() for s in (first, middle, low)]


def test_ranking_takes_pairs_too() -> None:
    better, worse = compared_prompts(1)[0]
    (item,) = load_items(built("preference"), Method.RANKING).training
    assert [codes.tolist() for codes in item.clips] == [load_codes(s).tolist() for s in (better, worse)]


def test_ranking_believes_a_pair_as_far_as_its_raters() -> None:
    better, worse = clips(2)
    prefer(better, worse, rater(0.9))
    prefer(worse, better, rater(0.3))
    dataset = built("preference")
    (ranked,), (pair,) = (load_items(dataset, method).training for method in (Method.RANKING, Method.DPO))
    assert isinstance(ranked, RankedClips) and isinstance(pair, PreferencePair)
    assert (ranked.weight, ranked.preference) == (pair.weight, pair.preference) == (2, pytest.approx(0.65))


@pytest.mark.parametrize(
    ("method", "kind", "words"),
    [
        (Method.DPO, "supervised", "dpo cannot train on a supervised dataset; sft, kto, ranking can"),
        (Method.SFT, "preference", "sft cannot train on a preference dataset; dpo, ranking can"),
        (Method.KTO, "preference", "kto cannot train"),
    ],
)
def test_a_method_that_does_not_match_is_refused(method: Method, kind: str, words: str, tmp_path: Path) -> None:
    compared_prompts(1) if kind == "preference" else rated([5])
    dataset = built(kind)
    write_file(dataset, "jsonl", tmp_path / "rows.jsonl")
    for source in (dataset, tmp_path / "rows.jsonl"):
        with pytest.raises(MethodDoesNotMatch, match=words):
            load_items(source, method)


@pytest.mark.parametrize("suffix", ["jsonl", "zip"])
def test_an_exported_file_gives_the_same_items(suffix: str, tmp_path: Path) -> None:
    dataset = built(seed=seed_with_every_split(rated_prompts(12)))
    path = tmp_path / f"rows.{suffix}"
    write_file(dataset, {"zip": "huggingface"}.get(suffix, suffix), path)
    stored, exported = load_items(dataset, Method.RANKING), load_items(path, Method.RANKING)
    assert len(stored.training) + len(stored.validation) == sum(
        dataset.statistics["splits"][name]["prompts"] for name in ("train", "validation")
    )
    assert _plain(stored.training) == _plain(exported.training)
    assert _plain(stored.validation) == _plain(exported.validation)
    assert stored.validation


def _plain(items: list[Any]) -> list[Any]:
    return [(item.text, [codes.tolist() for codes in item.clips], item.weight) for item in items]


def test_a_dataset_that_is_not_built_is_refused() -> None:
    rated([5])
    dataset = create_dataset(actor=None, name="Waiting", kind="supervised")
    with pytest.raises(DatasetNotReady):
        load_items(dataset, Method.SFT)


# -- what a taste labelled -----------------------------------------------------------------------------------------


def test_a_label_of_a_taste_is_its_own_probability_and_weighs_less_than_a_vote() -> None:
    judged = compared_prompts(1)
    base = judged[0][0].job.base_model
    made = heard_prompts(1, base, (1, -1))
    filters = {"taste": str(taste(base).pk)}
    dataset = built("preference", filters, seed=seed_that_trains_on([*judged, *made]))
    pairs = {item.weight: item for item in load_items(dataset, Method.DPO).training}
    sure = 1 / (1 + np.exp(-2.0))
    assert sorted(pairs) == [pytest.approx(2 * sure - 1, abs=1e-5), 1]
    label = next(item for weight, item in pairs.items() if weight < 1)
    assert label.preference == pytest.approx(sure, abs=1e-5)
    assert np.array_equal(label.chosen, load_codes(made[0][0]))
    ranked = load_items(dataset, Method.RANKING).training
    assert sorted(item.weight for item in ranked) == sorted(pairs)


def test_labels_are_the_same_read_from_a_file(tmp_path: Path) -> None:
    judged = compared_prompts(1)
    base = judged[0][0].job.base_model
    seed = seed_that_trains_on([*judged, *heard_prompts(1, base)])
    dataset = built("preference", {"taste": str(taste(base).pk), "taste_share": 1}, seed=seed)
    write_file(dataset, "jsonl", tmp_path / "rows.jsonl")

    def told(source: Any) -> list[tuple[float, float]]:
        return sorted((item.weight, item.preference) for item in load_items(source, Method.DPO).training)

    assert told(dataset) == told(tmp_path / "rows.jsonl")
