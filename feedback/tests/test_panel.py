"""The feedback panel on the pages of a sample and a job, with HTMX and without any script."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from feedback.models import Criterion, Note, Rating, SampleTag, Tag
from feedback.tests.factories import NoteFactory, RatingFactory, SampleTagFactory, TagFactory
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/samples/x/"}


@pytest.fixture
def sample():
    return AudioSampleFactory(stored=False)


def address(name, sample, *more):
    return reverse(name, args=[sample.pk, *more])


def test_the_sample_page_holds_a_group_of_radio_buttons_for_each_criterion(page, sample):
    html = page.get(reverse("sample-detail", args=[sample.pk])).text
    for criterion in Criterion.objects.filter(is_active=True):
        assert f'action="{address("sample-rate", sample, criterion.slug)}"' in html
        assert criterion.question.replace("'", "&#x27;") in html
    stars = re.findall(r'<input\s+type="radio" name="score"', html)
    assert len(stars) == 5 * (1 + Criterion.objects.filter(is_active=True).count()), "the first above, too"
    assert html.count("<legend") > Criterion.objects.filter(is_active=True).count()


def test_one_question_is_asked_and_the_others_wait_behind_a_fold(page, sample):
    html = page.get(reverse("sample-detail", args=[sample.pk])).text
    controls = html[html.index('class="feedback-controls"') :]
    before_fold, behind = controls.split('class="judge-fold"', 1)
    assert before_fold.count("rating-stars") == 1 and "How much do you like it?" in before_fold
    assert behind.count("rating-stars") == Criterion.objects.filter(is_active=True).count() - 1
    assert html.count('name="tags"') == 12, "six good ones and six bad ones; the search finds the others"
    assert html.count("<option value=") >= Tag.objects.filter(is_curated=True).count()


def test_a_rating_without_script_goes_back_where_it_came_from(page, sample, user):
    back = reverse("sample-detail", args=[sample.pk]) + "#feedback"
    answer = page.post(address("sample-rate", sample, "overall"), {"score": 4, "next": back})
    assert (answer.status_code, answer["Location"]) == (302, back)
    rating = Rating.objects.get()
    assert (rating.score, rating.rater, rating.sample) == (4, user, sample)
    html = page.get(reverse("sample-detail", args=[sample.pk])).text
    assert re.search(r'value="4" id="rate-[^"]*overall[^"]*" checked', flat(html))
    assert "Submitted." in html
    evil = page.post(address("sample-rate", sample, "overall"), {"score": 5, "next": "https://elsewhere.example/"})
    assert evil["Location"] == reverse("feedback")


def test_a_rating_by_htmx_answers_with_the_control_the_word_and_the_list(page, sample):
    answer = page.post(address("sample-rate", sample, "melody"), {"score": 3}, headers=HTMX)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert f'id="rating-melody-{sample.pk}"' in answer.text
    said = f'<span id="said-rating-melody-{sample.pk}" hx-swap-oob="innerHTML"><span class="submitted">Submitted</span>'
    assert said in answer.text
    assert f'id="feedback-list-{sample.pk}"' in answer.text and "★★★☆☆" in answer.text


@pytest.mark.parametrize("score", ["0", "6", "5.5", "", "null", "true", None])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_is_no_score_is_refused_with_a_sentence(page, sample, score, headers):
    data = {} if score is None else {"score": score}
    answer = page.post(address("sample-rate", sample, "overall"), data, headers=headers)
    assert answer.status_code == 400
    assert "whole number from 1 to 5" in answer.text or "Choose 1 to 5 stars" in answer.text
    assert "Submitted" not in answer.text
    assert not Rating.objects.exists()


def test_an_unknown_criterion_or_sample_is_404(page, sample):
    assert page.post(address("sample-rate", sample, "groove"), {"score": 3}).status_code == 404
    gone = AudioSampleFactory(job=GenerationJobFactory(completed=True), stored=False)
    url = address("sample-rate", gone, "overall")
    gone.delete()
    assert page.post(url, {"score": 3}).status_code == 404
    assert page.get(address("sample-rate", sample, "overall")).status_code == 405


def test_ticked_tags_are_the_set_and_tags_on_parts_stay(page, sample, user):
    SampleTagFactory(sample=sample, rater=user, tag=TagFactory(name="muddy"), start=0.1, end=0.4)
    SampleTagFactory(sample=sample, rater=user, tag=TagFactory(name="mine_alone", sign="good"))
    url = address("sample-tags", sample)
    page.post(url, {"tags": ["catchy", "mine_alone"]}, headers=HTMX)
    answer = page.post(url, {"tags": ["catchy", "noisy"]}, headers=HTMX)
    assert answer.status_code == 200
    now = set(SampleTag.objects.filter(rater=user).values_list("tag__name", "start"))
    assert now == {("catchy", None), ("noisy", None), ("muddy", 0.1)}
    assert page.post(url, {}, headers=HTMX).status_code == 200
    assert set(SampleTag.objects.values_list("tag__name", flat=True)) == {"muddy"}
    assert page.post(url, {"tags": ["unheard of"]}).status_code == 400


def test_a_tag_of_ones_own_on_a_part(page, sample):
    url = address("sample-tag-add", sample)
    data = {"name": "Odd Click", "sign": "bad", "start": "0.25", "end": "0.5"}
    answer = page.post(url, data, headers=HTMX)
    assert answer.status_code == 200
    use = SampleTag.objects.get()
    assert (use.tag.name, use.tag.sign, use.start, use.end) == ("odd_click", "bad", 0.25, 0.5)
    assert f'data-span-of="{sample.pk}" data-start="0.25" data-end="0.50"' in flat(answer.text)
    again = page.post(url, data, headers=HTMX)
    assert again.status_code == 400 and "already" in again.text
    assert 'value="Odd Click"' in again.text and 'value="0.25"' in again.text, "what was typed is kept"


@pytest.mark.parametrize(
    "data",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": "thin", "start": "0.5"},
        {"name": "thin", "start": "0.5", "end": "9"},
        {"name": "thin", "start": "0.5", "end": "0.2"},
        {"name": "thin", "start": "nan", "end": "1"},
        {"name": "noisy", "sign": "good"},
        {"name": "a\x00b"},
    ],
)
def test_what_is_no_tag_is_refused_and_the_typed_text_kept(page, sample, data):
    answer = page.post(address("sample-tag-add", sample), data)
    assert answer.status_code == 400
    assert not SampleTag.objects.exists()
    if data["name"].isalpha():
        assert f'value="{data["name"]}"' in answer.text
    assert "errorlist" in answer.text


def test_a_note_is_kept_and_a_refused_one_stays_typed(page, sample):
    url = address("sample-note", sample)
    assert page.post(url, {"text": "Lovely\r\nending"}, headers=HTMX).status_code == 200
    assert Note.objects.get().text == "Lovely\nending"
    long = page.post(url, {"text": "y" * 2001}, headers=HTMX)
    assert long.status_code == 400 and "y" * 2001 in long.text
    assert page.post(url, {"text": "  "}).status_code == 400
    assert Note.objects.get().text == "Lovely\nending"


def test_others_words_appear_once_the_sample_was_judged(page, sample, user):
    NoteFactory(sample=sample, text="The secret opinion.")
    RatingFactory(sample=sample, score=1)
    hidden = page.get(reverse("sample-detail", args=[sample.pk])).text
    assert "The secret opinion." not in hidden and "★☆☆☆☆" not in hidden
    assert "appears once you have said something" in hidden
    answer = page.post(address("sample-rate", sample, "overall"), {"score": 5}, headers=HTMX)
    assert "The secret opinion." in answer.text and "★☆☆☆☆" in answer.text


def test_curators_see_everything_at_once(curator_page, sample):
    NoteFactory(sample=sample, text="The secret opinion.")
    assert "The secret opinion." in curator_page.get(reverse("sample-detail", args=[sample.pk])).text


def test_the_panel_alone_is_a_fragment_or_a_page(page, sample):
    url = address("sample-feedback", sample)
    assert "<html" not in page.get(url, headers=HTMX).text
    whole = page.get(url).text
    assert "<html" in whole and f'data-player="{sample.pk}"' in whole


def test_the_job_page_groups_its_samples_and_offers_their_panels(page, user):
    job = GenerationJobFactory(completed=True)
    first, second = (AudioSampleFactory(job=job, stored=False) for _ in range(2))
    RatingFactory(sample=first, rater=user, score=4)
    html = page.get(reverse("job-detail", args=[job.pk])).text
    assert "1 of 2 judged" in html
    for sample in (first, second):
        assert f'hx-get="{address("sample-feedback", sample)}"' in html
        assert f'href="{address("sample-feedback", sample)}"' in html
    assert "A is better" in html and "B is better" in html


def test_markup_of_raters_is_not_markup_of_the_page(page, sample):
    page.post(address("sample-note", sample), {"text": "<script>alert(1)</script>"})
    page.post(address("sample-tag-add", sample), {"name": "<b>x</b>"})
    html = page.get(reverse("sample-detail", args=[sample.pk])).text
    assert "<script>alert" not in html and "<b>x</b>" not in html
