"""A/B choices and rankings from the compare page and the job page."""

from __future__ import annotations

import pytest
from django.urls import reverse

from feedback.models import Preference, Ranking
from feedback.services import rank
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/compare/"}


@pytest.fixture
def four():
    first = GenerationJobFactory(completed=True)
    second = GenerationJobFactory(completed=True, prompt=first.prompt, base_model=first.base_model)
    return [AudioSampleFactory(job=job, stored=False) for job in (first, first, second, second)]


def among(samples, **data):
    return {"among": [str(sample.pk) for sample in samples]} | data


def prefer(client, samples, a=0, b=1, winner="a", headers=None, **data):
    sent = among(samples, sample_a=str(samples[a].pk), sample_b=str(samples[b].pk), winner=winner, **data)
    return client.post(reverse("feedback-prefer"), sent, headers=headers)


def rank_post(client, samples, places, headers=None):
    sent = among(samples) | {f"place-{s.pk}": place for s, place in zip(samples, places, strict=True)}
    return client.post(reverse("feedback-rank"), sent, headers=headers)


def test_the_compare_page_offers_any_two_across_jobs(page, four):
    html = page.get(reverse("compare"), {"ids": [s.pk for s in four]}).text
    for number, sample in enumerate(four, 1):
        assert f'<option value="{sample.pk}"' in html
        assert f"Sample {number} ({sample.label})" in html
    assert 'name="winner" value="both_bad"' in html and "data-ranking" in html


@pytest.mark.parametrize("winner", ["a", "b", "tie", "both_bad"])
def test_each_answer_is_kept_and_the_next_pair_is_asked(page, four, winner, user):
    answer = prefer(page, four, winner=winner, strength="2", headers=HTMX)
    assert answer.status_code == 200 and "Submitted" in answer.text and "<html" not in answer.text
    stored = Preference.objects.get()
    assert (stored.sample_a, stored.sample_b, stored.winner, stored.rater) == (four[0], four[1], winner, user)
    assert stored.strength == (2 if winner in "ab" else None)
    assert f'<option value="{four[2].pk}" selected' in answer.text, "first against third comes next"


def test_without_script_it_goes_back(page, four):
    back = reverse("compare") + f"?ids={four[0].pk}&ids={four[1].pk}"
    answer = prefer(page, four[:2], next=back)
    assert (answer.status_code, answer["Location"]) == (302, back)
    assert "A over B" in flat(page.get(back).text).replace("</a>", "").replace(
        f'<a href="/samples/{four[0].pk}/">', ""
    ).replace(f'<a href="/samples/{four[1].pk}/">', "")


def test_what_is_no_choice_is_refused_and_stays_chosen(page, four):
    for answer in (
        prefer(page, four, a=2, b=2),
        prefer(page, four, a=2, b=2, headers=HTMX),
        prefer(page, four, winner="c"),
        prefer(page, four, strength="6"),
        page.post(reverse("feedback-prefer"), among(four)),
    ):
        assert answer.status_code == 400
        assert "form-errors" in answer.text
    assert f'<option value="{four[2].pk}" selected' in prefer(page, four, a=2, b=2).text
    assert not Preference.objects.exists()


def test_samples_that_cannot_be_compared_are_refused(page, four):
    stranger = AudioSampleFactory(stored=False)
    assert prefer(page, [four[0], stranger]).status_code == 400
    gone = page.post(reverse("feedback-prefer"), {"among": [str(four[0].pk), "0d9a1c3e-6f0e-4a53-9a8e-2f1f4f0f6f11"]})
    assert gone.status_code == 404
    for ids in ([], ["x", "y"], [str(four[0].pk)], [str(four[0].pk)] * 40):
        assert page.post(reverse("feedback-prefer"), {"among": ids}).status_code == 400
    assert not Preference.objects.exists()


def test_a_ranking_by_places(page, four):
    answer = rank_post(page, four, [2, 1, 4, 3], headers=HTMX)
    assert answer.status_code == 200 and "Submitted" in answer.text
    ranking = Ranking.objects.get()
    assert [place.sample for place in ranking.places.all()] == [four[1], four[0], four[3], four[2]]
    assert Preference.objects.filter(source="ranking").count() == 6
    html = page.get(reverse("compare"), {"ids": [s.pk for s in four]}).text
    assert html.index('data-name="sample 2 (B)"') < html.index('data-name="sample 1 (A)"'), "shown as ranked"
    assert rank_post(page, four, [1, 2, 3, 4]).status_code == 302
    assert (Ranking.objects.count(), Preference.objects.count()) == (1, 6)


@pytest.mark.parametrize("places", [[1, 1, 2, 3], [1, 2, 3, 5], [1, 2, 3, ""], [0, 1, 2, 3], [1, 2, 2, 4]])
def test_places_repeated_or_skipped_are_refused(page, four, places):
    answer = rank_post(page, four, places)
    assert answer.status_code == 400
    assert "form-errors" in answer.text
    assert not Ranking.objects.exists() and not Preference.objects.exists()


def test_the_rater_sees_their_own_ranking_alone(page, four, curator):
    rank(samples=four[::-1], rater=curator)
    html = page.get(reverse("compare"), {"ids": [s.pk for s in four]}).text
    assert "Your answers so far" not in html
    assert html.index('data-name="sample 1 (A)"') < html.index('data-name="sample 4 (B)"')
