"""The quality report."""

from __future__ import annotations

from itertools import combinations

import pytest

from datasets_app.building.selection import readiness
from datasets_app.pages.report_in_words import charts, circles
from datasets_app.report.circles import Circles
from datasets_app.tests.factories import built, clips, compared_prompts, prefer, rated, rater
from generation.models import AudioSample


def counted(edges: str) -> Circles:
    found = Circles()
    found.add([(better, worse) for better, worse in edges.split()], listed=5)
    return found


def test_circles_are_found_and_named() -> None:
    found = counted("ab bc ca")
    assert (found.triads, found.circular, found.consistency) == (1, 1, 0.0)
    assert found.listed[0] in [("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b")]


def test_an_order_has_no_circle() -> None:
    found = counted(" ".join(f"{a}{b}" for a, b in combinations("abcdef", 2)))
    assert (found.triads, found.circular, found.consistency) == (20, 0, 1.0)


def test_one_reversed_vote_makes_as_many_circles_as_clips_between() -> None:
    edges = [f"{a}{b}" for a, b in combinations("abcdef", 2) if f"{a}{b}" != "af"]
    found = counted(" ".join([*edges, "fa"]))  # a over b, c, d, e over f, and f over a
    assert (found.circular, found.triads) == (4, 20)


def test_what_was_not_compared_is_no_triad() -> None:
    found = counted("ab bc")
    assert (found.triads, found.consistency) == (0, None)


@pytest.mark.django_db
def test_the_report_of_a_supervised_dataset() -> None:
    anna, ben = rater(1.0), rater(1.0)
    made = rated([5, 4, 2], [anna, ben])
    rated([3], [anna])
    figures = built().statistics
    assert (figures["rows"], figures["prompts"], figures["clips"], figures["seconds"]) == (4, 2, 4, 4.0)
    assert figures["ratings"] == {"1": 0, "2": 1, "3": 1, "4": 1, "5": 1}
    assert (figures["mean_rating"], figures["liked"], figures["largest_prompt"]) == (3.5, 2, 3)
    assert (figures["raters"], figures["answers"]) == (2, 7)
    assert figures["agreement"]["value"] == 1.0
    assert (figures["agreement"]["items"], figures["agreement"]["raters"]) == (3, 2)
    assert figures["adapters"] == {"": 4}
    assert figures["models"][made[0].job.base_model.key] == 3
    assert any("48 more would do" in sentence for sentence in figures["recommendations"])


@pytest.mark.django_db
def test_clips_that_sound_the_same_are_counted() -> None:
    first, second, _ = rated([5, 4, 3])
    AudioSample.objects.filter(pk=second.pk).update(sha256=first.sha256)
    figures = built().statistics
    assert figures["duplicates"] == 1
    assert any("sounds exactly like another one" in sentence for sentence in figures["recommendations"])


@pytest.mark.django_db
def test_circles_of_a_dataset_are_listed() -> None:
    a, b, c, d = clips(4)
    for better, worse in ((a, b), (b, c), (c, a), (a, d), (b, d)):
        prefer(better, worse)
    dataset = built("preference")
    figures = dataset.statistics
    assert (figures["triads"], figures["circular_triads"], figures["consistency"]) == (2, 1, 0.5)
    assert {clip["id"] for clip in circles(dataset.statistics)[0]} == {str(a.pk), str(b.pk), str(c.pk)}
    assert figures["agreement"] is None
    assert figures["margins"] == {"0.2": 0, "0.4": 0, "0.6": 0, "0.8": 0, "1": 5}
    assert any("go in a circle" in sentence for sentence in figures["recommendations"])


@pytest.mark.django_db
def test_only_decided_pairs_count_towards_a_training() -> None:
    """As on the page that tells how far the votes go."""
    (a, b), (c, d), (e, f) = compared_prompts(3)
    prefer(e, f, winner="tie")
    prefer(*clips(2), winner="tie")
    prefer(b, a, rater())
    prefer(c, d)
    figures = built("preference").statistics
    decided = readiness(None)[1].have
    assert (decided, figures["rows"], figures["equal_pairs"]) == (2, 4, 2)
    assert any(sentence.startswith("2 pairs are decided") for sentence in figures["recommendations"])


@pytest.mark.django_db
def test_raters_who_flip_coins_do_not_agree_in_the_report() -> None:
    """Half of the pairs got the same answer from both, which is what chance gives."""
    anna, ben = rater(0.9), rater(0.5)
    for number, (first, second) in enumerate(compared_prompts(16)):
        prefer(*((first, second) if number % 2 else (second, first)), anna)
        prefer(*((first, second) if number % 4 < 2 else (second, first)), ben)
    agreement = built("preference").statistics["agreement"]
    assert abs(agreement["value"]) < 0.1
    assert (agreement["items"], agreement["judgements"], agreement["raters"]) == (16, 48, 3)


@pytest.mark.django_db
def test_raters_who_say_the_same_agree_whichever_clip_was_shown_as_a() -> None:
    anna, ben = rater(0.9), rater(0.5)
    for number, (first, second) in enumerate(compared_prompts(4)):
        prefer(first, second, anna)
        prefer(*((second, first, ben, "b") if number % 2 else (first, second, ben, "a")))
    assert built("preference").statistics["agreement"]["value"] == 1.0


@pytest.mark.django_db
def test_raters_who_disagree_about_pairs_are_told() -> None:
    anna, ben = rater(0.9), rater(0.5)
    pairs = compared_prompts(3)
    for number, (first, second) in enumerate(pairs):
        prefer(first, second, anna)
        prefer(*((second, first) if number else (first, second)), ben)
    figures = built("preference").statistics
    assert figures["agreement"]["value"] < 0.5
    assert any("Raters agree little" in sentence for sentence in figures["recommendations"])
    dataset = built("preference")
    assert [chart.title for chart in charts(dataset, dataset.statistics)][:2] == ["Rows per split", "Margins"]
