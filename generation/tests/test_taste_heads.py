"""A taste at work: scoring, certainty, and files that are damaged."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save

from generation.engine import InvalidSpec
from generation.sound.taste import TasteHeads, preference


@pytest.fixture
def heads():
    rng = np.random.default_rng(0)
    return TasteHeads(
        kinds=("audio-1", "hidden-1:x:y"),
        sizes=(3, 2),
        centre=rng.standard_normal(5),
        scale=np.array([1.0, 2.0, 0.5, 1.0, 3.0]),
        weights=rng.standard_normal(5),
        ensemble=rng.standard_normal((4, 5)),
    )


def test_a_score_is_the_heads_product_with_the_standardised_features(heads):
    features = np.random.default_rng(1).standard_normal((6, 5))
    expected = ((features - heads.centre) / heads.scale) @ heads.weights
    np.testing.assert_allclose(heads.score(features).mean, expected)


def test_a_feature_far_out_says_no_more_than_one_at_the_edge(heads):
    far, farther = np.full((1, 5), 1e3), np.full((1, 5), 1e9)
    np.testing.assert_array_equal(heads.score(far).mean, heads.score(farther).mean)


def test_the_spread_of_a_pair_leaves_out_what_moves_all_clips_alike(heads):
    scores = heads.score(np.random.default_rng(2).standard_normal((3, 5)))
    margin, spread = scores.margin(np.array([0]), np.array([1]))
    assert margin[0] == pytest.approx(scores.mean[0] - scores.mean[1])
    assert spread[0] == pytest.approx((scores.heads[0] - scores.heads[1]).std())


def test_the_spread_of_a_clip_is_the_same_whatever_is_scored_beside_it(heads):
    features = np.random.default_rng(4).standard_normal((6, 5))
    together, alone = heads.score(features), heads.score(features[:1])
    assert alone.spread[0] == pytest.approx(together.spread[0])
    assert alone.spread[0] > 0


def test_doubt_brings_a_preference_nearer_to_even():
    sure, unsure = preference(np.array([2.0, 2.0]), np.array([0.0, 3.0]))
    assert sure == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert 0.5 < unsure < sure
    assert preference(np.array([-2.0]), np.array([3.0]))[0] == pytest.approx(1 - unsure)


def test_files_are_read_as_they_were_written(heads):
    read = TasteHeads.from_bytes(heads.to_bytes(), heads.to_mapping())
    features = np.random.default_rng(3).standard_normal((4, 5))
    assert (read.kinds, read.sizes) == (heads.kinds, heads.sizes)
    np.testing.assert_allclose(read.score(features).mean, heads.score(features).mean, rtol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": np.zeros(4)},
        {"weights": np.array([1.0, np.nan, 0, 0, 0])},
        {"scale": np.array([1.0, 0.0, 1, 1, 1])},
        {"ensemble": np.zeros((4, 3))},
        {"centre": None},
    ],
)
def test_damaged_files_are_refused(heads, change):
    tensors = {name: getattr(heads, name) for name in ("centre", "scale", "weights", "ensemble")} | change
    stored = save({name: np.asarray(t, dtype=np.float32) for name, t in tensors.items() if t is not None})
    with pytest.raises(InvalidSpec, match="damaged"):
        TasteHeads.from_bytes(stored, heads.to_mapping())


@pytest.mark.parametrize("stored", [b"", b"not a file", b"\x00" * 64])
def test_what_is_no_such_file_is_refused(heads, stored):
    with pytest.raises(InvalidSpec, match="damaged"):
        TasteHeads.from_bytes(stored, heads.to_mapping())


def test_features_of_another_kind_or_size_are_refused(heads):
    good = {"audio-1": np.zeros(3), "hidden-1:x:y": np.ones(2)}
    np.testing.assert_array_equal(heads.join(good), [0, 0, 0, 1, 1])
    for bad in ({"audio-1": np.zeros(3)}, {**good, "hidden-1:x:y": np.ones(7)}):
        with pytest.raises(InvalidSpec, match="hidden-1:x:y"):
            heads.join(bad)
    with pytest.raises(InvalidSpec, match="5 numbers"):
        heads.score(np.zeros((1, 4)))
