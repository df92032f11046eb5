"""What is to be said on the next page is not taken away by a poll in between, whose answer may be dropped."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from datasets_app.models import Dataset
from datasets_app.tests.factories import built, compared_prompts
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory

pytestmark = pytest.mark.django_db


def a_dataset() -> Dataset:
    compared_prompts(12)
    return built("preference")


POLLS = {
    "a job's card": lambda sample: reverse("job-card", args=[sample.job_id]) + "?have=",
    "the loop": lambda sample: reverse("overview-loop"),
    "the status": lambda sample: reverse("studio-status"),
    "exports": lambda sample: reverse("dataset-exports", args=[a_dataset().pk]),
    "a model's card": lambda sample: reverse("model-card", args=[sample.job.base_model.key]),
}


@pytest.fixture
def sample(user: Any) -> AudioSample:
    return AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=user))


@pytest.mark.parametrize("poll", POLLS)
def test_a_poll_leaves_it_for_the_page(page: Client, sample: AudioSample, poll: str):
    sent = page.post(f"{reverse('collect')}?ids={sample.pk}", {"name": "Mornings"})
    assert sent.status_code == 302
    answer = page.get(POLLS[poll](sample), headers={"HX-Request": "true"})
    assert answer.status_code == 200 and "was added to" not in answer.text
    assert "was added to" in page.get(reverse("library")).text


def test_an_answer_to_an_act_says_it_at_once(page: Client, sample: AudioSample):
    answer = page.post(reverse("sample-vary", args=[sample.pk]), {"as_usual": "on"}, headers={"HX-Request": "true"})
    assert "hx-swap-oob" in answer.text and "data-toast" in answer.text
    assert "data-toast" not in page.get(reverse("library")).text
