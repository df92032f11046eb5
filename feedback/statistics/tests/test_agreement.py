"""Alpha against Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, and Fleiss (1971)."""

import random

import pytest

from feedback.statistics.agreement import (
    PAIR_ANSWERS,
    Judgement,
    Level,
    pair_agreement,
    preference_alpha,
    preference_alpha_of,
    rating_alpha,
)

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


def cells(table):
    return [
        (rater, unit, value)
        for rater, row in enumerate(table.strip().splitlines())
        for unit, value in enumerate(row.split())
        if value != "."
    ]


def judgements(table):
    return [Judgement(rater, unit, float(value)) for rater, unit, value in cells(table)]


OTHER_COUNTS = """
0 0 1 3 1; 1 3 0 0 1; 2 0 1 1 1; 0 0 1 0 0; 0 4 0 1 0; 0 0 5 0 0
; 0 0 0 1 2; 0 1 1 1 1; 1 0 0 0 1; 3 0 1 1 0; 0 0 1 0 0; 0 0 1 1 3
"""  # how often 1 to 5 was given to each of twelve units


@pytest.mark.parametrize(
    ("level", "alpha"),
    [(Level.NOMINAL, 0.743), (Level.ORDINAL, 0.815), (Level.INTERVAL, 0.849), (Level.RATIO, 0.797)],
)
def test_rating_alpha_is_krippendorffs_example_with_missing_data(level, alpha):
    result = rating_alpha(judgements(FOUR_OBSERVERS), level)
    assert result.value == pytest.approx(alpha, abs=5e-4)
    assert (result.raters, result.items, result.judgements) == (4, 11, 40)


def test_rating_alpha_is_krippendorffs_two_nominal_examples():
    letters = [Judgement(r, u, float(ord(v))) for r, u, v in cells(BEN_AND_GERRY)]
    assert rating_alpha(letters, Level.NOMINAL).value == pytest.approx(0.692, abs=5e-4)
    assert rating_alpha(judgements(MEG_AND_OWEN), Level.NOMINAL).value == pytest.approx(0.095, abs=5e-4)


@pytest.mark.parametrize(
    ("level", "alpha"),
    [
        (Level.NOMINAL, 0.2052529182879378),
        (Level.ORDINAL, 0.1691864416221034),
        (Level.INTERVAL, 0.16508624582317355),
        (Level.RATIO, 0.17573872962923365),
    ],
)
def test_rating_alpha_is_what_another_implementation_gives(level, alpha):
    """Values of the package krippendorff 0.9.0."""
    scores = []
    for unit, row in enumerate(OTHER_COUNTS.split(";")):
        given = [star for star, count in enumerate(row.split(), 1) for _ in range(int(count))]
        scores += [Judgement(rater, unit, star) for rater, star in enumerate(given)]
    assert rating_alpha(scores, level).value == pytest.approx(alpha, abs=1e-12)


def coin_flips(pairs, raters, answers=("x", "y"), seed=0):
    draw = random.Random(seed)
    return [Judgement(rater, pair, draw.choice(answers)) for pair in range(pairs) for rater in range(raters)]


@pytest.mark.parametrize("raters", [2, 5])
@pytest.mark.parametrize("answers", [("x", "y"), PAIR_ANSWERS])
def test_raters_who_flip_coins_do_not_agree(raters, answers):
    assert abs(preference_alpha(coin_flips(4000, raters, answers)).value) < 0.04


@pytest.mark.parametrize("pairs", [1, 2, 500])
def test_raters_who_copy_agree_fully_whichever_clips_win(pairs):
    draw = random.Random(1)
    said = {pair: draw.choice(("x", "y")) for pair in range(pairs)}
    assert preference_alpha([Judgement(r, pair, answer) for pair, answer in said.items() for r in "abc"]).value == 1
    assert preference_alpha([Judgement(r, pair, "x") for pair in range(pairs) for r in "abc"]).value == 1


def test_which_clip_of_a_pair_comes_first_changes_nothing():
    votes = coin_flips(30, 3, PAIR_ANSWERS)
    other = {"x": "y", "y": "x"}
    turned = [Judgement(v.rater, v.item, other.get(v.value, v.value) if v.item % 3 else v.value) for v in votes]
    assert preference_alpha(turned) == preference_alpha(votes)


def test_preference_alpha_is_nominal_alpha_of_every_pair_in_both_orders():
    votes = coin_flips(40, 3, PAIR_ANSWERS) + [Judgement("late", pair, "x") for pair in range(10)]
    number = {answer: float(place) for place, answer in enumerate(PAIR_ANSWERS)}
    mirrored = {"x": 1.0, "y": 0.0}
    doubled = [Judgement(v.rater, (v.item, "as it is"), number[v.value]) for v in votes]
    doubled += [Judgement(v.rater, (v.item, "turned"), mirrored.get(v.value, number[v.value])) for v in votes]
    found = preference_alpha(votes)
    assert found.value == pytest.approx(rating_alpha(doubled, Level.NOMINAL).value, abs=1e-12)
    assert (found.raters, found.items, found.judgements) == (4, 40, 130)


def test_clips_are_no_answers():
    with pytest.raises(ValueError, match="none of the answers"):
        preference_alpha_of([{"ada": "clip 17", "bob": "clip 18"}])


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
