"""How adapters fare: beside their base model, and two side by side. Of what the reader may see, at a fixed cost."""

from __future__ import annotations

import pytest
from django.utils import timezone

from adapters.tests.factories import AdapterFactory
from feedback.judgements.performance import performance
from feedback.listening_tests.services.results import percent
from feedback.models import Criterion, Preference
from feedback.pages.side_by_side import side_by_side
from feedback.tests.factories import PreferenceFactory, RaterProfileFactory, RatingFactory, TrialFactory
from generation.models import GenerationJob
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db


@pytest.fixture
def base():
    return BaseModelFactory(display_name="Tiny")


@pytest.fixture
def adapter(base):
    return AdapterFactory(name="warm", base_model=base, stored=False)


def clip(base, adapter=None, **sample):
    job = GenerationJobFactory(base_model=base, adapter=adapter, completed=True)
    return AudioSampleFactory(job=job, stored=False, **sample)


def votes(ours, theirs, winners, rater=None):
    """One vote a winner, by another rater each, `ours` in turn first and second."""
    for number, winner in enumerate(winners):
        sides = {"sample_a": ours, "sample_b": theirs, "winner": winner}
        if number % 2:
            mirrored = {"a": "b", "b": "a"}.get(winner, winner)
            sides = {"sample_a": theirs, "sample_b": ours, "winner": mirrored}
        PreferenceFactory(**sides, rater=rater or UserFactory())


def test_figures_stand_beside_the_base_models(adapter, base, curator):
    ours, more, theirs = clip(base, adapter), clip(base, adapter), clip(base)
    clip(BaseModelFactory()), clip(base, AdapterFactory(base_model=base, stored=False))
    for sample, score in ((ours, 5), (ours, 4), (more, 3), (theirs, 2)):
        RatingFactory(sample=sample, score=score)
    RatingFactory(sample=ours, score=1, criterion=Criterion.objects.get(slug="melody"))
    votes(ours, theirs, ["a"] * 12 + ["b", "b", "tie", "both_bad"])
    found = performance(adapter=adapter, reader=curator)
    assert (found.adapter.generations, found.adapter.samples) == (2, 2)
    assert (found.base.generations, found.base.samples) == (1, 1)
    assert found.adapter.ratings["mean"] == 3.25 and found.base.ratings["mean"] == 2
    assert found.adapter.stars == [("5", 1), ("4", 1), ("3", 1), ("2", 0), ("1", 1)]
    melody = dict(found.criteria)["Melody"]
    assert melody[0]["mean"] == 1 and melody[1] is None
    rate = found.duel.rate
    assert (rate.wins, rate.losses, rate.ties, rate.both_bad) == (12, 2, 1, 1)
    assert rate.rate == pytest.approx(12.5 / 15) and not rate.is_decided, "votes on one pair say little of others"
    assert found.duel.sentence.startswith("Undecided. About ")
    assert [duel.percent for duel in found.duels] == [percent(12.5 / 15), percent(2.5 / 15)]


def test_votes_count_whatever_they_came_from_and_only_against_the_base(adapter, base, curator):
    ours, theirs, other = clip(base, adapter), clip(base), clip(base, AdapterFactory(base_model=base, stored=False))
    votes(ours, other, ["a", "a"])
    votes(ours, clip(base, adapter), ["a"])
    votes(theirs, clip(BaseModelFactory()), ["a"])
    trial = TrialFactory(voted_at=timezone.now(), choice="first")
    GenerationJob.objects.filter(samples__in=[ours, theirs]).update(withheld=True)
    PreferenceFactory(sample_a=ours, sample_b=theirs, source=Preference.Source.TRIAL, trial=trial)
    assert performance(adapter=adapter, reader=curator).duel.rate.votes == 0, "the test is still open"
    GenerationJob.objects.filter(samples__in=[ours, theirs]).update(withheld=False)
    assert performance(adapter=adapter, reader=curator).duel.rate.wins == 1


def test_nobody_sees_the_answers_of_others_before_their_own(adapter, base, user, curator):
    ours, theirs = clip(base, adapter), clip(base)
    RatingFactory(sample=ours, score=5)
    votes(ours, theirs, ["a"] * 3)
    assert performance(adapter=adapter, reader=user).is_empty
    RatingFactory(sample=ours, score=1, rater=user)
    mine = performance(adapter=adapter, reader=user)
    assert mine.adapter.ratings["mean"] == 3 and mine.duel.rate.votes == 0, "the base's sample is not judged yet"
    RatingFactory(sample=theirs, score=1, rater=user)
    assert performance(adapter=adapter, reader=user).duel.rate.wins == 3
    assert performance(adapter=adapter, reader=curator).duel.rate.wins == 3


def test_what_is_deleted_and_who_is_excluded_counts_nowhere(adapter, base, curator):
    ours, theirs, gone = clip(base, adapter), clip(base), clip(base, adapter, deleted_at=timezone.now())
    of_deleted_job = clip(base, adapter)
    of_deleted_job.job.deleted_at = timezone.now()
    of_deleted_job.job.save()
    excluded = RaterProfileFactory(is_excluded=True).user
    for sample in (gone, of_deleted_job):
        RatingFactory(sample=sample)
        votes(sample, theirs, ["a"])
    RatingFactory(sample=ours, rater=excluded)
    votes(ours, theirs, ["a"], rater=excluded)
    found = performance(adapter=adapter, reader=curator)
    assert found.is_empty and (found.adapter.generations, found.adapter.samples) == (2, 1)


@pytest.mark.parametrize("samples", [2, 60])
def test_the_cost_does_not_grow(adapter, base, user, django_assert_num_queries, samples):
    theirs = RatingFactory(sample=clip(base), rater=user).sample
    for index in range(samples):
        ours = clip(base, adapter)
        RatingFactory(sample=ours, score=1 + index % 5, rater=user)
        votes(ours, theirs, ["a"], rater=user)
    with django_assert_num_queries(9):
        found = performance(adapter=adapter, reader=user)
        assert found.criteria and found.duels and found.adapter.stars
    assert found.adapter.ratings["total"] == found.duel.rate.wins == samples
    rival = AdapterFactory(base_model=base, stored=False)
    RatingFactory(sample=clip(base, rival), rater=user)
    with django_assert_num_queries(5):
        side_by_side(adapters=[adapter, rival], reader=user)


def test_the_page_shows_it(adapter, base, curator_page):
    ours, theirs = clip(base, adapter), clip(base)
    RatingFactory(sample=ours, score=5)
    votes(ours, theirs, ["a"] * 12)
    html = curator_page.get(f"/adapters/{adapter.pk}/").text
    for words in ("Mean rating", "5.00", "5 stars", "Won 12, tied 0, lost 0", "100 %", "is preferred to"):
        assert words in html, words
    assert html.count('<table class="bars">') == 1, "the base was not rated"
    assert "Counted are your own answers" not in html


def test_an_empty_page_says_how_to_get_figures(adapter, base, page, curator_page):
    address = f"/adapters/{adapter.pk}/"
    assert f'<a href="/create/?adapter={adapter.pk}">Generate with it</a> and rate' in flat(page.get(address).text)
    clip(base, adapter)
    seen = flat(page.get(address).text)
    assert f'<a href="/library/?adapter={adapter.pk}">rate its samples</a>' in seen and "Mean rating" not in seen
    assert "ask a curator" in seen and "Counted are your own answers" in seen
    assert f'href="/tests/new/?adapters={adapter.pk}"' in curator_page.get(address).text


def test_the_api_tells_the_same(adapter, base, user):
    ours, theirs = clip(base, adapter), clip(base)
    RatingFactory(sample=ours, score=4, rater=user)
    votes(ours, theirs, ["a"], rater=user)
    api = caller(user)
    answer = api.get(f"/api/v1/adapters/{adapter.pk}/performance/")
    assert answer.status_code == 200
    body = answer.json()
    assert body["adapter"]["generations"] == 1 and body["adapter"]["ratings"]["mean"] == 4
    assert body["base"]["ratings"] == {
        "total": 0,
        "mean": None,
        "stars": dict.fromkeys("12345", 0),
        "by_criterion": [],
    }
    assert body["against_base"]["wins"] == 1 and body["against_base"]["claim"] == "too_few"
    assert api.get(f"/api/v1/adapters/{theirs.pk}/performance/").status_code == 404
    assert api.get("/api/v1/adapters/x/performance/").status_code == 400
    assert api.get(f"/api/v1/adapters/{adapter.pk}/").status_code == 200


# -- two side by side -------------------------------------------------------------------------------------------------


def rated(base, adapter, scores, ratings=1):
    for score in scores:
        sample = clip(base, adapter)
        for _ in range(ratings):
            RatingFactory(sample=sample, score=score)


@pytest.fixture
def rival(base):
    return AdapterFactory(name="cold", base_model=base, stored=False)


def test_a_clear_difference_of_ratings_is_called_one(adapter, rival, base, curator):
    rated(base, adapter, [1, 2, 2, 1, 2, 1])
    rated(base, rival, [4, 5, 5, 4, 5, 4])
    ratings, _ = side_by_side(adapters=[adapter, rival], reader=curator)
    assert ratings.values == ["1.50 (6 ratings)", "4.50 (6 ratings)"]
    assert (ratings.leader, ratings.mark) == (1, "better") and ratings.verdict.startswith("A clear difference")


def test_one_clip_rated_often_is_one_clip(adapter, rival, base, curator):
    """Twenty ratings each, of two clips: nothing can be said of the adapters."""
    rated(base, adapter, [5, 4], ratings=10)
    rated(base, rival, [2, 1], ratings=10)
    ratings, _ = side_by_side(adapters=[adapter, rival], reader=curator)
    assert (ratings.leader, ratings.mark) == (0, "higher") and ratings.verdict.startswith("No clear difference")


def test_without_ratings_or_votes_nobody_is_ahead(adapter, rival, base, curator):
    rated(base, adapter, [5])
    for measure in side_by_side(adapters=[adapter, rival], reader=curator):
        assert measure.leader is None and measure.values[1] == "–" and "difference" not in measure.verdict


def test_a_win_rate_is_called_better_only_when_it_is_decided(adapter, rival, base, curator):
    ours, theirs = clip(base, adapter), clip(base, rival)
    votes(ours, theirs, ["b"] * 9)
    rate = side_by_side(adapters=[adapter, rival], reader=curator)[1]
    assert rate.leader is None and "1 more are needed" in rate.verdict
    votes(ours, theirs, ["b"] * 3)
    rate = side_by_side(adapters=[adapter, rival], reader=curator)[1]
    assert (rate.leader, rate.mark) == (1, "better") and "“cold@1.0.0” is preferred to “warm@1.0.0”." in rate.verdict
    votes(ours, theirs, ["a"] * 12)
    rate = side_by_side(adapters=[adapter, rival], reader=curator)[1]
    assert rate.leader is None and rate.verdict.startswith("24 votes between the two. Undecided.")


def test_the_comparison_page_marks_who_is_ahead(adapter, rival, base, curator_page):
    rated(base, adapter, [1, 2, 2, 1, 2, 1])
    rated(base, rival, [4, 5, 5, 4, 5, 4])
    html = curator_page.get(f"/adapters/compare/?ids={adapter.pk}&ids={rival.pk}").text
    assert (
        '4.50 (6 ratings) <span class="badge badge-strong">better</span>' in flat(html)
        and "No votes between the two" in html
    )
