"""The history: found, filtered, paged and deleted."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from adapters.tests.factories import AdapterFactory
from feedback.listening_tests.services.lifecycle import close_test
from feedback.listening_tests.services.trials import next_trial
from feedback.listening_tests.tests.listening import answer, running
from feedback.models import Note, Preference, Ranking, Rating
from feedback.services import rank
from feedback.tests.factories import NoteFactory, PreferenceFactory, RatingFactory, SampleTagFactory
from generation.models import GenerationJob
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory

pytestmark = pytest.mark.django_db
URL = "/feedback/"


def test_an_empty_history_teaches(page):
    answer = page.get(reverse("feedback"))
    assert answer.status_code == 200 and "Nothing said yet" in answer.text
    assert reverse("library") in answer.text


def test_every_kind_is_told_in_words(page, user):
    job = GenerationJobFactory(completed=True)
    a, b, c = (AudioSampleFactory(job=job, stored=False) for _ in range(3))
    RatingFactory(sample=a, rater=user, score=4)
    SampleTagFactory(sample=a, rater=user, start=0.5, end=0.75)
    NoteFactory(sample=a, rater=user)
    PreferenceFactory(sample_a=a, sample_b=b, rater=user, strength=5)
    rank(samples=[c, a], rater=user)
    answer = page.get(URL)
    for words in ("★★★★☆", "catchy", "0.5–0.75 s", "The second half is better.", "much better", "Ranking:", "1–5 of 5"):
        assert words in answer.text, words


def test_votes_of_a_listening_test_say_which_adapter_made_what(page, user, curator):
    test = running()
    answer(next_trial(rater=user, test=test))
    close_test(actor=curator, test=test)
    vote = Preference.objects.get()
    GenerationJob.objects.filter(pk=vote.sample_a.job_id).update(adapter=AdapterFactory(name="warm", version="2.0.0"))
    html = page.get(URL).text
    assert f"{vote.sample_a}, warm@2.0.0" in html and f"{vote.sample_b}, Base Model" in html


def test_filters_narrow_and_combine_and_no_match_is_said(page, user):
    sample = AudioSampleFactory(stored=False)
    RatingFactory(sample=sample, rater=user, score=5)
    RatingFactory(rater=user, score=2)
    NoteFactory(rater=user)

    def shown(**query):
        answer = page.get(URL, query)
        assert answer.status_code == 200
        return len(answer.context["page"].object_list)

    assert shown() == 3
    assert shown(rating_min=2) == 2
    assert shown(rating_min=3) == shown(rating_min=5) == 1
    assert shown(kind="note") == 1
    assert shown(job=sample.job_id, kind="rating") == 1
    assert shown(rater="rita", mine="true") == 3
    none = page.get(URL, {"kind": "note", "sample": sample.pk})
    assert (
        "No feedback fits" in none.text
        and "Notes" in none.text
        and f"Sample A of job {sample.job.short_id}" in none.text
    )
    for query in ({"rating_min": 9}, {"tag": "unheard"}, {"created_after": "soon"}, {"sample": "x"}):
        wrong = page.get(URL, query)
        assert wrong.status_code == 400 and "cannot be used" in wrong.text


def test_a_note_is_found_by_its_words(page, user):
    wanted = NoteFactory(rater=user, text="The flute is far too loud.")
    NoteFactory(rater=user, text="The drums are fine.")
    answer = page.get(URL, {"q": "FLUTE loud"})
    assert [item.pk for item in answer.context["page"].object_list] == [wanted.pk]
    assert "note with “FLUTE loud”" in answer.text and 'name="q"' in answer.text
    assert "No feedback fits" in page.get(URL, {"q": "flute drums"}).text


def test_the_library_finds_clips_by_words_of_notes_the_reader_may_see(page, user):
    mine, theirs = NoteFactory(rater=user, text="A lovely flute."), NoteFactory(text="A flute too many.")

    def shown():
        answer = page.get(reverse("library"), {"note": "flute"})
        assert "note with “flute”" in answer.text
        return {note.pk for note in (mine, theirs) if reverse("sample-detail", args=[note.sample_id]) in answer.text}

    assert shown() == {mine.pk}
    RatingFactory(sample=theirs.sample, rater=user)
    assert shown() == {mine.pk, theirs.pk}


def test_others_feedback_is_not_listed_before_it_is_time(page, user):
    secret = NoteFactory(text="The secret opinion.")
    assert "The secret opinion." not in page.get(URL).text
    assert page.get(reverse("feedback-delete", args=[secret.pk])).status_code == 404
    RatingFactory(sample=secret.sample, rater=user)
    assert "The secret opinion." in page.get(URL).text
    assert page.get(reverse("feedback-delete", args=[secret.pk])).status_code == 403
    assert page.post(reverse("feedback-delete", args=[secret.pk])).status_code == 403
    assert Note.objects.exists()


def test_a_question_comes_first_and_no_changes_nothing(page, user):
    rating = RatingFactory(rater=user, score=3)
    url = reverse("feedback-delete", args=[rating.pk])
    back = reverse("sample-detail", args=[rating.sample_id])
    question = page.get(url, {"next": back})
    assert (
        question.status_code == 200 and "Delete this feedback?" in question.text and f'href="{back}"' in question.text
    )
    assert Rating.objects.exists()
    answer = page.post(f"{url}?next={back}")
    assert (answer.status_code, answer["Location"]) == (302, back)
    assert not Rating.objects.exists()
    assert page.get(url).status_code == page.post(url).status_code == 404


def test_deleting_a_ranking_names_its_comparisons(page, user):
    job = GenerationJobFactory(completed=True)
    ranking, _ = rank(samples=[AudioSampleFactory(job=job, stored=False) for _ in range(4)], rater=user)
    url = reverse("feedback-delete", args=[ranking.pk])
    assert "6 comparisons that follow from it" in page.get(url).text
    implied = reverse("feedback-delete", args=[Preference.objects.first().pk])
    assert page.post(implied, follow=True).text.count("follows from a ranking") == 1
    assert Preference.objects.count() == 6
    page.post(url)
    assert not Ranking.objects.exists() and not Preference.objects.exists()


def test_curators_delete_any(curator_page):
    note = NoteFactory()
    assert curator_page.post(reverse("feedback-delete", args=[note.pk])).status_code == 302
    assert not Note.objects.exists()


def test_the_history_is_paged_at_a_fixed_cost(page, user):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            answer = page.get(URL)
        return len(queries), len(answer.context["page"].object_list)

    job = GenerationJobFactory(completed=True)
    samples = [AudioSampleFactory(job=job, stored=False) for _ in range(3)]
    for sample in samples:
        RatingFactory(sample=sample, rater=user)
        SampleTagFactory(sample=sample, rater=user)
        NoteFactory(sample=sample, rater=user)
    fourth = AudioSampleFactory(job=job, stored=False)
    PreferenceFactory(sample_a=samples[0], sample_b=fourth, rater=user)
    rank(samples=samples, rater=user)
    few, listed = cost()
    assert listed == 11
    for _ in range(30):
        RatingFactory(rater=user)
        NoteFactory(rater=user, sample=Rating.objects.first().sample)
    many, listed = cost()
    assert listed == 20
    assert many <= few, "the newest twenty are of two kinds only"
    assert "21–40 of 71" in page.get(URL, {"page": 2}).text
