"""Hearts: set and cleared with and without script, listed with counts, annotated, and nobody else's business."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from generation.models import Favorite
from generation.tests.factories import AudioSampleFactory, FavoriteFactory, PromptFactory
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
TOGGLE = "favorite-toggle"


def listed(page: Any, tab: str = "all") -> list[Favorite]:
    return list(page.get(reverse("favorites"), {"tab": tab}).context["page"])


class TestTheSwitch:
    @pytest.mark.parametrize("kind", ["prompt", "sample"])
    def test_pressed_it_fills_and_stays_filled_and_pressed_again_it_empties(self, page, user, kind):
        target = PromptFactory() if kind == "prompt" else AudioSampleFactory(stored=False)
        filled = page.post(reverse(TOGGLE), {kind: target.pk}, headers=HTMX)
        assert filled.status_code == 200
        assert 'aria-pressed="true"' in filled.text
        assert Favorite.objects.filter(user=user, **{kind: target}).count() == 1
        emptied = page.post(reverse(TOGGLE), {kind: target.pk}, headers=HTMX)
        assert 'aria-pressed="false"' in emptied.text
        assert not Favorite.objects.exists()

    def test_the_answer_is_a_heart_that_works_again(self, page):
        sample = AudioSampleFactory(stored=False)
        address = f"{reverse(TOGGLE)}?sample={sample.pk}"
        answer = page.post(address, {"next": "/library/"}, headers=HTMX).text
        assert f'action="{address}"' in answer and f'hx-post="{address}"' in answer
        assert 'name="next" value="/library/"' in answer
        assert f"Favourite: {sample.name}" in answer

    def test_it_stays_filled_after_a_reload_of_the_pages_that_show_it(self, page, user):
        sample = AudioSampleFactory()
        FavoriteFactory(user=user, sample=sample)
        for url in (reverse("library"), reverse("sample-detail", args=[sample.pk])):
            assert page.get(url).text.count('aria-pressed="true"') == 1

    def test_hearts_belong_to_the_user_who_set_them(self, page):
        theirs = FavoriteFactory()
        assert 'aria-pressed="true"' not in page.get(reverse("library")).text
        page.post(reverse(TOGGLE), {"sample": theirs.sample.pk})
        assert Favorite.objects.filter(sample=theirs.sample).count() == 2

    def test_without_script_it_leads_back_to_where_it_was_pressed(self, page):
        sample = AudioSampleFactory(stored=False)
        back = f"/library/?q=piano&page=2#sample-{sample.pk}"
        response = page.post(reverse(TOGGLE), {"sample": sample.pk, "next": back})
        assert response.status_code == 302
        assert response.url == back

    @pytest.mark.parametrize(
        "elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil.example", ""]
    )
    def test_it_never_leads_to_another_site(self, page, elsewhere):
        sample = AudioSampleFactory(stored=False)
        response = page.post(reverse(TOGGLE), {"sample": sample.pk, "next": elsewhere})
        assert response.url == reverse("favorites")

    def test_unknown_and_deleted_targets_are_404(self, page):
        prompt = PromptFactory(deleted_at=timezone.now())
        sample = AudioSampleFactory(stored=False, deleted_at=timezone.now())
        for values in ({"prompt": prompt.pk}, {"sample": sample.pk}, {"sample": uuid.uuid4()}):
            assert page.post(reverse(TOGGLE), values).status_code == 404
        assert not Favorite.objects.exists()

    @pytest.mark.parametrize("values", [{}, {"sample": "abc"}, {"prompt": "\x00"}])
    def test_what_names_nothing_is_400(self, page, values):
        assert page.post(reverse(TOGGLE), values).status_code == 400

    def test_two_targets_at_once_are_400(self, page):
        values = {"prompt": PromptFactory().pk, "sample": AudioSampleFactory(stored=False).pk}
        assert page.post(reverse(TOGGLE), values).status_code == 400

    def test_it_is_no_link(self, page):
        assert page.get(reverse(TOGGLE)).status_code == 405


class TestThePage:
    def test_tabs_carry_counts(self, page, user):
        FavoriteFactory(user=user)
        FavoriteFactory(user=user, sample=None, prompt=PromptFactory())
        FavoriteFactory(user=user, sample=None, prompt=PromptFactory())
        FavoriteFactory()
        response = page.get(reverse("favorites"))
        assert {tab["label"]: tab["count"] for tab in response.context["tabs"]} == {
            "All": 3,
            "Prompts": 2,
            "Audio": 1,
        }
        assert len(listed(page)) == 3
        assert all(favorite.prompt for favorite in listed(page, "prompts"))
        assert all(favorite.sample for favorite in listed(page, "audio"))
        wrong = page.get(reverse("favorites"), {"tab": "nonsense"})
        assert wrong.status_code == 400 and "Known: all, prompts, audio" in wrong.content.decode()

    def test_newest_first(self, page, user):
        older, newer = FavoriteFactory(user=user), FavoriteFactory(user=user)
        Favorite.objects.filter(pk=older.pk).update(created_at=timezone.now() - timedelta(days=1))
        assert listed(page) == [newer, older]

    def test_a_hundred_characters_of_prompt_the_note_and_the_dates(self, page, user):
        text = "so long a prompt " * 12
        FavoriteFactory(user=user, sample=None, prompt=PromptFactory(text=text), note="the best\none")
        shown = page.get(reverse("favorites")).text
        assert text[:99] + "…" in shown
        assert text[:101] not in shown
        assert "the best<br>one" in shown
        assert flat(shown).count("<time ") == 2

    def test_audio_plays_in_place_beside_its_prompt(self, page, user):
        favorite = FavoriteFactory(user=user)
        shown = page.get(reverse("favorites")).text
        assert reverse("audio-stream", args=[favorite.sample.pk]) in shown
        assert reverse("prompt-detail", args=[favorite.sample.job.prompt.pk]) in shown

    @pytest.mark.parametrize("tab", ["all", "prompts", "audio"])
    def test_an_empty_tab_teaches(self, page, tab):
        assert "Press" in page.get(reverse("favorites"), {"tab": tab}).text

    def test_what_was_deleted_is_neither_listed_nor_counted(self, page, user):
        sample = AudioSampleFactory(stored=False)
        FavoriteFactory(user=user, sample=sample)
        FavoriteFactory(user=user, sample=None, prompt=PromptFactory(deleted_at=timezone.now()))
        sample.job.deleted_at = timezone.now()
        sample.job.save()
        response = page.get(reverse("favorites"))
        assert [tab["count"] for tab in response.context["tabs"]] == [0, 0, 0]

    def test_the_number_of_queries_does_not_grow_with_the_rows(self, page, user):
        def add() -> None:
            FavoriteFactory(user=user, sample=AudioSampleFactory(stored=False))
            FavoriteFactory(user=user, sample=None, prompt=PromptFactory())

        url = reverse("favorites")
        add()
        page.get(url)
        with CaptureQueriesContext(connection) as few:
            page.get(url)
        for _ in range(4):
            add()
        with CaptureQueriesContext(connection) as many:
            page.get(url)
        assert len(many) == len(few)


class TestNotes:
    @pytest.fixture
    def favorite(self, user: Any) -> Favorite:
        return FavoriteFactory(user=user, sample=AudioSampleFactory(stored=False), note="before")

    def url(self, favorite: Favorite) -> str:
        return reverse("favorite-note", args=[favorite.pk])

    def test_in_place_the_form_opens_saves_and_closes(self, page, favorite):
        form = page.get(self.url(favorite), headers=HTMX).text
        assert form.lstrip().startswith("<form") and f'id="note-{favorite.pk}"' in form and "before" in form
        saved = page.post(self.url(favorite), {"note": "  after & beyond "}, headers=HTMX).text
        assert f'id="note-{favorite.pk}"' in saved and "after &amp; beyond" in saved
        favorite.refresh_from_db()
        assert favorite.note == "after & beyond"

    def test_cancel_shows_the_note_as_it_was(self, page, favorite):
        answer = page.get(f"{self.url(favorite)}?cancel", headers=HTMX).text
        assert "before" in answer and "<form" not in answer

    def test_without_script_it_is_a_page_of_its_own(self, page, favorite):
        assert "<html" in page.get(self.url(favorite)).text
        response = page.post(self.url(favorite), {"note": "after"})
        assert response.url == reverse("favorites")
        favorite.refresh_from_db()
        assert favorite.note == "after"

    def test_five_hundred_characters_fit_line_ends_counted_once(self, page, favorite):
        note = "a" * 249 + "\r\n" + "b" * 250
        assert page.post(self.url(favorite), {"note": note}).status_code == 302
        favorite.refresh_from_db()
        assert len(favorite.note) == 500

    def test_longer_notes_are_refused_and_kept_in_the_form(self, page, favorite):
        note = "n" * 501
        plain = page.post(self.url(favorite), {"note": note})
        assert plain.status_code == 400
        fragment = page.post(self.url(favorite), {"note": note}, headers=HTMX)
        for response in (plain, fragment):
            assert "at most 500 characters" in response.text
            assert note in response.text
        favorite.refresh_from_db()
        assert favorite.note == "before"

    def test_an_empty_note_takes_it_away(self, page, favorite):
        page.post(self.url(favorite), {"note": " "})
        favorite.refresh_from_db()
        assert favorite.note == ""

    def test_the_note_of_somebody_else_is_404(self, page):
        theirs = FavoriteFactory(sample=AudioSampleFactory(stored=False), note="secret")
        assert page.get(self.url(theirs)).status_code == 404
        assert page.post(self.url(theirs), {"note": "mine"}).status_code == 404
        theirs.refresh_from_db()
        assert theirs.note == "secret"
