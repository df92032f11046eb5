import numpy as np
import pytest
from scipy.integrate import quad

from feedback.statistics.agreement import PairAgreement
from feedback.statistics.reliability import PEER_RELIABILITY, Evidence, peer_reliability, reliability


def answers(x, trials, seed):
    """Evidence of a simulated rater who names the better clip with probability x."""
    rng = np.random.default_rng(seed)
    right = rng.random((3, trials)) < x
    repeated, other = rng.random(trials) < x, rng.random(trials) < (1 + PEER_RELIABILITY) / 2
    return Evidence(
        repeats_same=int((right[0] == repeated).sum()),
        repeats=trials,
        gold_right=int(right[1].sum()),
        gold=trials,
        agreements=int((right[2] == other).sum()),
        comparisons=trials,
    )


@pytest.mark.parametrize(("right", "gold"), [(0, 0), (3, 3), (5, 6), (19, 20), (8, 10)])
def test_with_gold_pairs_alone_the_weight_is_the_conjugate_posterior_mean(right, gold):
    """Beta(3, 1) prior and binomial data: Beta(3 + right, 1 + wrong), Gelman et al. (2013), section 2.4."""
    mean = (3 + right) / (4 + gold)
    assert reliability(Evidence(gold_right=right, gold=gold)).weight == pytest.approx(2 * mean - 1, abs=1e-3)


def test_all_evidence_together_is_the_integral_of_the_stated_model():
    def density(x):
        r = 2 * x - 1
        repeats = ((1 + r * r) / 2) ** 9 * ((1 - r * r) / 2) ** 3
        others = ((1 + 0.5 * r) / 2) ** 30 * ((1 - 0.5 * r) / 2) ** 20
        return 3 * x**2 * repeats * x**7 * (1 - x) * others * 1e15

    mean = quad(lambda x: (2 * x - 1) * density(x), 0, 1)[0] / quad(density, 0, 1)[0]
    evidence = Evidence(repeats_same=9, repeats=12, gold_right=7, gold=8, agreements=30, comparisons=50)
    assert reliability(evidence, peers=0.5).weight == pytest.approx(mean, abs=1e-4)


def test_without_evidence_the_weight_is_moderate_and_the_sentence_says_why():
    result = reliability(Evidence())
    assert result.weight == pytest.approx(0.5, abs=1e-3)
    assert result.sentence.startswith("Nothing to judge this rater by yet")
    assert result.low < 0.1
    assert result.high > 0.9


def test_a_little_evidence_moves_the_weight_a_little():
    assert 0.5 < reliability(Evidence(gold_right=1, gold=1)).weight < 0.65
    assert 0.15 < reliability(Evidence(gold_right=0, gold=1)).weight < 0.5


def test_raters_at_chance_go_towards_0_as_evidence_grows():
    weights = [
        np.mean([reliability(answers(0.5, trials, seed)).weight for seed in range(40)]) for trials in (5, 20, 100)
    ]
    assert weights[0] > weights[1] > weights[2]
    assert weights[2] < 0.08


def test_perfect_raters_go_towards_1():
    weights = [reliability(answers(1.0, trials, seed=1)).weight for trials in (2, 10, 50)]
    assert weights[0] < weights[1] < weights[2]
    assert weights[2] > 0.97


@pytest.mark.parametrize("x", [0.7, 0.8, 0.9])
def test_the_weight_of_simulated_raters_is_their_true_reliability(x):
    results = [reliability(answers(x, 60, seed)) for seed in range(100)]
    assert np.mean([result.weight for result in results]) == pytest.approx(2 * x - 1, abs=0.05)
    assert np.mean([result.low <= 2 * x - 1 <= result.high for result in results]) > 0.8


def test_always_wrong_on_gold_pairs_is_weight_0_even_with_perfect_repeats():
    assert reliability(Evidence(gold_right=0, gold=4)).weight == 0
    assert reliability(Evidence(repeats_same=20, repeats=20, gold_right=0, gold=6)).weight == 0


def test_always_the_same_side_is_weight_0():
    """Sides are swapped in repeats, so such a rater contradicts every first answer, and is right on half the gold."""
    stuck = Evidence(repeats_same=0, repeats=10, gold_right=5, gold=10, first_chosen=200)
    assert reliability(stuck).weight < 0.05


def test_a_certain_position_bias_caps_the_weight_and_an_uncertain_one_does_not():
    perfect = {"repeats_same": 20, "repeats": 20, "gold_right": 20, "gold": 20}
    free = reliability(Evidence(**perfect, first_chosen=110, second_chosen=90))
    capped = reliability(Evidence(**perfect, first_chosen=180, second_chosen=20))
    assert free.weight > 0.95
    assert capped.weight == pytest.approx(1 - capped.position_bias.certain_share)
    assert 0.2 <= capped.weight < 0.35
    assert "the clip shown first preferred in 90% of votes" in capped.sentence
    assert "shown first" not in free.sentence


def test_where_nobody_agrees_disagreement_is_held_against_nobody():
    """On clips that are alike raters agree half of the time, however well they listen."""
    attentive = Evidence(repeats_same=9, repeats=12, gold_right=12, gold=12, agreements=200, comparisons=400)
    alike = peer_reliability(PairAgreement(agreeing=5000, compared=10_000))
    assert alike < 0.1
    assert reliability(attentive, peers=alike).weight > 0.6
    assert reliability(attentive, peers=0.6).weight < reliability(attentive, peers=alike).weight


def test_peer_reliability_inverts_the_chance_that_two_raters_agree():
    """Two raters right with probability 0.9 agree on 0.81 + 0.01 of the pairs, and 2 x - 1 = 0.8."""
    assert peer_reliability(PairAgreement(82_000, 100_000)) == pytest.approx(0.8, abs=1e-3)
    assert peer_reliability(PairAgreement(0, 0)) == pytest.approx(PEER_RELIABILITY)
    assert peer_reliability(PairAgreement(0, 500)) == 0


def test_the_sentence_names_the_evidence():
    result = reliability(Evidence(repeats_same=5, repeats=6, gold_right=3, gold=3, agreements=40, comparisons=55))
    assert result.sentence == (
        "5 of 6 hidden repeats answered the same way; 3 of 3 control pairs right; "
        f"40 of 55 comparisons with other raters agree: votes weigh {result.weight:.2f}."
    )


def test_nonsense_is_refused():
    for wrong in ({"repeats_same": 2, "repeats": 1}, {"gold_right": -1}, {"agreements": 1}):
        with pytest.raises(ValueError, match="whole"):
            Evidence(**wrong)
    with pytest.raises(ValueError, match="peers"):
        reliability(Evidence(), peers=1.2)
