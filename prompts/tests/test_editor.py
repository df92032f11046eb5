"""The prompt editor: its form, its fragments, and its use without script."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from prompts.models import Prompt, PromptTemplate
from prompts.pages import writing
from prompts.pages.editing import editor_context, group_templates
from prompts.pages.forms import PromptForm
from prompts.tests.factories import PromptFactory, PromptTemplateFactory
from prompts.wording.vocabulary import INSTRUMENT_GROUPS

pytestmark = pytest.mark.django_db
HTMX = {"hx-request": "true"}


def form_of(query: str) -> PromptForm:
    return PromptForm(QueryDict(query))


# -- the form


def test_roles_come_from_the_picker_or_from_lists() -> None:
    picker = form_of("text=a&role-cello=primary&role-rain=secondary&role-harp=")
    lists = form_of("text=a&primary_instruments=cello&secondary_instruments=rain")
    for form in (picker, lists):
        assert form.is_valid(), form.errors
        assert form.cleaned_data["primary_instruments"] == ["cello"]
        assert form.cleaned_data["secondary_instruments"] == ["rain"]


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("text=", "text", "1 to 2000 characters"),
        ("text=%20%0A", "text", "1 to 2000 characters"),
        ("text=" + "x" * 2001, "text", "2001 characters; at most 2000"),
        ("text=a&style=polka", "style", "polka"),
        ("text=a&mood=hangry", "mood", "hangry"),
        ("text=a&tempo=39", "tempo", "40 to 200"),
        ("text=a&tempo=201", "tempo", "40 to 200"),
        ("text=a&tempo=5.5", "tempo", "40 to 200"),
        ("text=a&tempo=fast", "tempo", "40 to 200"),
        ("text=a&primary_instruments=kazoo&primary_instruments=theremin", "primary_instruments", "kazoo, theremin"),
        (
            "text=a&primary_instruments=cello&secondary_instruments=cello",
            "secondary_instruments",
            "Primary and secondary at once: Cello",
        ),
    ],
)
def test_wrong_values_are_named(query: str, field: str, message: str) -> None:  # P-02, P-04, P-05
    form = form_of(query)
    assert not form.is_valid()
    assert message in " ".join(form.errors[field])


@pytest.mark.parametrize(
    "query", ["text=x", "text=" + "x" * 2000, "text=a&tempo=40", "text=a&tempo=200", "text=a&tempo="]
)
def test_bounds_are_inclusive(query: str) -> None:
    assert form_of(query).is_valid()


def test_rendered_text_of_a_draft_is_what_gets_saved() -> None:  # P-09
    query = "text=a+walk.&style=jazz&mood=dark&tempo=90&role-cello=primary&role-rain=secondary"
    form = form_of(query)
    assert str(form.draft.rendered) == "dark jazz, a walk, featuring cello, with subtle rain, 90 BPM"
    form.is_valid()
    assert form.save().rendered_text == str(form.draft.rendered)


def test_an_unbound_form_renders_its_initial_values() -> None:
    prompt = PromptFactory(text="a walk", tempo=90, primary_instruments=["cello"])
    initial = {"text": prompt.text, **prompt.attributes}
    form = PromptForm(initial=initial)
    assert str(form.draft.rendered) == prompt.rendered_text
    assert [term.slug for term in form.picked_instruments["primary"]] == ["cello"]
    assert str(PromptForm().draft.rendered) == ""


def test_a_filled_editor_shows_what_it_will_send() -> None:  # P-09, P-28
    shown = PromptForm(initial={"text": "a walk", "primary_instruments": ["rain", "cello"], "tempo": 90})
    sent = form_of("text=a+walk&tempo=90&role-rain=primary&role-cello=primary")
    assert str(shown.draft.rendered) == str(sent.draft.rendered) == "a walk, featuring cello and rain, 90 BPM"


def test_a_tampered_draft_is_not_rendered() -> None:
    form = PromptForm(initial={"text": "a walk", "style": "polka", "tempo": "fast", "primary_instruments": ["kazoo"]})
    assert str(form.draft.rendered) == "a walk"


def test_editor_context(user: Any) -> None:
    PromptTemplateFactory(owner=user, category="jazz", name="Mine")
    PromptTemplateFactory(category="jazz", name="Another user's")
    context = editor_context(PromptForm(), user)
    assert set(context) == {"prompt_form", "coach", "reading", "templates_by_category"}
    jazz = next(group for group in context["templates_by_category"] if group.slug == "jazz")
    assert [t.name for t in jazz.system] == ["Jazz Lounge"] and [t.name for t in jazz.own] == ["Mine"]


def test_categories_keep_their_order() -> None:  # P-27
    order = [
        "electronic",
        "classical",
        "jazz",
        "ambient",
        "cinematic",
        "pop",
        "rock",
        "hip-hop",
        "lo-fi",
        "folk",
        "world",
    ]
    assert PromptTemplate.Category.values == order
    templates = [PromptTemplate(name=c, category=c, text="x") for c in reversed(order)]
    assert [group.slug for group in group_templates(templates)] == order


# -- in a page


def test_picker_has_seven_groups_each_folding(page: Client) -> None:  # P-06, P-07
    html = page.get(reverse("template-create")).content.decode()
    assert re.findall(r'data-group="([\w-]+)"', html) == [group.slug for group in INSTRUMENT_GROUPS]
    assert html.count('<details class="instrument-group"') == 7
    for role in ("", "primary", "secondary"):
        assert html.count(f'name="role-cello" value="{role}"') == 1
    assert "Any style" in html and "Any mood" in html


def test_the_create_page_holds_the_editor(page: Client) -> None:
    html = page.get(reverse("create")).content.decode()
    assert 'id="prompt-editor"' in html and 'id="coach"' in html and 'id="rendered-text"' in html
    assert "0</span>/2000" in html
    assert html.count("data-save-template disabled") == 1  # P-29: off, and says why
    assert "a template needs one" in html


def test_generate_again_fills_the_editor(page: Client) -> None:
    prompt = PromptFactory(text="a walk <b>home</b>", style="jazz", primary_instruments=["cello"])
    html = page.get(f"{reverse('create')}?prompt={prompt.pk}").content.decode()
    assert "a walk &lt;b&gt;home&lt;/b&gt;" in html
    assert 'name="role-cello" value="primary" checked' in html
    for nonsense in ("not-an-id", "7b0d5c86-3f0a-4a52-9a5e-0c3fb4f0a001"):
        assert page.get(f"{reverse('create')}?prompt={nonsense}").status_code == 200


def test_a_refused_prompt_keeps_what_was_typed(page: Client) -> None:
    answer = page.post(reverse("create"), {"text": "a walk", "tempo": "20", "role-cello": "primary"})
    html = answer.content.decode()
    assert "a walk</textarea>" in html and 'value="20"' in html
    assert 'name="role-cello" value="primary" checked' in html
    assert "Tempo must be a whole number from 40 to 200 BPM." in html
    assert not Prompt.objects.exists()


# -- the live preview


def test_preview_follows_the_fields(page: Client) -> None:  # P-09, P-10
    fields = {"text": " a walk ", "style": "jazz", "role-cello": "primary"}
    html = page.post(reverse("prompt-preview"), fields, headers=HTMX).content.decode()
    assert "jazz, a walk, featuring cello" in html
    assert 'data-missing="mood"' in html and 'data-missing="tempo"' in html
    assert 'data-missing="style"' not in html
    assert "6</span>/2000" in html
    assert "Cello" in html
    assert "data-save-template disabled" not in html


def test_preview_by_get(page: Client) -> None:
    html = page.get(reverse("prompt-preview"), {"text": "a walk"}, headers=HTMX).content.decode()
    assert "a walk" in html


def test_preview_says_what_is_wrong_but_not_before_one_starts(page: Client) -> None:
    url = reverse("prompt-preview")
    html = page.post(url, {"text": "x" * 2001, "tempo": "5.5"}, headers=HTMX).content.decode()
    assert "2001 characters; at most 2000" in html and "counter-over" in html
    assert "Tempo must be a whole number" in html
    html = page.post(url, {"text": ""}, headers=HTMX).content.decode()
    assert "Write what you want" not in html


def test_preview_escapes(page: Client) -> None:
    html = page.post(reverse("prompt-preview"), {"text": "<script>alert(1)</script>"}, headers=HTMX).content.decode()
    assert "<script>alert" not in html


def test_preview_stores_nothing(page: Client) -> None:
    page.post(reverse("prompt-preview"), {"text": "a walk"}, headers=HTMX)
    assert not Prompt.objects.exists()


def test_the_coach_says_why_in_one_line(page: Client) -> None:  # P-10
    html = page.post(reverse("prompt-preview"), {"text": "a walk", "style": "jazz"}, headers=HTMX).content.decode()
    missing = re.findall(r'title="([^"]+)" data-missing="(\w+)"', re.sub(r"\s+", " ", html))
    assert [field for _, field in missing] == ["primary_instruments", "mood", "tempo"]
    assert all(". " in why and why.rpartition(". ")[2] for why, _ in missing)
    for _, field in missing:
        assert f'id="coach-why-{field}"' in html and f'aria-describedby="coach-why-{field}"' in html
    offered = re.findall(r'data-coach-field="(\w+)"', html)
    assert {field: offered.count(field) for field in offered} == {"primary_instruments": 3, "mood": 1, "tempo": 1}


# -- without script


@pytest.mark.parametrize(
    ("add", "expected"),
    [
        ("tempo:72", 'value="72"'),
        ("style:jazz", '<option value="jazz" selected>'),
        ("primary_instruments:cello,harp", 'name="role-harp" value="primary" checked'),
    ],
)
def test_the_coach_adds_without_script(page: Client, add: str, expected: str) -> None:  # P-10, O-09
    answer = page.post(reverse("prompt-preview"), {"text": "a walk", "tempo": "", "add": add}, follow=True)
    html = answer.content.decode()
    assert answer.redirect_chain[-1][0] == f"{reverse('create')}?draft=1"
    assert "a walk</textarea>" in html and expected in html


@pytest.mark.parametrize(
    "add", ["tempo", "nonsense:1", "primary_instruments:kazoo", "text:", ":", "tempo:fast", "style:x"]
)
def test_malformed_additions_do_no_harm(page: Client, add: str) -> None:
    assert page.post(reverse("prompt-preview"), {"text": "a walk", "add": add}, follow=True).status_code == 200


# -- templates in the editor


def test_apply_fills_the_editor(page: Client) -> None:  # P-28
    template = PromptTemplate.objects.get(name="Jazz Lounge")
    answer = page.get(reverse("template-apply", args=[template.pk]), headers=HTMX)
    html = answer.content.decode()
    assert template.text in html and 'value="95"' in html
    assert '<option value="jazz" selected>' in html and '<option value="peaceful" selected>' in html
    assert 'name="role-acoustic-piano" value="primary" checked' in html
    assert "template-applied" in answer.headers["HX-Trigger-After-Settle"]
    told = json.loads(answer.headers["HX-Trigger-After-Settle"])["template-applied"]
    assert told == {"duration": template.duration, "name": "Jazz Lounge"}


def test_templates_are_cards_with_words_and_attributes(page: Client, user: Any) -> None:  # P-25, P-27
    PromptTemplateFactory(owner=user, category="jazz", name="My walk", text="slow steps", tempo=61, style="blues")
    PromptTemplateFactory(name="Another user's")
    html = page.get(reverse("create")).content.decode()
    drawer = html.partition('id="template-drawer"')[2].partition("</details>")[0]
    jazz = drawer.partition('id="template-category-jazz"')[2].partition("<section")[0]
    assert jazz.index("Jazz Lounge") < jazz.index("My walk") and ">mine<" in jazz
    assert "slow steps" in jazz and "Blues" in jazz and "61 BPM" in jazz
    assert "Another user" not in html


def test_apply_without_script(page: Client) -> None:
    template = PromptTemplate.objects.get(name="Jazz Lounge")
    answer = page.get(reverse("template-apply", args=[template.pk]), follow=True)
    assert template.text in answer.content.decode()


def test_apply_another_users_template_is_not_found(page: Client) -> None:
    template = PromptTemplateFactory(name="secret walk")
    assert page.get(reverse("template-apply", args=[template.pk])).status_code == 404
    assert "secret" not in page.get(f"{reverse('create')}?template={template.pk}").content.decode()


def test_save_from_the_editor_in_a_dialog(page: Client, user: Any) -> None:  # P-29
    fields = {"text": "a walk", "style": "jazz", "tempo": "80", "role-cello": "primary", "duration": "12"}
    html = page.post(reverse("template-from-editor"), fields, headers=HTMX).content.decode()
    assert "data-template-form" in html and '<option value="jazz" selected>' in html
    carried = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]+)"', html))
    answer = page.post(
        reverse("template-create"), carried | {"name": "My walk", "description": "", "category": "jazz"}, headers=HTMX
    )
    assert "template-saved" in answer.headers["HX-Trigger"]
    template = PromptTemplate.objects.get(owner=user)
    assert (template.name, template.text, template.style, template.tempo, template.duration) == (
        "My walk",
        "a walk",
        "jazz",
        80,
        12,
    )
    assert template.primary_instruments == ["cello"]
    assert "My walk" in page.get(reverse("template-picker"), headers=HTMX).content.decode()


def test_save_from_the_editor_needs_a_text(page: Client) -> None:  # P-29
    html = page.post(reverse("template-from-editor"), {"text": " "}, headers=HTMX).content.decode()
    assert "data-template-form" not in html and "a template needs one" in html
    answer = page.post(reverse("template-from-editor"), {"text": " "}, follow=True)
    assert "a template needs one" in answer.content.decode()


def test_save_from_the_editor_without_script(page: Client, user: Any) -> None:
    html = page.post(reverse("template-from-editor"), {"text": "a walk", "role-cello": "primary"}).content.decode()
    assert "a walk</textarea>" in html and 'name="role-cello" value="primary" checked' in html
    assert not PromptTemplate.objects.filter(owner=user).exists()


def test_without_a_page_to_write_on_the_history_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert writing.writing_url(draft=1) == "/create/?draft=1"
    monkeypatch.setattr(writing, "_page", ["prompts"])
    assert writing.writing_url() == "/prompts/"
