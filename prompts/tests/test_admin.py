"""Curation in the admin: search, filters, and actions that call the services."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from prompts.models import Prompt, PromptSuite, PromptTemplate
from prompts.tests.factories import PromptFactory, PromptSuiteFactory, PromptTemplateFactory

pytestmark = pytest.mark.django_db


def changelist(model: str) -> str:
    return reverse(f"admin:prompts_{model}_changelist")


def act(client: Client, model: str, action: str, *rows: object, **query: str) -> str:
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    suffix = "?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else ""
    return client.post(changelist(model) + suffix, data, follow=True).content.decode()


def test_prompts_are_found_deleted_and_restored(curator_page: Client) -> None:
    rain, sun = PromptFactory(text="rain walk", style="jazz"), PromptFactory(text="sun walk")
    html = curator_page.get(changelist("prompt"), {"q": "rain"}).content.decode()
    assert "rain walk" in html and "sun walk" not in html
    html = curator_page.get(changelist("prompt"), {"style__exact": "jazz"}).content.decode()
    assert "rain walk" in html and "sun walk" not in html
    assert "Deleted 1" in act(curator_page, "prompt", "delete_prompts", rain)
    assert list(Prompt.objects.visible()) == [sun]
    assert "rain walk" not in curator_page.get(changelist("prompt")).content.decode()
    assert "rain walk" in curator_page.get(changelist("prompt"), {"visibility": "all"}).content.decode()
    assert "Restored 1" in act(curator_page, "prompt", "restore_prompts", rain, visibility="deleted")
    assert Prompt.objects.visible().count() == 2


def test_a_prompt_of_a_frozen_suite_is_not_deleted(curator_page: Client) -> None:
    free, kept = PromptFactory(), PromptFactory()
    PromptSuiteFactory(name="Baseline", prompts=[kept], frozen=True)
    html = act(curator_page, "prompt", "delete_prompts", free, kept)
    assert "Deleted 1" in html and "Baseline" in html
    assert list(Prompt.objects.visible()) == [kept]


def test_prompts_are_read_only(curator_page: Client) -> None:
    prompt = PromptFactory()
    url = reverse("admin:prompts_prompt_change", args=[prompt.pk])
    assert curator_page.get(url).status_code == 200
    assert curator_page.post(url, {"text": "other"}).status_code == 403
    assert curator_page.get(reverse("admin:prompts_prompt_delete", args=[prompt.pk])).status_code == 403
    assert curator_page.get(reverse("admin:prompts_prompt_add")).status_code == 403


def test_system_templates_are_edited_here(curator_page: Client) -> None:  # P-31
    template = PromptTemplate.objects.get(name="Jazz Lounge")
    url = reverse("admin:prompts_prompttemplate_change", args=[template.pk])
    values = {
        "name": "Jazz Lounge",
        "description": template.description,
        "category": "jazz",
        "text": "a new text",
        "style": "jazz",
        "mood": "peaceful",
        "tempo": "20",
        "primary_instruments": '["kazoo"]',
        "secondary_instruments": "[]",
    }
    html = curator_page.post(url, values).content.decode()
    assert "40 to 200" in html and "kazoo" in html
    curator_page.post(url, values | {"tempo": "99", "primary_instruments": '["cello"]'})
    template.refresh_from_db()
    assert (template.text, template.tempo, template.primary_instruments) == ("a new text", 99, ["cello"])
    assert template.is_system


def test_templates_are_filtered_and_copied(curator_page: Client, curator: object) -> None:
    mine = PromptTemplateFactory(name="A user's walk")
    html = curator_page.get(changelist("prompttemplate"), {"kind": "system"}).content.decode()
    assert "Jazz Lounge" in html and "user&#x27;s walk" not in html
    assert "Copied 1" in act(curator_page, "prompttemplate", "duplicate", mine)
    assert PromptTemplate.objects.filter(owner=curator, name="A user's walk").exists()


def test_suites_are_frozen_and_then_read_only(curator_page: Client) -> None:  # P-32
    full, empty = PromptSuiteFactory(prompts=[PromptFactory(text="rain walk")]), PromptSuiteFactory()
    html = act(curator_page, "promptsuite", "freeze", full, empty)
    assert "Frozen 1" in html and "at least one prompt" in html
    assert PromptSuite.objects.get(pk=full.pk).is_frozen and not PromptSuite.objects.get(pk=empty.pk).is_frozen
    url = reverse("admin:prompts_promptsuite_change", args=[full.pk])
    assert curator_page.get(url).status_code == 200
    assert curator_page.post(url, {"name": "Other"}).status_code == 403
    assert curator_page.get(reverse("admin:prompts_promptsuite_delete", args=[full.pk])).status_code == 403
    assert "delete_selected" not in curator_page.get(changelist("promptsuite")).content.decode()


def test_a_suite_is_filled_in_its_form(curator_page: Client, curator: object) -> None:
    prompt = PromptFactory()
    values = {
        "name": "Check",
        "description": "",
        "items-TOTAL_FORMS": "1",
        "items-INITIAL_FORMS": "0",
        "items-0-prompt": str(prompt.pk),
        "items-0-position": "1",
    }
    curator_page.post(reverse("admin:prompts_promptsuite_add"), values)
    suite = PromptSuite.objects.get()
    assert suite.prompt_ids == [prompt.pk] and suite.created_by == curator


@pytest.mark.parametrize("model", ["prompt", "prompttemplate", "promptsuite"])
def test_lists_search_without_growing_queries(
    curator_page: Client, model: str, django_assert_max_num_queries: object
) -> None:
    def count() -> int:
        with django_assert_max_num_queries(30) as captured:
            assert curator_page.get(changelist(model), {"q": "walk"}).status_code == 200
        return len(captured)

    def add() -> None:
        PromptSuiteFactory(name=f"walk {PromptSuite.objects.count()}", prompts=[PromptFactory(text="a walk")])
        PromptTemplateFactory(text="a walk")

    add()
    few = count()
    for _ in range(3):
        add()
    assert count() == few
