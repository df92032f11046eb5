"""Metrics, logs and comparisons as charts, terminals and tables get them."""

from __future__ import annotations

import pytest

from training.exceptions import NotComparable
from training.models import MetricPoint
from training.runs.comparison import compare_runs
from training.runs.curves import metric_curves, metric_names
from training.runs.journal import log_lines, write_line, write_lines
from training.tests.factories import DatasetFactory, TrainingRunFactory, add_lines, add_points

pytestmark = pytest.mark.django_db


def test_long_curves_are_thinned_evenly_between_their_first_and_last_point():
    run = TrainingRunFactory(completed=True)
    for count in (1, 2, 5, 6, 7, 11):
        MetricPoint.objects.all().delete()
        add_points(run, "loss", [float(n) for n in range(count)])
        (curve,) = metric_curves(run=run, most=5)
        steps = [point.step for point in curve.points]
        assert len(steps) <= 5 and steps[0] == 1 and steps[-1] == count and steps == sorted(set(steps))
        assert curve.is_thinned == (count > 5) and curve.last == count - 1


def test_ten_thousand_points_become_two_thousand(django_assert_num_queries):
    run = TrainingRunFactory(completed=True)
    for name in ("loss", "eval_loss", "learning_rate"):
        add_points(run, name, [float(n) for n in range(10_000)])
    with django_assert_num_queries(1 + 3 * 3):
        curves = metric_curves(run=run)
    assert [curve.name for curve in curves] == ["loss", "learning_rate", "eval_loss"]
    assert all(1600 < len(c.points) <= 2000 and c.points[0].step == 1 and c.points[-1].step == 10_000 for c in curves)


def test_name_and_step_range_narrow_the_curves():
    run = TrainingRunFactory(completed=True)
    add_points(run, "loss", [0.9, 0.8, 0.7, 0.6])
    add_points(run, "grad_norm", [1.0])
    (curve,) = metric_curves(run=run, names=["loss", "nothing"], first_step=2, last_step=3)
    assert [(p.step, p.value) for p in curve.points] == [(2, 0.8), (3, 0.7)]
    assert metric_names(run) == ["loss", "grad_norm"]
    assert metric_curves(run=run, first_step=5) == []


def test_logs_go_on_from_a_number():
    run = TrainingRunFactory(running=True)
    add_lines(run, "one", "two")
    write_line(run, "three", "warning")
    write_lines(run, [])
    assert [(line.number, line.text) for line in log_lines(run=run, after=1)] == [(2, "two"), (3, "three")]
    assert [line.number for line in log_lines(run=run, most=2)] == [1, 2]
    assert log_lines(run=run, after=3) == []


def test_a_comparison_marks_the_best_and_the_difference_in_per_cent():
    first = TrainingRunFactory(completed=True)
    second = TrainingRunFactory(completed=True, experiment=first.experiment, overrides={"lora_r": 8})
    add_points(first, "eval_loss", [0.7, 0.5])
    add_points(second, "eval_loss", [0.7, 0.4])
    add_points(first, "rewards/margins", [0.2])
    add_points(second, "rewards/margins", [0.1])
    add_points(first, "learning_rate", [1e-4])
    made = compare_runs(runs=[first, second])
    rows = {row.name: row.cells for row in made.rows}
    assert [cell.is_best for cell in rows["eval_loss"]] == [False, True]
    assert [cell.percent for cell in rows["eval_loss"]] == [pytest.approx(25.0), 0.0]
    assert [cell.is_best for cell in rows["rewards/margins"]] == [True, False]
    assert rows["rewards/margins"][1].percent == pytest.approx(-50.0)
    assert [cell.is_best for cell in rows["learning_rate"]] == [False, False], "neither end of it is better"
    assert rows["learning_rate"][1].value is None
    assert made.settings == {"lora_r": [16, 8]} and not made.note


@pytest.mark.parametrize(
    ("best", "other", "percent"),
    [(1e-9, 0.016, None), (0.0, 0.3, None), (0.01, -0.4, None), (0.5, -0.4, None), (1e-8, 1e-8 + 1e-9, None),
     (0.4, 0.2, -50.0), (0.4, 0.0, -100.0)],
)  # fmt: skip
def test_a_share_of_next_to_nothing_is_not_told(best, other, percent):
    first = TrainingRunFactory(completed=True)
    second = TrainingRunFactory(completed=True, experiment=first.experiment)
    name, sign = ("rewards/margins", 1) if best > other else ("loss", 1)
    add_points(first, name, [sign * best])
    add_points(second, name, [sign * other])
    (row,) = compare_runs(runs=[first, second]).rows
    assert [cell.is_best for cell in row.cells] == [True, False]
    assert row.cells[1].percent == (None if percent is None else pytest.approx(percent))
    assert row.cells[1].difference == pytest.approx(other - best) and row.cells[0].difference == 0.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"overrides": {"beta": 0.3}}, "“Beta”"),
        ({"overrides": {"method": "ranking"}}, "“Method”"),
        ({"overrides": {"dpo_loss": "hinge"}}, "“DPO loss”"),
        ({"dataset": None}, "the dataset"),
        ({"base_revision": "older"}, "the base model"),
    ],
)
def test_runs_that_are_measured_differently_are_shown_without_a_mark(changes, words):
    first = TrainingRunFactory(completed=True)
    changes = {**changes, "dataset": DatasetFactory()} if "dataset" in changes else changes
    second = TrainingRunFactory(completed=True, experiment=first.experiment, **changes)
    for run, end in ((first, 0.5), (second, 0.4)):
        add_points(run, "loss", [0.7, end])
    made = compare_runs(runs=[first, second])
    assert words in made.note and "None is marked" in made.note
    (row,) = made.rows
    assert [(cell.value, cell.is_best, cell.percent, cell.difference) for cell in row.cells] == [
        (0.5, False, None, None),
        (0.4, False, None, None),
    ]


def test_two_to_five_different_runs_are_compared():
    runs = [TrainingRunFactory(completed=True) for _ in range(6)]
    for wrong in (runs[:1], runs, [runs[0], runs[0]]):
        with pytest.raises(NotComparable):
            compare_runs(runs=wrong)
    assert len(compare_runs(runs=runs[:5]).curves) == 5
