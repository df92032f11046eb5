"""Taking the last answer on Listen back: a rating, a choice between two, a clip or pair passed over."""

from __future__ import annotations

from itertools import combinations

import pytest
from django.test import Client
from django.urls import reverse

from feedback.models import Note, Preference, Rating, SampleTag
from feedback.models.judgements import set_key
from feedback.services import asking, prefer, rate
from feedback.services.asking import Proposal, Reason
from feedback.tests.factories import NoteFactory, RatingFactory, TrialFactory
from generation.models import AudioSample
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
LISTEN, NEXT, PAIR, UNDO = (reverse(name) for name in ("listen", "listen-next", "listen-pair", "listen-undo"))
OFFERED = "turn-undo-more"
HTMX = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{LISTEN}"}


@pytest.fixture
def samples(monkeypatch):
    monkeypatch.setattr(asking, "_proposers", [])
    job = GenerationJobFactory(completed=True)
    return [AudioSampleFactory(job=job, index=index, stored=False) for index in range(3)]


@pytest.fixture
def pairs(samples, monkeypatch):
    def propose(rater, skipped):
        done = set(Preference.objects.filter(rater=rater).values_list("pair_key", flat=True)) | set(skipped)
        found = combinations(sorted(sample.pk for sample in samples), 2)
        return next((Proposal(pair, Reason.RANDOM) for pair in found if set_key(pair) not in done), None)

    monkeypatch.setattr(asking, "_proposers", [propose])


def shown(page) -> AudioSample:
    return page.get(LISTEN).context["turn"].sample


def pair_on(page):
    return page.get(LISTEN).context["turn"].pair


def undo(page) -> str:
    answer = page.post(UNDO)
    assert (answer.status_code, answer["Location"]) == (302, LISTEN)
    return page.get(LISTEN).text


def star(page, sample, score, slug="overall"):
    url = reverse("sample-rate", args=[sample.pk, slug])
    return page.post(url, {"score": score, "on_listen": "on", "sample": sample.pk}, headers=HTMX)


def test_without_script_one_press_rates_and_goes_on_and_undo_brings_the_clip_back(page, samples, user):
    assert "data-undo" in page.get(LISTEN).text and OFFERED not in page.get(LISTEN).text
    first = shown(page)
    assert page.post(NEXT, {"sample": first.pk, "score": 4})["Location"] == LISTEN
    rating = Rating.objects.get()
    assert (rating.sample, rating.rater, rating.score, rating.criterion.slug) == (first, user, 4, "overall")
    assert shown(page) != first
    assert OFFERED in page.get(LISTEN).text
    assert "Your last answer was taken back." in undo(page)
    assert not Rating.objects.exists() and shown(page) == first
    assert "was taken back" not in page.get(LISTEN).text and OFFERED not in page.get(LISTEN).text


def test_a_star_is_kept_at_once_and_the_clip_stays_until_next(page, samples):
    first = shown(page)
    answer = star(page, first, 5)
    assert answer.status_code == 200 and 'id="turn-undo"' in answer.text and OFFERED in answer.text
    assert Rating.objects.get().score == 5 and shown(page) == first
    page.post(NEXT, {"sample": first.pk, "score": 5})
    assert shown(page) != first
    undo(page)
    assert not Rating.objects.exists() and shown(page) == first


def test_every_answer_is_taken_back_in_its_turn_down_to_what_was_said_before(page, samples, user):
    first = shown(page)
    star(page, first, 2)
    star(page, first, 3)
    star(page, first, 5, "melody")
    undo(page)
    assert [(r.criterion.slug, r.score) for r in Rating.objects.all()] == [("overall", 3)]
    undo(page)
    assert Rating.objects.get().score == 2
    undo(page)
    assert not Rating.objects.exists()
    assert undo(page) and shown(page) == first, "nothing is left to take back, and nothing happens"


def test_a_rating_from_before_the_turn_comes_back(page, samples, user):
    RatingFactory(sample=samples[0], rater=user, score=1)
    star(page, samples[0], 5)
    undo(page)
    assert Rating.objects.get().score == 1 and shown(page) == samples[0]


def test_an_answer_changed_elsewhere_since_stands(page, samples, user):
    first = shown(page)
    page.post(NEXT, {"sample": first.pk, "score": 4})
    rate(sample=first, rater=user, scores={"overall": 1})
    assert "answered this anew" in undo(page)
    assert Rating.objects.get().score == 1 and shown(page) != first


def test_only_ones_own_answers_of_this_session(page, samples, user):
    page.post(NEXT, {"sample": shown(page).pk, "score": 4})
    for rater in (user, UserFactory()):
        elsewhere = Client()
        elsewhere.force_login(rater)
        elsewhere.post(UNDO)
    assert Rating.objects.count() == 1
    assert page.get(UNDO).status_code == 405


def test_a_clip_passed_over_comes_back_and_tags_and_notes_stay(page, samples):
    first = shown(page)
    page.post(reverse("sample-tags", args=[first.pk]), {"tags": ["catchy"], "on_listen": "on"}, headers=HTMX)
    assert shown(page) == first, "a tag is no reason to go on"
    page.post(NEXT, {"sample": first.pk})
    assert shown(page) != first
    undo(page)
    assert shown(page) == first and SampleTag.objects.count() == 1


@pytest.mark.parametrize("choice", ["first", "tie", "skip"])
def test_a_pair_is_shown_again_as_it_was(page, pairs, choice):
    pair = pair_on(page)
    page.post(PAIR, {"first": pair.first.pk, "second": pair.second.pk, "choice": choice, "reason": pair.reason})
    assert pair_on(page).key != pair.key
    undo(page)
    again = pair_on(page)
    assert not Preference.objects.exists()
    assert (again.first, again.second, again.reason) == (pair.first, pair.second, pair.reason)


def test_what_was_said_blind_since_stands(page, user, pairs):
    pair = pair_on(page)
    page.post(PAIR, {"first": pair.first.pk, "second": pair.second.pk, "choice": "first"})
    Preference.objects.update(source="trial", trial=TrialFactory(rater=user))
    assert "that vote stands" in undo(page)
    assert Preference.objects.get().source == "trial"


def test_a_choice_replaced_since_stands(page, user, pairs):
    pair = pair_on(page)
    page.post(PAIR, {"first": pair.first.pk, "second": pair.second.pk, "choice": "first"})
    prefer(sample_a=pair.first, sample_b=pair.second, winner="b", rater=user)
    assert "answered this anew" in undo(page)
    assert Preference.objects.get().winner == "b"


def test_what_is_gone_meanwhile_is_not_shown_again(page, samples):
    first = shown(page)
    page.post(NEXT, {"sample": first.pk, "score": 4})
    AudioSample.objects.filter(pk=first.pk).update(deleted_at="2026-01-01T00:00:00Z")
    undo(page)
    assert shown(page) not in (first, None)


@pytest.mark.parametrize("score", ["0", "6", "x", "4.5"])
def test_what_is_no_score_is_refused_and_the_clip_stays(page, samples, score):
    first = shown(page)
    answer = page.post(NEXT, {"sample": first.pk, "score": score})
    assert answer.status_code == 400 and "whole number from 1 to 5" in answer.text
    assert not Rating.objects.exists() and shown(page) == first


def test_what_others_said_is_not_on_listen_even_once_the_clip_is_judged(page, samples):
    first = shown(page)
    NoteFactory(sample=first, text="The secret opinion.")
    answers = [star(page, first, 5), page.get(LISTEN)]
    note = reverse("sample-note", args=[first.pk])
    answers += [page.post(note, {"text": text, "on_listen": "on"}, headers=HTMX) for text in ("Mine", "")]
    answers.append(page.post(note, {"text": "", "on_listen": "on"}))
    assert Note.objects.count() == 2
    assert not [answer.text for answer in answers if "The secret opinion." in answer.text]
