"""The palette and the search page: what they find, for whom, and how much they ask for it."""

from __future__ import annotations

import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from adapters.tests.factories import AdapterFactory
from feedback.models import RaterProfile
from feedback.tests.factories import RaterProfileFactory
from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from prompts.tests.factories import PromptFactory
from text2song.pages import finds
from text2song.pages.finds import Found, search
from text2song.tests.factories import UserFactory
from training.tests.factories import ExperimentFactory, TrainingRunFactory

pytestmark = pytest.mark.django_db


def found(client, words="", name="palette"):
    """The addresses and commands of the rows, in their order."""
    answer = client.get(reverse(name), {"q": words})
    assert answer.status_code == 200
    tags = re.findall(r"<(?:a|button)[^>]*?palette-row[^>]*>", answer.text, re.S)
    return [re.search(r'(?:href|data-command)="([^"]+)"', tag)[1] for tag in tags]


def test_without_words_sections_and_actions_stand_there(page):
    rows = found(page)
    assert rows[:3] == [reverse("overview"), reverse("rounds"), reverse("create")]
    assert {"theme-dark", "theme-light", "theme-auto", "keys", "sign-out"} <= set(rows)


@pytest.mark.parametrize(
    ("words", "row"),
    [("favour", "favorites"), ("suites", "suites"), ("api keys", "settings-keys"), ("NEW PROMPT", "create")],
)
def test_sections_at_any_depth_and_actions_are_found_by_their_words(page, words, row):
    assert reverse(row) in found(page, words)


def test_commands_are_found_by_their_words(page):
    assert found(page, "theme dark") == ["theme-dark"]
    assert found(page, "sign out") == ["sign-out"]


def test_what_is_for_curators_is_found_by_curators(page, curator_page):
    assert reverse("raters") not in found(page, "raters")
    assert reverse("raters") in found(curator_page, "raters")
    assert reverse("admin:index") in found(curator_page, "curation")
    assert reverse("admin:index") not in found(page, "curation")


def test_things_are_found_by_name(page):
    prompt = PromptFactory(text="Glass marimba at dawn")
    sample = AudioSampleFactory(job=GenerationJobFactory(completed=True, prompt=prompt), stored=False)
    adapter = AdapterFactory(name="marimba-warm")
    run = TrainingRunFactory(experiment=ExperimentFactory(name="marimba trial"), name="first")
    PromptFactory(text="Calm piano")
    assert found(page, "marimba") == [
        reverse("prompt-detail", args=[prompt.pk]),
        reverse("sample-detail", args=[sample.pk]),
        reverse("adapter-detail", args=[adapter.pk]),
        reverse("run-detail", args=[run.pk]),
    ]
    assert found(page, "marimba first") == [reverse("run-detail", args=[run.pk])]
    assert found(page, "marimba tuba") == []


def test_what_nobody_may_see_is_not_found(page):
    prompt = PromptFactory(text="Glass marimba", deleted_at=timezone.now())
    job = GenerationJobFactory(completed=True, prompt=prompt)
    AudioSampleFactory(job=job, stored=False, deleted_at=timezone.now())
    AudioSampleFactory(job=job, stored=False, set_aside_at=timezone.now())
    withheld = GenerationJobFactory(completed=True, prompt=prompt, withheld=True)
    AudioSampleFactory(job=withheld, stored=False)
    AdapterFactory(name="marimba", is_active=False, deleted_at=timezone.now())
    assert found(page, "marimba") == []


def test_rows_and_queries_have_a_limit(page):
    for number in range(6):
        prompt = PromptFactory(text=f"song of listening {number}")
        job = GenerationJobFactory(completed=True, prompt=prompt)
        AudioSampleFactory(job=job, stored=False)
        AdapterFactory(name=f"song-{number}")
        TrainingRunFactory(experiment=ExperimentFactory(name=f"song {number}"))
    found(page, "song")
    with CaptureQueriesContext(connection) as asked:
        rows = found(page, "song")
    assert len(rows) == 4 * finds.AT_MOST
    assert len(asked) <= 7, "session, person, and one for each kind"
    assert len(found(page, "s")) <= 20


def test_markup_in_a_name_is_text(page):
    PromptFactory(text="<b>bold</b> marimba")
    assert "<b>bold" not in page.get(reverse("palette"), {"q": "marimba"}).text


def test_nothing_says_so(page):
    assert "Nothing fits these words." in page.get(reverse("palette"), {"q": "zzyzx"}).text
    assert "Nothing fits these words." in page.get(reverse("search"), {"q": "zzyzx"}).text


def test_the_search_page_finds_the_same_without_script(page):
    prompt = PromptFactory(text="Glass marimba")
    html = page.get(reverse("search"), {"q": "marimba"}).text
    assert found(page, "marimba", name="search")[-1] == reverse("prompt-detail", args=[prompt.pk])
    assert 'value="marimba"' in html
    assert "data-command" not in page.get(reverse("search")).text


def test_every_page_has_the_button_and_the_palette(page):
    html = page.get(reverse("jobs")).text
    assert re.search(rf'href="{reverse("search")}"\s+data-open-palette', html)
    assert 'id="palette"' in html


def test_guests_and_strangers_find_nothing():
    for name in ("palette", "search"):
        assert Client().get(reverse(name)).status_code == 302
    guest = UserFactory()
    guest.set_unusable_password()
    guest.save()
    RaterProfileFactory(user=guest, kind=RaterProfile.Kind.GUEST)
    client = Client()
    client.force_login(guest)
    assert client.get(reverse("palette")).status_code == 403
    assert client.get(reverse("search")).status_code == 403
    assert "data-open-palette" not in client.get(reverse("tests")).text
    assert 'id="palette"' not in client.get(reverse("tests")).text


def test_who_finds_has_a_place_of_its_own(rf, monkeypatch):
    monkeypatch.setattr(finds, "_finds", {})
    finds.finds("Second", order=2)(lambda request, words: [Found("b", "/b/")] * 3)
    finds.finds("First", order=1)(lambda request, words: [Found("a", "/a/")])
    finds.finds("None", order=3)(lambda request, words: [])
    groups = search(rf.get("/"), [], at_most=3)
    assert [(group.title, len(group.rows)) for group in groups] == [("First", 1), ("Second", 2)]
    with pytest.raises(ImproperlyConfigured, match="say which stands first"):
        finds.finds("Again", order=1)(lambda request, words: [])
