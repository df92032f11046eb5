"""A clip's row: the same actions wherever it stands, as signs and in words, each a plain form or link."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from feedback.models import Criterion
from feedback.tests.factories import RatingFactory
from generation.models import AudioSample, GenerationJob
from generation.services import collect, delete_sample, make_collection
from generation.tests.factories import AudioSampleFactory, FavoriteFactory, GenerationJobFactory, PromptFactory
from text2song.tests.factories import UserFactory
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
PLACES: dict[str, Callable[[AudioSample], str]] = {
    "library": lambda sample: reverse("library"),
    "create": lambda sample: reverse("create"),
    "job": lambda sample: reverse("job-detail", args=[sample.job_id]),
    "a poll": lambda sample: reverse("job-card", args=[sample.job_id]) + "?view=detail&have=",
    "prompt": lambda sample: reverse("prompt-detail", args=[sample.job.prompt_id]),
    "favourites": lambda sample: reverse("favorites"),
    "overview": lambda sample: reverse("overview"),
    "collection": lambda sample: reverse("collection-detail", args=[sample.collection_items.get().collection_id]),
}


@pytest.fixture
def sample(user: Any) -> AudioSample:
    sample = AudioSampleFactory(
        job=GenerationJobFactory(completed=True, requested_by=user, prompt__text="calm piano at dusk")
    )
    FavoriteFactory(user=user, sample=sample)
    collect(collection=make_collection(actor=user, name="Mornings"), samples=[sample], actor=user)
    return sample


def row(html: str, sample: AudioSample) -> str:
    """From the beginning of the row to the end of its menu."""
    rows = [
        part
        for part in re.split(r'<div class="clip(?: clip-wide)?">', html)[1:]
        if f'data-player="{sample.pk}"' in part
    ]
    assert len(rows) == 1, f"{len(rows)} rows"
    return flat(rows[0].partition("</details>")[0])


def menu_of(client: Any, html: str) -> str:
    """What the menu of a row fetches when it is opened."""
    address = unescape(
        re.search(r'<div class="menu-panel" hx-get="([^"]+)" hx-trigger="toggle from:closest details once"', html)[1]
    )
    return flat(client.get(address, headers=HTMX).text)


@pytest.mark.parametrize("place", PLACES)
def test_every_action_is_there_as_a_sign_and_in_words(page, sample, place):
    html = row(page.get(PLACES[place](sample)).text, sample)
    called = "Take A" if place in ("create", "job", "a poll", "prompt") else "calm piano at dusk, take A"
    url = reverse("sample-detail", args=[sample.pk])
    for needed in (
        f'<a class="clip-title" href="{url}" title="{called}">{called}</a>',
        f'data-player="{sample.pk}"',
        f'data-scores="overall-{sample.pk}"',
        f'data-twin="heart-{sample.pk}"',
        f'action="{reverse("sample-rate", args=[sample.pk, "overall"])}"',
        f'aria-label="Favourite: {sample.name}"',
        f'action="{reverse("sample-vary", args=[sample.pk])}#variations"',
        f'aria-label="More like {called}: 3 variations"',
        f'action="{reverse("sample-extend", args=[sample.pk])}#extend"',
        f'aria-label="Extend {called}: 1 s more"',
        f'href="{reverse("compare")}?ids={sample.pk}" title="Compare" aria-label="Compare {called} with others"',
        f'title="Download as WAV" aria-label="Download {called} as WAV"',
        f'<summary class="button button-quiet button-icon" title="All actions" aria-label="All actions for {called}"',
    ):
        assert needed in html, needed
    menu = menu_of(page, html)
    for needed in (
        f'href="{url}#feedback" id="row-first-{sample.pk}">Judge it<',
        f'form="row-heart-{sample.pk}">Add to favourites, or remove<',
        f'form="row-vary-{sample.pk}">More like this: 3 variations<',
        f'form="row-extend-{sample.pk}">Extend: 1 s more<',
        f'href="{url}#extend">Extend or vary as I say…<',
        ">Compare<",
        *(f'{reverse("audio-download", args=[sample.pk, kind])}" download>' for kind in ("wav", "flac", "mp3")),
        f'href="{url}#rename">Rename…<',
        f'href="{url}#sharing">Share…<',
        f'href="{reverse("sample-delete", args=[sample.pk])}" data-dialog-link>Delete…<',
    ):
        assert needed in menu, needed
    for form in re.findall(r' form="([^"]+)"', menu):
        assert html.count(f'id="{form}"') == 1, f"{form} sends a form of the row"
    assert 'aria-pressed="true"' in html


def test_signs_without_words_have_a_tooltip_and_a_name(page, sample):
    html = row(page.get(reverse("library")).text, sample)
    signs = re.findall(r'<(?:a|button|summary) class="button button-quiet button-icon"[^>]*>', html)
    assert len(signs) >= 6
    assert [sign for sign in signs if "title=" not in sign or "aria-label=" not in sign] == []


def test_strangers_are_offered_what_they_may_do(page, sample):
    menu = menu_of(page, row(page.get(reverse("library")).text, sample))
    AudioSample.objects.filter(pk=sample.pk).update(title="Dusk")
    GenerationJob.objects.update(requested_by=UserFactory())
    strange = row(page.get(reverse("library")).text, sample)
    for words in ("Rename…", "Share…", "Delete…"):
        assert words in menu and words not in menu_of(page, strange)
    assert "More like this" in strange and ">Dusk</a>" in strange


def test_without_script_the_menu_of_a_row_leads_to_where_all_of_it_is(page, sample):
    url = reverse("sample-detail", args=[sample.pk])
    unopened = row(page.get(reverse("library")).text, sample).partition('<div class="menu-panel"')[2]
    assert f'<a href="{url}" id="row-first-{sample.pk}">All actions, on the page of the clip</a>' in unopened
    menu = menu_of(page, row(page.get(reverse("library")).text, sample))
    words = re.compile(r">([^<>]+)</(?:a|button)>")
    assert set(words.findall(menu)) <= set(words.findall(flat(page.get(url).text)))
    assert "Delete…" in menu


@pytest.mark.parametrize("ids", ["", "?ids=", "?ids=x&ids=%22%3E%3Cb%3E", "?place=x"])
def test_a_menu_bears_any_address(page, sample, ids):
    answer = page.get(reverse("sample-menu", args=[sample.pk]) + ids)
    assert answer.status_code == 200 and "<b>" not in answer.text


@pytest.mark.parametrize("kind", ["deleted", "unknown"])
def test_the_menu_of_a_clip_that_is_not_there_is_none(page, sample, kind):
    if kind == "deleted":
        delete_sample(sample=sample, actor=sample.job.requested_by)
    pk = sample.pk if kind == "deleted" else uuid4()
    assert page.get(reverse("sample-menu", args=[pk])).status_code == 404


def test_a_title_cannot_break_the_row(page, sample):
    AudioSample.objects.filter(pk=sample.pk).update(title='<b>"rain"</b>')
    html = page.get(reverse("library")).text
    assert "<b>" not in html and escape('<b>"rain"</b>') in html


def test_candidates_are_compared_with_their_siblings(page, sample):
    other = AudioSampleFactory(job=sample.job, index=1, stored=False)
    html = row(page.get(reverse("job-detail", args=[sample.job_id])).text, sample)
    assert f"{reverse('compare')}?ids={sample.pk}&amp;ids={other.pk}" in html


class TestOneClick:
    @pytest.mark.parametrize(
        ("name", "kind", "number", "words"),
        [
            ("sample-vary", "variation", 3, "3 variations of “calm piano at dusk, take A” are being made."),
            ("sample-extend", "extension", 2, "“calm piano at dusk, take A” is made longer by 1 s."),
        ],
    )
    def test_stays_on_the_page_and_leads_to_the_job(self, page, sample, name, kind, number, words):
        answer = page.post(reverse(name, args=[sample.pk]), {"as_usual": "on"}, headers=HTMX)
        job = GenerationJob.objects.get(kind=kind)
        assert (job.source_sample, job.num_samples) == (sample, number)
        assert answer.status_code == 200 and "<html" not in answer.text and words in answer.text
        assert f'<a href="{reverse("job-detail", args=[job.pk])}">See the job</a>' in answer.text
        assert 'hx-swap-oob="beforeend:#toasts"' in answer.text

    @pytest.mark.parametrize("name", ["sample-vary", "sample-extend"])
    def test_on_create_the_card_of_the_job_comes_first(self, page, sample, name):
        html = row(page.get(reverse("create")).text, sample)
        url = f"{reverse(name, args=[sample.pk])}?view=create"
        assert f'hx-post="{url}"' in html and 'hx-target="#results" hx-swap="afterbegin"' in html
        answer = page.post(url, {"as_usual": "on"}, headers=HTMX).text
        job = GenerationJob.objects.exclude(pk=sample.job_id).get()
        assert answer.lstrip().startswith(f'<article class="job-card" id="job-{job.pk}"')

    @pytest.mark.parametrize("name", ["sample-vary", "sample-extend"])
    def test_without_script_it_leads_to_the_job(self, page, sample, name):
        answer = page.post(reverse(name, args=[sample.pk]), {"as_usual": "on"})
        job = GenerationJob.objects.exclude(pk=sample.job_id).get()
        assert answer.url == reverse("job-detail", args=[job.pk])

    @pytest.mark.parametrize("name", ["sample-vary", "sample-extend"])
    def test_a_refusal_is_told_and_sends_nothing(self, page, sample, name):
        (sample.job.base_model.folder / "config.json").unlink()
        answer = page.post(reverse(name, args=[sample.pk]), {"as_usual": "on"}, headers=HTMX)
        assert answer.status_code == 200 and "toast-error" in answer.text and "not on this machine" in answer.text
        assert GenerationJob.objects.count() == 1

    def test_a_clip_as_long_as_clips_can_be_says_so(self, page, sample):
        AudioSample.objects.filter(pk=sample.pk).update(duration=120)
        html = row(page.get(reverse("library")).text, sample)
        assert "as long as clips can be" in html and reverse("sample-extend", args=[sample.pk]) not in html
        assert f'href="{reverse("sample-detail", args=[sample.pk])}#extend"' in html


def test_a_heart_comes_back_to_its_place(page, sample):
    url = f"{reverse('favorite-toggle')}?sample={sample.pk}"
    for place in ("row", "bar", "page"):
        answer = page.post(url, {"place": place}, headers=HTMX).text
        assert f'id="{place}-heart-{sample.pk}"' in answer and f'name="place" value="{place}"' in answer
    assert " id=" not in page.post(url, {"place": '"><b>'}, headers=HTMX).text


@pytest.mark.parametrize("place", [place for place in PLACES if place != "overview"])  # the newest few, always as many
def test_lists_cost_the_same_however_many_clips(page, user, sample, place):
    criterion = Criterion.objects.get(slug="overall")

    def add() -> None:
        other = AudioSampleFactory(job=sample.job, index=sample.job.samples.count(), stored=False)
        FavoriteFactory(user=user, sample=other)
        collect(collection=sample.collection_items.get().collection, samples=[other], actor=user)
        RatingFactory(sample=other, rater=user, criterion=criterion)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            html = page.get(PLACES[place](sample)).text
        assert html.count('class="clip-title"') == AudioSample.objects.count()
        return len(queries)

    add()
    page.get(PLACES[place](sample))
    few = cost()
    for _ in range(4):
        add()
    assert cost() == few


def test_the_prompt_of_a_search_is_marked_below_the_title(page):
    AudioSampleFactory(job__prompt=PromptFactory(text="rain on a roof"), title="Sunday", stored=False)
    html = page.get(reverse("library"), {"q": "roof"}).text
    assert ">Sunday</a>" in html and "<mark>roof</mark>" in html
