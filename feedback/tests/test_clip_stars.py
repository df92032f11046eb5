"""The reader's own stars in the row of a clip: given in place, told to nobody else."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from feedback.models import Criterion, Rating
from feedback.tests.factories import RatingFactory
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.pages.slots import filled_rows
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def sample() -> AudioSample:
    return AudioSampleFactory(job=GenerationJobFactory(completed=True), stored=False)


def url(sample: AudioSample) -> str:
    return reverse("sample-rate", args=[sample.pk, "overall"])


def chosen(html: str) -> list[str]:
    """The scores that are checked."""
    return [part.split('value="')[-1].split('"')[0] for part in flat(html).split(" checked")[:-1]]


def test_a_row_shows_my_score_and_not_what_others_gave(page, user, sample):
    overall = Criterion.objects.get(slug="overall")
    RatingFactory(sample=sample, criterion=overall, score=5)
    assert chosen(page.get(reverse("library")).text) == []
    RatingFactory(sample=sample, rater=user, criterion=overall, score=2)
    assert chosen(page.get(reverse("library")).text) == ["2"]


@pytest.mark.parametrize("place", ["row", "bar", "page"])
def test_the_answer_stands_where_it_was_sent_from(page, user, sample, place):
    answer = page.post(url(sample), {"score": 4, "place": place, "next": "/library/"}, headers=HTMX)
    assert answer.status_code == 200 and Rating.objects.get(rater=user).score == 4
    assert f'id="{place}-stars-{sample.pk}"' in answer.text and chosen(answer.text) == ["4"]
    assert answer.text.count(f'id="{place}-{sample.pk}-overall-score_') == 5
    assert f'name="place" value="{place}"' in answer.text and 'name="next" value="/library/"' in answer.text
    assert (f'id="feedback-list-{sample.pk}"' in answer.text) is (place == "page"), "what was said follows on its page"
    assert f"said-rating-overall-{sample.pk}" not in answer.text


def test_an_unknown_place_is_the_panel(page, sample):
    answer = page.post(url(sample), {"score": 4, "place": "<b>"}, headers=HTMX).text
    assert f"said-rating-overall-{sample.pk}" in answer and "<b>" not in answer


def test_a_wrong_score_is_refused_in_its_place(page, sample):
    answer = page.post(url(sample), {"score": 9, "place": "row"}, headers=HTMX)
    assert answer.status_code == 400 and f'id="row-stars-{sample.pk}"' in answer.text
    assert "whole number from 1 to 5" in answer.text and not Rating.objects.exists()


def test_without_script_it_leads_back(page, sample):
    answer = page.post(url(sample), {"score": 4, "place": "row", "next": "/library/?q=a"})
    assert answer.url == "/library/?q=a" and Rating.objects.get().score == 4


def test_one_clip_in_two_places_has_ids_of_its_own(user, sample, rf):
    request = rf.get("/library/")
    request.user, request.htmx = user, None
    row, bar = (filled_rows("clip-rating", request, [sample], place=place)[sample.pk] for place in ("row", "bar"))
    ids = re.findall(r'\sid="([^"]+)"', row + bar)
    assert len(ids) == 12 and len(set(ids)) == 12


def test_where_nothing_is_asked_there_are_no_stars(page, sample):
    Criterion.objects.update(is_active=False)
    assert "data-scores=" not in page.get(reverse("library")).text
