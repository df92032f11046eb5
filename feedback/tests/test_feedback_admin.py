"""The curators' desk for feedback: pages open, lists do not grow in cost, actions call the services."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from feedback.models import Criterion, Preference, Rating, SampleTag, Tag
from feedback.services import rank
from feedback.tests.factories import (
    NoteFactory,
    PreferenceFactory,
    RaterProfileFactory,
    RatingFactory,
    SampleTagFactory,
    TagFactory,
)
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def changelist(name):
    return reverse(f"admin:feedback_{name}_changelist")


def act(client, name, action, rows, **data):
    sent = {"action": action, "_selected_action": [str(row.pk) for row in rows], **data}
    return client.post(changelist(name), sent, follow=True)


def ranking_of_three():
    job = GenerationJobFactory(completed=True)
    return rank(samples=[AudioSampleFactory(job=job, stored=False) for _ in range(3)], rater=UserFactory())[0]


MAKERS = {
    "rating": RatingFactory,
    "preference": PreferenceFactory,
    "ranking": ranking_of_three,
    "sampletag": SampleTagFactory,
    "note": NoteFactory,
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_kind_is_listed_opened_and_searched_at_a_fixed_cost(curator_page, name):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert curator_page.get(changelist(name)).status_code == 200
        return len(queries)

    item = MAKERS[name]()
    few = cost()
    for _ in range(4):
        MAKERS[name]()
    assert cost() == few
    assert curator_page.get(reverse(f"admin:feedback_{name}_change", args=[item.pk])).status_code == 200
    found = curator_page.get(changelist(name), {"q": item.rater.username})
    assert found.context["cl"].result_count == 1


def test_feedback_is_deleted_by_the_service(curator_page):
    rating, ranking = RatingFactory(), ranking_of_three()
    act(curator_page, "rating", "delete_items", [rating])
    assert not Rating.objects.exists()
    answer = act(curator_page, "preference", "delete_items", ranking.preferences.all())
    assert "follows from a ranking" in answer.text
    assert Preference.objects.count() == 3


def test_a_curator_adds_a_criterion_and_retires_one(curator_page):
    data = {"slug": "groove", "name": "Groove", "question": "Does it move you?", "low_label": "no", "high_label": "yes"}
    added = curator_page.post(reverse("admin:feedback_criterion_add"), data | {"position": 5, "is_active": "on"})
    assert added.status_code == 302
    criterion = Criterion.objects.get(slug="groove")
    sample = AudioSampleFactory(stored=False)
    assert "Does it move you?" in curator_page.get(reverse("sample-detail", args=[sample.pk])).text
    change = reverse("admin:feedback_criterion_change", args=[criterion.pk])
    curator_page.post(change, data | {"position": 5})
    assert "Does it move you?" not in curator_page.get(reverse("sample-detail", args=[sample.pk])).text


def test_tags_are_merged_offered_and_removed(curator_page):
    free, target = TagFactory(name="grooves"), Tag.objects.get(name="groovy")
    use = SampleTagFactory(tag=free)
    assert "Name an existing tag" in act(curator_page, "tag", "merge", [free], into="nothing").text
    act(curator_page, "tag", "merge", [free], into="Groovy")
    assert SampleTag.objects.get(pk=use.pk).tag == target
    assert Tag.objects.get(name="grooves").synonym_of == target
    assert "is used on one sample" in act(curator_page, "tag", "remove", [target]).text
    word = TagFactory(name="odd", sign="neutral")
    act(curator_page, "tag", "offer", [word])
    assert Tag.objects.get(name="odd").is_curated
    act(curator_page, "tag", "remove", [word])
    assert not Tag.objects.filter(name="odd").exists()


def test_a_tag_added_in_the_admin_is_written_as_all_are(curator_page):
    add = reverse("admin:feedback_tag_add")
    assert curator_page.post(add, {"name": "Big Room", "sign": "good", "is_curated": "on"}).status_code == 302
    assert Tag.objects.get(name="big_room").is_curated
    assert "control characters" in curator_page.post(add, {"name": "a\u202eb", "sign": "good"}).text


def test_a_rater_is_excluded_and_included(curator_page):
    profile = RaterProfileFactory()
    act(curator_page, "raterprofile", "leave_out", [profile])
    profile.refresh_from_db()
    assert profile.is_excluded
    act(curator_page, "raterprofile", "count_again", [profile])
    profile.refresh_from_db()
    assert not profile.is_excluded
