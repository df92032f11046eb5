"""The direction of imports holds for names too: an app follows no relation that an app above it has drawn to it, and
names none of its addresses. No import shows either.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps

from text2song.tests.doors import app_of_address
from text2song.tests.test_template_layers import FOLDER, LAYERS, TEMPLATES, app_of_template

ROOT = Path(__file__).resolve().parents[2]
APPS = LAYERS[1:]
LINKS = {"reverse", "reverse_lazy", "redirect", "redirect_back", "next_url", "url_or_empty", "resolve_url"}
"""Functions that are given the name of an address."""
TOLD = {"aggregate", "alias", "annotate", "defer", "distinct", "exclude", "filter", "only", "order_by", "values"}
TOLD |= {"prefetch_related", "select_related", "values_list", "Prefetch", "getattr", "hasattr", "setattr"}
TOLD |= {"Avg", "Count", "Exists", "F", "Max", "Min", "OuterRef", "Q", "Sum"}
"""Functions that are given the names of relations."""
LOOKUP = re.compile(r"-?[a-z]\w*")
ALIKE = {
    "generation/bundled/recipe/notes.py": {"run": "of `subprocess`"},
    "generation/engine/engine.py": {"run": "of a batch of clips"},
    "templates/prompts/list.html": {"favorites": "a field of the form that filters"},
}
"""Names that are no relations, though they are called alike: by file, what each is."""
IN_TAG = re.compile(r"{[{%].*?[%}]}", re.DOTALL)


@cache
def relations_from_above(app: str) -> frozenset[str]:
    """What relations are called from their other end, where apps above draw them to this app, to one below or to users.

    The names in Python and those in queries.
    """
    names = set()
    for above in APPS[APPS.index(app) + 1 :]:
        for model in apps.get_app_config(above).get_models(include_auto_created=True):
            for field in model._meta.get_fields():
                if not field.is_relation or not field.concrete or field.remote_field.hidden:
                    continue
                if not is_above(app, field.related_model._meta.app_label):
                    names |= {field.remote_field.get_accessor_name(), field.related_query_name()}
    return frozenset(names)


def _follows(app: str, lookup: str) -> bool:
    return bool(LOOKUP.fullmatch(lookup)) and not relations_from_above(app).isdisjoint(lookup.lstrip("-").split("__"))


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def relations_in_python(app: str, text: str) -> Iterator[str]:
    """Names of relations from above that a module follows: as attributes, in lookups, and as names given to queries."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Attribute(attr=name) if name in relations_from_above(app):
                yield name
            case ast.keyword(arg=str(name)) if "__" in name and _follows(app, name):
                yield name
            case ast.Constant(value=str(name)) if "__" in name and _follows(app, name):
                yield name
            case ast.Call() if _called(node) in TOLD:
                given = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
                given += [keyword.arg for keyword in node.keywords if keyword.arg]
                told = [name for name in given if isinstance(name, str) and "__" not in name]
                yield from (name for name in told if _follows(app, name))


def addresses_in_python(app: str, text: str) -> Iterator[str]:
    """Names of addresses of apps above that a module leads to."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and _called(node) in LINKS:
            names = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            yield from (name for name in names if isinstance(name, str) and is_above(app, app_of_address(name)))


def relations_in_template(app: str, text: str) -> Iterator[str]:
    """Names of relations from above that a template follows."""
    for tag in IN_TAG.findall(text):
        yield from (name for name in re.findall(r"\.(\w+)", tag) if name in relations_from_above(app))


def is_above(app: str, other: str) -> bool:
    return other in APPS and APPS.index(other) > APPS.index(app)


def modules_of(app: str) -> list[Path]:
    return [path for path in sorted((ROOT / app).rglob("*.py")) if not {"tests", "migrations"} & set(path.parts)]


def reaching_up(app: str) -> dict[str, list[str]]:
    """What an app follows and leads to of the apps above, by the file that does."""
    found = {
        str(path.relative_to(ROOT)): [*relations_in_python(app, text), *addresses_in_python(app, text)]
        for path in modules_of(app)
        for text in [path.read_text()]
    }
    found |= {
        f"templates/{name}": list(relations_in_template(app, (FOLDER / name).read_text()))
        for name in TEMPLATES
        if app_of_template(name) == app
    }
    reached = {name: sorted(set(names) - set(ALIKE.get(name, ()))) for name, names in found.items()}
    return {name: names for name, names in reached.items() if names}


@pytest.mark.parametrize("app", APPS)
def test_an_app_follows_nothing_that_apps_above_have_drawn_to_it(app: str) -> None:
    assert reaching_up(app) == {}, "leave a place there that the app above fills (docs/architecture.md, Layers)"


def test_only_adapters_refer_to_a_table_above_their_own() -> None:
    """By its name: what they ask of a base model is `adapters/base.py`."""
    drawn = {
        f"{model._meta.label}.{field.name}"
        for app in APPS
        for model in apps.get_app_config(app).get_models(include_auto_created=True)
        for field in model._meta.get_fields()
        if field.is_relation and field.concrete and is_above(app, field.related_model._meta.app_label)
    }
    assert drawn == {
        f"adapters.{name}.base_model" for name in ("Adapter", "AdapterRegistration", "DefaultChange", "Taste")
    }


def test_names_that_are_alike_are_still_there() -> None:
    for name, alike in ALIKE.items():
        text, of_template = (ROOT / name).read_text(), name.startswith("templates/")
        app = app_of_template(name.removeprefix("templates/")) if of_template else name.partition("/")[0]
        assert set(alike) <= set((relations_in_template if of_template else relations_in_python)(app, text)), name


@pytest.mark.parametrize(
    ("app", "line", "names"),
    [
        ("prompts", "prompt.jobs.visible()", ["jobs"]),
        ("prompts", "Q(jobs__samples__deleted_at__isnull=True)", ["jobs__samples__deleted_at__isnull"]),
        ("prompts", "hearts = user.favorites.filter(prompt=prompt)", ["favorites"]),
        ("prompts", "prompts.exclude(jobs=None)", ["jobs"]),
        ("prompts", "prompts.annotate(n=Count('jobs'))", ["jobs"]),
        ("prompts", "ordering = ('-jobs__created_at',)", ["-jobs__created_at"]),
        ("adapters", "adapters.prefetch_related('arms')", ["arms"]),
        ("adapters", "getattr(adapter, 'run', None)", ["run"]),
        ("generation", "samples.filter(ratings__rater=user)", ["ratings__rater"]),
        ("feedback", "test.promotion.decide()", ["promotion"]),
        ("datasets_app", "dataset.experiments.all()", ["experiments"]),
        ("prompts", "prompt.suite_items.filter(suite__frozen_at=None)", []),
        ("prompts", "page(favorites=True, said='jobs', path='jobs')", []),
        ("generation", "prompt.jobs.filter(samples__favorites__user=user)", []),
        ("training", "dataset.runs.filter(experiment__base_model__jobs=None)", []),
    ],
)
def test_relations_from_above_are_found_and_no_others(app: str, line: str, names: list[str]) -> None:
    assert list(relations_in_python(app, line)) == names


@pytest.mark.parametrize(
    ("app", "line", "names"),
    [
        ("prompts", "redirect('create')", ["create"]),
        ("adapters", "reverse('api-audio-stream', args=[sample.pk])", ["api-audio-stream"]),
        ("datasets_app", "url_or_empty('experiment-new')", ["experiment-new"]),
        ("prompts", "redirect('prompt-detail', prompt_id=prompt.pk)", []),
        ("training", "reverse('adapter-detail', args=[adapter.pk])", []),
        ("prompts", "redirect(url); say('create')", []),
    ],
)
def test_addresses_above_are_found_and_no_others(app: str, line: str, names: list[str]) -> None:
    assert list(addresses_in_python(app, line)) == names


def test_relations_from_above_are_found_in_templates() -> None:
    text = "<p>prompt.jobs</p>{% for job in prompt.jobs.all %}{{ job.samples.count }}{% endfor %}{{ jobs }}"
    assert list(relations_in_template("prompts", text)) == ["jobs"]
    assert list(relations_in_template("feedback", text)) == []
