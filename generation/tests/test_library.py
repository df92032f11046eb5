"""The library: samples found again by what they were made from, and chosen for comparison."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from generation.models import AudioSample
from generation.tests.factories import (
    AudioSampleFactory,
    BaseModelFactory,
    FavoriteFactory,
    GenerationJobFactory,
    PromptFactory,
)

pytestmark = pytest.mark.django_db


def make_sample(text: str = "calm piano at dusk", **attributes: Any) -> AudioSample:
    return AudioSampleFactory(job__prompt=PromptFactory(text=text, **attributes), stored=False)


def found(client: Any, /, **query: Any) -> list[AudioSample]:
    response = client.get(reverse("library"), query)
    assert response.status_code == 200
    return list(response.context["page"])


def test_an_empty_library_teaches_the_first_step(page):
    response = page.get(reverse("library"))
    assert response.status_code == 200
    assert "Nothing to hear yet" in response.text
    assert reverse("create") in response.text


def test_newest_come_first_and_play_in_place(page):
    older, newer = make_sample("old song"), make_sample("new song")
    AudioSample.objects.filter(pk=older.pk).update(created_at=timezone.now() - timedelta(days=1))
    response = page.get(reverse("library"))
    assert list(response.context["page"]) == [newer, older]
    for sample in (older, newer):
        assert reverse("audio-stream", args=[sample.pk]) in response.text
    assert response.text.count('preload="none" controls') == 2


def test_words_find_prompts_that_hold_any_of_them(page):
    piano, guitar, drums = make_sample("slow piano"), make_sample("fast guitar"), make_sample("loud drums")
    assert set(found(page, q="piano GUITAR")) == {piano, guitar}
    assert found(page, q="drums") == [drums]
    assert found(page, q='"slow guitar"') == []


@pytest.mark.parametrize(
    ("query", "attributes"),
    [
        ({"style": "jazz"}, {"style": "jazz"}),
        ({"mood": "dark"}, {"mood": "dark"}),
        ({"instrument": "cello"}, {"primary_instruments": ["cello", "harp"]}),
        ({"instrument": "cello"}, {"secondary_instruments": ["cello"]}),
        ({"tempo_min": 90}, {"tempo": 90}),
        ({"tempo_max": 90}, {"tempo": 90}),
        ({"tempo_min": 80, "tempo_max": 100, "style": "pop"}, {"tempo": 90, "style": "pop"}),
    ],
)
def test_attributes_narrow_the_list(page, query, attributes):
    make_sample("without any")
    make_sample("others", style="rock", mood="happy", primary_instruments=["flute"])
    wanted = make_sample("wanted", **attributes)
    assert found(page, **query) == [wanted]


def test_an_instrument_is_not_found_inside_the_name_of_another(page):
    make_sample("buzz", primary_instruments=["mono-synth-bass"])
    wanted = make_sample("round", primary_instruments=["synth-bass"])
    assert found(page, instrument="synth-bass") == [wanted]


def test_a_tempo_range_leaves_out_prompts_without_a_tempo(page):
    make_sample("free time")
    slow, fast = make_sample("slow", tempo=60), make_sample("fast", tempo=160)
    assert found(page, tempo_min=40, tempo_max=60) == [slow]
    assert found(page, tempo_min=61, tempo_max=200) == [fast]


def test_by_model(page):
    model = BaseModelFactory()
    make_sample()
    wanted = AudioSampleFactory(job__base_model=model, stored=False)
    assert found(page, model=model.key) == [wanted]


def test_by_days_both_included(page):
    old, new = make_sample("old"), make_sample("new")
    AudioSample.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
    today = timezone.localdate()
    assert found(page, date_from=today) == [new]
    assert found(page, date_to=today - timedelta(days=3)) == [old]
    assert len(found(page, date_from=today - timedelta(days=3), date_to=today)) == 2


def test_by_heart_which_is_the_users_own(page, user):
    mine, other = make_sample("mine"), make_sample("other")
    FavoriteFactory(user=user, sample=mine)
    FavoriteFactory(sample=other)
    assert found(page, heart="on") == [mine]
    assert [sample.is_favorite for sample in found(page, q="mine other") if sample == other] == [False]


def test_deleted_samples_and_jobs_are_gone(page):
    gone, of_deleted_job = make_sample("gone"), make_sample("job gone")
    AudioSample.objects.filter(pk=gone.pk).update(deleted_at=timezone.now())
    of_deleted_job.job.deleted_at = timezone.now()
    of_deleted_job.job.save()
    assert found(page) == []


def test_active_filters_are_shown_and_can_be_taken_away_one_by_one(page):
    make_sample("slow jazz", style="jazz", tempo=70)
    response = page.get(reverse("library"), {"q": "slow", "style": "jazz", "tempo_max": "90"})
    chips = {chip["label"]: chip["url"] for chip in response.context["chips"]}
    assert set(chips) == {"“slow”", "Jazz", "to 90 BPM"}
    assert chips["Jazz"] == "?q=slow&tempo_max=90"


def test_nothing_found_says_which_way_out(page):
    make_sample()
    response = page.get(reverse("library"), {"q": "bagpipes", "style": "jazz"})
    assert response.status_code == 200
    assert "No sample fits" in response.text
    assert "All 2 filters" in response.text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"style": "polkacore"}, "polkacore"),
        ({"instrument": "kazoo"}, "kazoo"),
        ({"model": "gpt"}, "There is no such model."),
        ({"tempo_min": "20"}, "40"),
        ({"tempo_max": "fast"}, "whole number"),
        ({"tempo_min": "120", "tempo_max": "80"}, "below the lowest"),
        ({"date_from": "yesterday"}, "valid date"),
        ({"date_from": "2026-02-02", "date_to": "2026-01-01"}, "before the first"),
        ({"q": "a\x00b"}, "Null characters"),
    ],
)
def test_a_filter_that_makes_no_sense_is_named(page, query, words):
    make_sample()
    response = page.get(reverse("library"), query)
    assert response.status_code == 400
    assert words in response.text
    assert not response.context["page"].object_list


def test_twenty_to_a_page(page):
    prompt = PromptFactory(text="calm piano at dusk")
    for _ in range(21):
        AudioSampleFactory(job=GenerationJobFactory(completed=True, prompt=prompt), index=0, stored=False)
    first = page.get(reverse("library"), {"q": "piano"})
    assert len(first.context["page"]) == 20
    assert "?q=piano&amp;page=2" in first.text
    assert len(found(page, q="piano", page=2)) == 1
    assert len(found(page, page="far")) == 20


def test_the_number_of_queries_does_not_grow_with_the_rows(page):
    url = reverse("library")
    make_sample()
    page.get(url)
    with CaptureQueriesContext(connection) as few:
        page.get(url)
    for _ in range(8):
        make_sample(style="jazz", primary_instruments=["cello"])
    with CaptureQueriesContext(connection) as many:
        page.get(url)
    assert len(many) == len(few) <= 20


def test_samples_are_chosen_for_comparison_without_script(page):
    samples = [make_sample(), make_sample()]
    text = page.get(reverse("library")).text
    assert f'<form id="compare-form" class="library-bar" method="get" action="{reverse("compare")}"' in text
    for name in ("collect", "samples-download", "samples-heart", "samples-delete"):
        assert f'formaction="{reverse(name)}' in text
    for sample in samples:
        assert f'name="ids" value="{sample.pk}" form="compare-form"' in text


def test_only_who_made_a_sample_or_a_curator_is_offered_to_delete_it(page, user, curator_page):
    mine = AudioSampleFactory(job__requested_by=user, stored=False)
    other = make_sample()

    def is_offered(client, sample):
        return reverse("sample-delete", args=[sample.pk]) in client.get(reverse("sample-menu", args=[sample.pk])).text

    assert is_offered(page, mine) and not is_offered(page, other) and is_offered(curator_page, other)


def test_prompts_are_shown_as_text_never_as_markup(page):
    make_sample("<script>alert(1)</script>")
    text = page.get(reverse("library")).text
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text
