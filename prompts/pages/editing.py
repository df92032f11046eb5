"""What the prompt editor shows. Any page with a form may include `prompts/_editor.html` with this context."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User

from prompts import services
from prompts.coach.advice import coach
from prompts.models import Prompt, PromptTemplate
from prompts.pages.forms import ATTRIBUTE_FIELDS, AttributesForm, PromptForm
from prompts.wording.reading import read
from text2song.pages.requests import StudioRequest

DRAFT_KEY = "prompt_draft"


@dataclass(slots=True)
class TemplateGroup:
    """A category with the templates a user may pick from it."""

    slug: str
    label: str
    system: list[PromptTemplate] = field(default_factory=list)
    own: list[PromptTemplate] = field(default_factory=list)


def editor_context(form: AttributesForm, user: User, model: str = "") -> dict[str, Any]:
    """Context of the editor and its drawer of templates: `prompt_form`, `coach`, `reading`, `templates_by_category`.

    `model` is the key of the model chosen on the page, if there is such a choice; else the active one reads.
    """
    templates = PromptTemplate.objects.available_to(user)
    return preview_context(form, model) | {"templates_by_category": group_templates(templates)}


def preview_context(form: AttributesForm, model: str = "") -> dict[str, Any]:
    """What follows every keystroke: the form, the coach's advice and what the model would read."""
    draft = form.draft
    reading = read(draft.rendered, model)
    return {"prompt_form": form, "coach": coach(draft, reading), "reading": reading}


def group_templates(templates: Iterable[PromptTemplate]) -> list[TemplateGroup]:
    """Templates under their categories, in the categories' order; empty categories are left out."""
    groups = {value: TemplateGroup(value, str(label)) for value, label in PromptTemplate.Category.choices}
    for template in templates:
        group = groups[template.category]
        (group.system if template.is_system else group.own).append(template)
    return [group for group in groups.values() if group.system or group.own]


def form_for(request: StudioRequest) -> PromptForm:
    """A form to start from, as the address asks: `?prompt=<id>`, `?template=<id>`, `?draft=1`, or an empty one.

    An unknown or foreign id gives an empty form: the address may be an old bookmark.
    """
    return PromptForm(initial=_initial(request))


def keep_draft(request: StudioRequest, values: dict[str, Any]) -> None:
    """Remember an editor's values for `?draft=1`; this is how the editor works without JavaScript."""
    request.session[DRAFT_KEY] = {name: values[name] for name in ATTRIBUTE_FIELDS if name in values}


def values_of(source: Prompt | PromptTemplate) -> dict[str, Any]:
    """Text and attributes of a saved prompt or template, as a form's initial values."""
    return {name: getattr(source, name) for name in ATTRIBUTE_FIELDS}


def _initial(request: StudioRequest) -> dict[str, Any]:
    if prompt_id := request.GET.get("prompt"):
        prompt = services.find_prompt(prompt_id)
        return values_of(prompt) if prompt else {}
    if template_id := request.GET.get("template"):
        template = services.find_template(actor=request.user, template_id=template_id)
        return values_of(template) if template else {}
    if request.GET.get("draft"):
        return request.session.get(DRAFT_KEY, {})
    return {}
