"""Pages of the history, templates and suites."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
from prompts import services
from prompts.models import Prompt, PromptSuite, PromptTemplate
from prompts.tests.factories import PromptFactory, PromptSuiteFactory, PromptTemplateFactory

pytestmark = pytest.mark.django_db


def texts(client: Client, **query: str) -> list[str]:
    return [prompt.text for prompt in client.get(reverse("prompts"), query).context["page"]]


# -- the history


def test_newest_first_twenty_to_a_page(page: Client) -> None:  # P-20
    for n in range(22):
        PromptFactory(text=f"melody {n}")
    assert texts(page) == [f"melody {n}" for n in range(21, 1, -1)]
    assert texts(page, page="2") == ["melody 1", "melody 0"]
    assert len(texts(page, page="nonsense")) == 20


def test_deleted_prompts_are_not_listed(page: Client, curator: Any) -> None:
    services.delete_prompt(actor=curator, prompt=PromptFactory())
    assert texts(page) == []


def test_search_marks_and_remembers(page: Client) -> None:  # P-22
    PromptFactory(text="rain on the roof")
    PromptFactory(text="Piano in the rain", primary_instruments=["acoustic-piano"])
    PromptFactory(text="<script>alert('rain')</script>")
    answer = page.get(reverse("prompts"), {"q": "piano rain"})
    html = answer.content.decode()
    assert answer.context["page"][0].text == "Piano in the rain"
    assert "<mark>Piano</mark> in the <mark>rain</mark>" in html
    assert "Acoustic <mark>piano</mark>" in html
    assert "<script>alert" not in html and "&lt;script&gt;" in html
    page.get(reverse("prompts"), {"q": "<b>bold</b>"})
    answer = page.get(reverse("prompts"))
    assert answer.context["recent"] == ["<b>bold</b>", "piano rain"]
    assert "<b>bold" not in answer.content.decode()
    page.post(reverse("prompt-searches-clear"))
    assert page.get(reverse("prompts")).context["recent"] == []


def test_recent_searches_are_ones_own(page: Client, curator_page: Client) -> None:
    page.get(reverse("prompts"), {"q": "secret plan"})
    assert "secret plan" not in curator_page.get(reverse("prompts")).content.decode()


def test_filters_narrow_the_search(page: Client, user: Any) -> None:  # P-23
    old = timezone.now() - datetime.timedelta(days=10)
    PromptFactory(text="rain a", style="jazz", mood="dark", tempo=80)
    PromptFactory(text="rain b", style="jazz", mood="happy", tempo=120, author=user)
    PromptFactory(text="rain c", style="rock", mood="dark", created_at=old)
    PromptFactory(text="sun", style="jazz", tempo=100)
    assert texts(page, q="rain", style="jazz") == ["rain b", "rain a"]
    assert texts(page, q="rain", style="jazz", mood="dark") == ["rain a"]
    assert texts(page, tempo_min="80", tempo_max="100") == ["sun", "rain a"]
    assert texts(page, tempo_max="200") == ["sun", "rain b", "rain a"]  # without a tempo: left out
    week_ago = (timezone.now() - datetime.timedelta(days=7)).date().isoformat()
    assert texts(page, created_before=week_ago) == ["rain c"]
    assert texts(page, created_after=week_ago) == ["sun", "rain b", "rain a"]
    assert texts(page, created_after=old.date().isoformat(), created_before=old.date().isoformat()) == ["rain c"]
    assert texts(page, mine="true") == ["rain b"]
    user.favorites.create(prompt=Prompt.objects.get(text="sun"))
    assert texts(page, favorites="true") == ["sun"]


def test_a_badge_counts_active_filters(page: Client) -> None:  # P-23
    PromptFactory(style="jazz", tempo=90)
    query = {"q": "melody", "style": "jazz", "tempo_min": "80", "tempo_max": "100"}
    answer = page.get(reverse("prompts"), query)
    assert list(answer.context["history"].active.values()) == ["Style: Jazz", "Tempo: 80 to 100 BPM"]
    assert '<span class="count count-strong">2<' in answer.content.decode()
    chips = answer.context["history"].chips
    assert "style" not in chips[0].url and "tempo_min=80" in chips[0].url and "q=melody" in chips[0].url


def test_the_address_of_a_live_search_is_short(page: Client) -> None:
    query = {"q": "rain", "style": "", "tempo_min": "80", "page": "1"}
    answer = page.get(reverse("prompts"), query, headers={"hx-request": "true"})
    assert answer.headers["HX-Push-Url"] == f"{reverse('prompts')}?q=rain&tempo_min=80&page=1"


def test_nothing_found_suggests_what_to_loosen(page: Client) -> None:  # P-24
    PromptFactory(text="rain", style="jazz")
    PromptFactory(text="rain again", style="jazz")
    PromptFactory(text="sun", style="rock")
    answer = page.get(reverse("prompts"), {"q": "rain", "style": "rock"})
    assert answer.status_code == 200 and answer.context["page"].paginator.count == 0
    assert [(c.label, c.count) for c in answer.context["loosenings"]] == [
        ("Without Style: Rock", 2),
        ("Without the words “rain”", 1),
    ]
    answer = page.get(reverse("prompts"), {"q": "rain", "style": "rock", "mood": "dark"})
    assert [c.label for c in answer.context["loosenings"]] == ["Only the words “rain”", "Only Style: Rock"]
    assert "Ask for less" in answer.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"style": "polka"},
        {"tempo_min": "5.5"},
        {"tempo_min": "100", "tempo_max": "50"},
        {"created_after": "yesterday"},
        {"created_after": "0001-01-01"},
        {"created_before": "9999-12-31"},
        {"created_before": "99999-12-31"},
        {"mine": "perhaps"},
        {"q": "\x00"},
        {"page": "-1"},
    ],
)
def test_nonsense_in_the_address_is_answered(page: Client, query: dict[str, str]) -> None:
    PromptFactory()
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        page.cookies["tz"] = zone
        assert page.get(reverse("prompts"), query).status_code in ((200,) if "page" in query else (200, 400))


def test_an_empty_history_teaches(page: Client) -> None:  # O-10
    assert "No prompts yet" in page.get(reverse("prompts")).content.decode()


def test_the_list_takes_a_fixed_number_of_queries(
    page: Client, user: Any, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    def count() -> int:
        with django_assert_max_num_queries(40) as captured:
            page.get(reverse("prompts"), {"q": "melody"})
        return len(captured)

    page.get(reverse("prompts"), {"q": "melody"})
    user.favorites.create(prompt=PromptFactory())
    few = count()
    for _ in range(10):
        user.favorites.create(prompt=PromptFactory())
    assert count() == few


# -- one prompt


def test_detail_shows_everything(page: Client, user: Any) -> None:  # P-03, P-21
    prompt = PromptFactory(
        author=user,
        text="a walk <i>home</i>",
        style="jazz",
        mood="dark",
        tempo=90,
        primary_instruments=["cello"],
        secondary_instruments=["rain"],
    )
    samples = [AudioSampleFactory(job=GenerationJobFactory(prompt=prompt, completed=True)) for _ in range(2)]
    deleted = AudioSampleFactory(job=GenerationJobFactory(prompt=prompt, completed=True, deleted_at=timezone.now()))
    html = page.get(reverse("prompt-detail", args=[prompt.pk])).content.decode()
    assert "a walk &lt;i&gt;home" in html
    assert "dark jazz, a walk" in html and "90 BPM" in html and "Cello" in html and "Rain" in html
    assert prompt.created_at.isoformat()[:10] in html
    for sample in samples:
        assert f'data-player="{sample.pk}"' in html
    assert str(deleted.pk) not in html
    assert f"{reverse('create')}?prompt={prompt.pk}" in html
    assert reverse("prompt-delete", args=[prompt.pk]) in html


def test_detail_queries_do_not_grow_with_samples(page: Client, django_assert_max_num_queries: Any) -> None:
    prompt = PromptFactory()
    url = reverse("prompt-detail", args=[prompt.pk])

    def count() -> int:
        with django_assert_max_num_queries(60) as captured:
            page.get(url)
        return len(captured)

    AudioSampleFactory(job=GenerationJobFactory(prompt=prompt, completed=True))
    few = count()
    for _ in range(3):
        AudioSampleFactory(job=GenerationJobFactory(prompt=prompt, completed=True))
    assert count() == few


def test_unknown_and_deleted_prompts_are_not_found(page: Client, curator: Any) -> None:
    prompt = PromptFactory()
    services.delete_prompt(actor=curator, prompt=prompt)
    for name in ("prompt-detail", "prompt-delete"):
        assert page.get(reverse(name, args=[prompt.pk])).status_code == 404
    assert page.get("/prompts/not-an-id/").status_code == 404


def test_delete_asks_and_names_what_goes(page: Client, user: Any, other_user: Any) -> None:
    prompt = PromptFactory(author=user)
    PromptSuiteFactory(name="Open one", prompts=[prompt])
    other_user.favorites.create(prompt=prompt)
    url = reverse("prompt-delete", args=[prompt.pk])
    html = page.get(url).content.decode()
    assert "1 favourite" in html and "Open one" in html and prompt.text in html
    assert Prompt.objects.visible().count() == 1
    page.post(url)
    assert Prompt.objects.visible().count() == 0 and other_user.favorites.count() == 0


def test_delete_in_a_frozen_suite_says_why(page: Client, user: Any) -> None:
    prompt = PromptFactory(author=user)
    PromptSuiteFactory(name="Baseline", prompts=[prompt], frozen=True)
    html = page.post(reverse("prompt-delete", args=[prompt.pk]), follow=True).content.decode()
    assert "Baseline" in html and "cannot be deleted" in html
    assert Prompt.objects.visible().count() == 1


def test_another_users_prompt_is_not_ones_to_delete(page: Client) -> None:
    prompt = PromptFactory()
    assert (
        reverse("prompt-delete", args=[prompt.pk])
        not in page.get(reverse("prompt-detail", args=[prompt.pk])).content.decode()
    )
    assert page.post(reverse("prompt-delete", args=[prompt.pk])).status_code == 403
    assert Prompt.objects.visible().count() == 1


# -- templates


def test_template_list_has_system_ones_first(page: Client, user: Any) -> None:  # P-25, P-27
    PromptTemplateFactory(owner=user, name="Aaa mine", category="jazz")
    PromptTemplateFactory(name="Hidden")
    answer = page.get(reverse("templates"))
    html = answer.content.decode()
    assert html.index("Jazz Lounge") < html.index("My templates") < html.index("Aaa mine")
    assert "Hidden" not in html
    jazz = page.get(reverse("templates"), {"category": "jazz"}).content.decode()
    assert "Jazz Lounge" in jazz and "Aaa mine" in jazz and "Cinematic Epic" not in jazz
    assert page.get(reverse("templates"), {"category": "polka"}).status_code == 400


def test_template_create_edit_delete(page: Client, user: Any) -> None:
    page.post(
        reverse("template-create"), {"name": "Walk", "category": "jazz", "text": "a walk", "role-cello": "primary"}
    )
    template = PromptTemplate.objects.get(owner=user)
    assert template.primary_instruments == ["cello"]
    values = {"name": "Walk", "category": "folk", "text": "a longer walk", "tempo": "90"}
    page.post(reverse("template-edit", args=[template.pk]), values)
    template.refresh_from_db()
    assert (template.category, template.tempo, template.primary_instruments) == ("folk", 90, [])
    assert "Walk" in page.get(reverse("template-delete", args=[template.pk])).content.decode()
    page.post(reverse("template-delete", args=[template.pk]))
    assert not PromptTemplate.objects.filter(owner=user).exists()


def test_a_taken_name_keeps_what_was_typed(page: Client, user: Any) -> None:  # P-30
    PromptTemplateFactory(owner=user, name="Walk")
    values = {"name": "Walk", "category": "jazz", "text": "another walk", "tempo": "90"}
    html = page.post(reverse("template-create"), values).content.decode()
    assert "You already have a template named" in html and "another walk</textarea>" in html and 'value="90"' in html
    assert PromptTemplate.objects.filter(owner=user).count() == 1


def test_the_hundred_and_first_template_is_refused(page: Client, user: Any) -> None:  # P-30
    PromptTemplate.objects.bulk_create(
        PromptTemplate(owner=user, name=f"T{n}", category="jazz", text="x") for n in range(100)
    )
    html = page.post(reverse("template-create"), {"name": "W", "category": "jazz", "text": "a walk"}).content.decode()
    assert "already own 100 templates" in html and "a walk</textarea>" in html


def test_system_templates_are_read_only_for_users(page: Client, curator_page: Client) -> None:  # P-31
    template = PromptTemplate.objects.get(name="Jazz Lounge")
    for name in ("template-edit", "template-delete"):
        assert page.get(reverse(name, args=[template.pk])).status_code == 403
        assert page.post(reverse(name, args=[template.pk])).status_code == 403
    assert curator_page.get(reverse("template-edit", args=[template.pk])).status_code == 200


def test_another_users_template_is_not_found(page: Client) -> None:  # P-31
    template = PromptTemplateFactory()
    for name in ("template-edit", "template-delete"):
        assert page.get(reverse(name, args=[template.pk])).status_code == 404
    assert page.post(reverse("template-copy", args=[template.pk])).status_code == 404


def test_copy_makes_ones_own(page: Client, user: Any) -> None:
    template = PromptTemplate.objects.get(name="Jazz Lounge")
    page.post(reverse("template-copy", args=[template.pk]))
    assert PromptTemplate.objects.get(owner=user).text == template.text


# -- suites


def test_a_curator_makes_fills_and_freezes_a_suite(curator_page: Client, page: Client) -> None:  # P-32
    prompt, other = PromptFactory(text="rain walk"), PromptFactory(text="sun walk")
    curator_page.post(reverse("suite-create"), {"name": "Check", "description": ""})
    suite = PromptSuite.objects.get()
    detail = reverse("suite-detail", args=[suite.pk])
    html = curator_page.get(detail, {"q": "rain"}).content.decode()
    assert "<mark>rain</mark> walk" in html and "sun walk" not in html
    for chosen in (prompt, other):
        curator_page.post(reverse("suite-add", args=[suite.pk]), {"prompt": chosen.pk})
    curator_page.post(reverse("suite-remove", args=[suite.pk, other.pk]))
    assert suite.prompt_ids == [prompt.pk]
    assert "can never change again" in curator_page.get(reverse("suite-freeze", args=[suite.pk])).content.decode()
    curator_page.post(reverse("suite-freeze", args=[suite.pk]))
    assert PromptSuite.objects.get().is_frozen
    html = curator_page.post(reverse("suite-add", args=[suite.pk]), {"prompt": other.pk}, follow=True).content.decode()
    assert "can never change" in html and suite.prompt_ids == [prompt.pk]
    assert curator_page.get(reverse("suite-edit", args=[suite.pk])).status_code == 404
    html = curator_page.post(reverse("suite-delete", args=[suite.pk]), follow=True).content.decode()
    assert "can never change" in html and PromptSuite.objects.exists()
    assert "rain walk" in page.get(detail).content.decode()


def test_users_read_suites_only(page: Client) -> None:
    suite = PromptSuiteFactory(prompts=[PromptFactory()])
    assert page.get(reverse("suites")).status_code == 200
    assert "Add prompts" not in page.get(reverse("suite-detail", args=[suite.pk])).content.decode()
    for name in ("suite-edit", "suite-freeze", "suite-delete"):
        assert page.post(reverse(name, args=[suite.pk])).status_code == 403
    assert page.post(reverse("suite-create"), {"name": "Mine"}).status_code == 403
    assert page.post(reverse("suite-add", args=[suite.pk]), {"prompt": "x"}).status_code == 403


def test_an_empty_suite_is_not_frozen(curator_page: Client) -> None:
    suite = PromptSuiteFactory()
    html = curator_page.post(reverse("suite-freeze", args=[suite.pk]), follow=True).content.decode()
    assert "at least one prompt" in html and not PromptSuite.objects.get().is_frozen


def test_a_prompt_goes_into_a_suite_from_its_page(curator_page: Client) -> None:
    prompt, suite = PromptFactory(), PromptSuiteFactory(name="Check")
    url = reverse("prompt-add-to-suite", args=[prompt.pk])
    curator_page.post(url, {"suite": suite.pk})
    assert suite.prompt_ids == [prompt.pk]
    assert curator_page.post(url, {"suite": "nonsense"}).status_code == 404


# -- everyone


@pytest.mark.parametrize("name", ["prompts", "templates", "template-create", "suites", "prompt-preview"])
def test_pages_need_a_sign_in(client: Client, db: None, name: str) -> None:
    answer = client.get(reverse(name))
    assert answer.status_code == 302 and reverse("sign-in") in answer.headers["Location"]


def test_changes_need_post(page: Client, user: Any) -> None:
    assert page.get(reverse("prompt-searches-clear")).status_code == 405
    assert page.get(reverse("template-from-editor")).status_code == 405
    assert page.put(reverse("prompts")).status_code == 405
