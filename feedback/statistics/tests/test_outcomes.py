from feedback.models import ListeningTest, Preference
from feedback.statistics.assignment import Strategy
from feedback.statistics.outcomes import Comparison, Outcome


def test_stored_values_can_be_read_as_outcomes_and_strategies():
    assert {outcome.value for outcome in Outcome} == set(Preference.Winner.values)
    assert {strategy.value for strategy in Strategy} == set(ListeningTest.Strategy.values)


def test_scores_of_both_sides_add_up_to_one_and_both_bad_has_none():
    assert [outcome.score for outcome in Outcome] == [1.0, 0.0, 0.5, None]


def test_a_pair_has_no_order():
    assert Comparison("x", "y", Outcome.A).pair == Comparison("y", "x", Outcome.TIE).pair
