"""The listening queue: what needs ears most comes first, until nothing is left and the page says so."""

from __future__ import annotations

import pytest
from django.urls import reverse

from feedback.services import rate
from feedback.tests.factories import RatingFactory
from generation.models import GenerationJob
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def samples():
    job = GenerationJobFactory(state=GenerationJob.State.COMPLETED)
    return [AudioSampleFactory(job=job, index=index) for index in range(3)]


def shown(page):
    return page.get(reverse("listen")).context["turn"]


def test_the_least_judged_clip_comes_first(page, samples):
    RatingFactory(sample=samples[2])
    RatingFactory(sample=samples[1])
    turn = shown(page)
    assert turn.sample == samples[0] and (turn.judged, turn.total) == (0, 3)
    body = page.get(reverse("listen")).content.decode()
    assert f'data-own-player="{samples[0].pk}"' in body and "0 of 3 clips judged" in body


def test_it_goes_on_until_nothing_is_left(page, user, samples):
    for count in range(3):
        turn = shown(page)
        assert turn.judged == count
        rate(sample=turn.sample, rater=user, scores={"overall": 4})
    assert shown(page).sample is None
    assert "Nothing is left to judge" in page.get(reverse("listen")).content.decode()


def test_a_clip_passed_over_comes_again_at_the_end(page, samples):
    first = shown(page).sample
    answer = page.post(reverse("listen-next"), {"sample": first.pk})
    assert answer.status_code == 302 and answer.url == reverse("listen")
    second = shown(page).sample
    assert second != first
    for sample in (second, shown(page).sample):
        page.post(reverse("listen-next"), {"sample": sample.pk})
    page.post(reverse("listen-next"), {"sample": shown(page).sample.pk})
    assert shown(page).sample is not None


def test_clips_that_are_gone_or_not_finished_do_not_come(page, samples):
    AudioSampleFactory(job=GenerationJobFactory(state=GenerationJob.State.RUNNING))
    GenerationJob.objects.filter(pk=samples[0].job_id).update(deleted_at="2026-01-01T00:00:00Z")
    assert shown(page).sample is None


def test_garbage_in_the_skip_form_harms_nothing(page, samples):
    assert page.post(reverse("listen-next"), {"sample": "x" * 5000}).status_code == 302
    assert shown(page).sample == shown(page).sample
    assert page.get(reverse("listen-next")).status_code == 405
