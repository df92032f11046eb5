"""Parts of pages that are made without a template."""

from __future__ import annotations

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates, get_default_renderer
from django.template import Context, Template
from django.utils.translation import gettext_lazy

from text2song.tests.html import flat

LISTS = {
    "plain": [("a", "A"), ("b", gettext_lazy("Library"))],
    "groups": [("", "None"), ("<G&>", [("x", "<X>"), ('"', "y")]), ("H", [(1, "one"), (None, "no value")])],
    "none": [],
}


class Lively(forms.Select):
    """Says more of each choice."""

    def create_option(self, name, value, *rest, **further):
        option = super().create_option(name, value, *rest, **further)
        option["attrs"] |= {"disabled": value == "a", "data-of": f'<"{value}">'}
        return option


@pytest.mark.parametrize("choices", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("kind", [forms.Select, forms.SelectMultiple, Lively])
@pytest.mark.parametrize("value", ["a", '"', 1, None])
def test_a_list_of_choices_is_what_django_makes_of_it(choices, kind, value):
    widget = kind(choices=choices)
    wanted, made = (
        flat(widget.render("given", [value] if kind is forms.SelectMultiple else value, {"id": "i"}, renderer))
        for renderer in (DjangoTemplates(), get_default_renderer())
    )
    for boolean in (" selected", " disabled"):  # they stand last
        assert wanted.count(boolean) == made.count(boolean)
        wanted, made = wanted.replace(boolean, ""), made.replace(boolean, "")
    assert made.strip() == wanted.strip()
    assert ("selected" in kind(choices=choices).render("given", "a")) is (choices is LISTS["plain"])


def test_an_icon_says_nothing_and_bears_any_name():
    made = Template("{% icon name small=True %}").render(Context({"name": '"><b>'}))
    assert 'class="icon icon-small" aria-hidden="true"' in made and "<b>" not in made
