"""Alpha against Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, and Fleiss (1971)."""

import numpy as np
import pytest

from feedback.statistics.agreement import Judgement, Level, pair_agreement, preference_alpha, rating_alpha

FOUR_OBSERVERS = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""  # section C: twelve units, missing data
BEN_AND_GERRY = """
a a b b d c c c e d d a
b a b b b c c c e d d d
"""  # section B
MEG_AND_OWEN = """
0 1 0 0 0 0 0 0 1 0
1 1 1 0 0 1 0 0 0 0
"""  # section A


def judgements(table, kind=float):
    return [
        Judgement(rater, item, kind(value))
        for rater, row in enumerate(table.strip().splitlines())
        for item, value in enumerate(row.split())
        if value != "."
    ]


@pytest.mark.parametrize(("level", "alpha"), [(Level.NOMINAL, 0.743), (Level.ORDINAL, 0.815), (Level.INTERVAL, 0.849)])
def test_rating_alpha_is_krippendorffs_example_with_missing_data(level, alpha):
    result = rating_alpha(judgements(FOUR_OBSERVERS), level)
    assert result.value == pytest.approx(alpha, abs=5e-4)
    assert (result.raters, result.items, result.judgements) == (4, 11, 40)


def test_preference_alpha_is_krippendorffs_two_nominal_examples():
    assert preference_alpha(judgements(BEN_AND_GERRY, str)).value == pytest.approx(0.692, abs=5e-4)
    assert preference_alpha(judgements(MEG_AND_OWEN, str)).value == pytest.approx(0.095, abs=5e-4)


def test_preference_alpha_is_the_librarys():
    import krippendorff

    rng = np.random.default_rng(0)
    answers = [
        Judgement(rater, item, str(rng.integers(4))) for item in range(40) for rater in range(rng.integers(1, 6))
    ]
    counts = np.zeros((40, 4), dtype=int)
    for answer in answers:
        counts[answer.item, int(answer.value)] += 1
    expected = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    found = preference_alpha(answers)
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert (found.items, found.judgements) == ((counts.sum(1) > 1).sum(), counts[counts.sum(1) > 1].sum())


def test_pair_agreement_is_fleiss_observed_agreement():
    """Fleiss (1971), Psychological Bulletin 76, 378-382: the ten-subject example in Fleiss' layout, mean P = 0.378."""
    counts = """0 0 0 0 14; 0 2 6 4 2; 0 0 3 5 6; 0 3 9 2 0; 2 2 8 1 1
    ; 7 7 0 0 0; 3 2 6 3 0; 2 5 3 2 2; 6 5 2 1 0; 0 2 2 3 7"""
    votes = []
    for item, row in enumerate(counts.split(";")):
        answers = [category for category, count in enumerate(row.split()) for _ in range(int(count))]
        votes += [Judgement(rater, item, answer) for rater, answer in enumerate(answers)]
    result = pair_agreement(votes)
    assert result.compared == 10 * 14 * 13 / 2
    assert result.share == pytest.approx(0.378, abs=5e-4)


def test_alpha_is_none_where_it_is_not_defined_and_says_why():
    alone = rating_alpha([Judgement("ada", "clip 1", 4), Judgement("bob", "clip 2", 2)])
    assert (alone.value, alone.items) == (None, 0)
    assert "two raters" in alone.sentence
    same = rating_alpha([Judgement(rater, clip, 3) for rater in "ab" for clip in "xyz"])
    assert (same.value, same.items) == (None, 3)
    assert "same value" in same.sentence


def test_alpha_tells_agreement_chance_and_opposition_apart():
    agreeing = rating_alpha([Judgement(rater, item, item % 5) for rater in "abc" for item in range(20)])
    opposed = rating_alpha(
        [Judgement(rater, item, (item + 2 * (rater == "a")) % 4) for rater in "ab" for item in range(20)]
    )
    assert agreeing.value == 1
    assert opposed.value < 0
    assert "firm" in agreeing.sentence
    assert "too little" in opposed.sentence


def test_a_rater_who_judged_an_item_twice_is_refused():
    twice = [Judgement("ada", "pair", "x"), Judgement("ada", "pair", "y")]
    for statistic in (rating_alpha, preference_alpha, pair_agreement):
        with pytest.raises(ValueError, match="more than once"):
            statistic(twice)


def test_pair_agreement_without_overlap_has_no_share():
    assert pair_agreement([Judgement("ada", "pair", "x")]).share is None
