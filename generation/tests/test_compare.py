"""Samples side by side: which may be compared, and what the page says of them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from generation.listening.comparison import rows, samples_to_compare
from generation.models import AudioSample
from generation.tests.factories import (
    AudioSampleFactory,
    BaseModelFactory,
    GenerationJobFactory,
    PromptFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def prompt(db: None) -> Any:
    return PromptFactory(text="calm piano at dusk")


def make_samples(prompt: Any, count: int, **job: Any) -> list[AudioSample]:
    return [
        AudioSampleFactory(job=GenerationJobFactory(completed=True, prompt=prompt, **job), index=0, stored=False)
        for _ in range(count)
    ]


def ask(page: Any, *ids: object) -> Any:
    return page.get(reverse("compare"), {"ids": [str(pk) for pk in ids]})


@pytest.mark.parametrize("count", [2, 10])
def test_two_to_ten_samples_stand_side_by_side_in_the_order_asked_for(page, prompt, count):
    samples = make_samples(prompt, count)[::-1]
    response = ask(page, *[sample.pk for sample in samples])
    assert response.status_code == 200
    assert response.context["samples"] == samples
    for sample in samples:
        assert f'data-track="{sample.pk}"' in response.text
        assert reverse("audio-stream", args=[sample.pk]) in response.text


def test_samples_of_other_jobs_and_models_are_labelled_openly_and_their_differences_marked(page, prompt):
    small, large = BaseModelFactory(display_name="Small One"), BaseModelFactory(display_name="Large One")
    first = AudioSampleFactory(
        job=GenerationJobFactory(completed=True, prompt=prompt, base_model=small, seed=5, temperature=0.7),
        stored=False,
    )
    second = AudioSampleFactory(
        job=GenerationJobFactory(completed=True, prompt=prompt, base_model=large, seed=5, temperature=1.2),
        stored=False,
    )
    response = ask(page, first.pk, second.pk)
    table = {row.name: row for row in response.context["rows"]}
    assert table["Model"].values == ["Small One", "Large One"]
    assert table["Temperature"].values == ["0.7", "1.2"]
    assert table["Temperature"].differs and table["Model"].differs and table["Job"].differs
    assert not table["Seed"].differs and not table["Duration"].differs
    assert response.text.count('class="differs"') == sum(row.differs for row in table.values())


def test_the_same_words_saved_twice_count_as_one_prompt(page, prompt):
    (first,) = make_samples(prompt, 1)
    (second,) = make_samples(PromptFactory(text=prompt.text), 1)
    assert ask(page, first.pk, second.pk).status_code == 200


def test_samples_of_two_prompts_are_refused_and_stay_chosen(page, prompt):
    (first,) = make_samples(prompt, 1)
    (second,) = make_samples(PromptFactory(text="loud drums"), 1)
    response = ask(page, first.pk, second.pk)
    assert response.status_code == 400
    assert "2 different prompts" in response.text
    assert "data-compare aria-label" not in response.text
    for sample in (first, second):
        assert f'value="{sample.pk}" checked' in response.text


def test_too_many_are_refused_with_the_limits(page, prompt):
    response = ask(page, *[sample.pk for sample in make_samples(prompt, 11)])
    assert response.status_code == 400
    assert "Compare 2 to 10 samples of one prompt" in response.text


def test_one_alone_is_chosen_and_the_others_of_its_prompt_are_offered(page, prompt):
    """The row of a clip leads here."""
    one, other = make_samples(prompt, 2)
    response = ask(page, one.pk)
    assert response.status_code == 200 and 'role="alert"' not in response.text
    assert f'value="{one.pk}" checked' in response.text and f'value="{other.pk}"' in response.text
    assert '<details class="fold" open>' in response.text


def test_the_same_sample_twice_is_one(page, prompt):
    (sample,) = make_samples(prompt, 1)
    assert ask(page, sample.pk, sample.pk).status_code == 400


def test_without_any_the_page_teaches(page):
    response = page.get(reverse("compare"))
    assert response.status_code == 200
    assert reverse("library") in response.text


def test_missing_samples_are_named(page, prompt):
    (here,) = make_samples(prompt, 1)
    (deleted,) = make_samples(prompt, 1)
    AudioSample.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    unknown = uuid.uuid4()
    response = ask(page, here.pk, deleted.pk, unknown)
    assert response.status_code == 404
    assert str(deleted.pk) in response.text and str(unknown) in response.text
    assert f"no samples {here.pk}" not in response.text


@pytest.mark.parametrize("wrong", ["abc", "<b>", "12345678-1234", "\x00"])
def test_what_is_no_id_is_named(page, prompt, wrong):
    (sample,) = make_samples(prompt, 1)
    response = ask(page, sample.pk, wrong)
    assert response.status_code == 400
    assert "Not the id of a sample" in response.text
    assert "<b>" not in response.text.partition("Not the id")[2][:20]


def test_other_samples_of_the_prompt_can_be_added(page, prompt):
    first, second, third = make_samples(prompt, 3)
    (foreign,) = make_samples(PromptFactory(text="loud drums"), 1)
    response = ask(page, first.pk, second.pk)
    assert response.context["others"] == [third]
    assert f'value="{third.pk}"' in response.text
    assert str(foreign.pk) not in response.text


def test_silence_has_no_loudness(prompt):
    quiet, loud = make_samples(prompt, 2)
    quiet.loudness_lufs = quiet.true_peak_db = None
    table = {row.name: row.values for row in rows([quiet, loud])}
    assert table["Loudness"] == ["silence", "-16.0 LUFS"]


def test_the_number_of_queries_does_not_grow_with_the_samples(prompt, django_assert_num_queries):
    ids = [sample.pk for sample in make_samples(prompt, 10)]
    with django_assert_num_queries(1):
        rows(samples_to_compare(ids))
