"""The admin speaks of models and fields in the reader's language, and migrations know nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import NotRelationField, flatten, flatten_fieldsets, get_fields_from_path
from django.core.exceptions import FieldDoesNotExist
from django.core.management import call_command
from django.db.models import Field
from django.test import Client
from django.urls import reverse
from django.utils import translation

from text2song.tests.test_no_english_left import leftovers, read, stored_words

OURS = ("text2song", "prompts", "adapters", "generation", "feedback", "datasets_app", "training")
KEPT = {"ID", "SHA-256", "top-k", "top-p"}
"""Names that are the same in both languages."""
REGISTERED = [model for model in admin.site._registry if model._meta.app_label in OURS]


def shown_fields(site: Any) -> Iterator[Any]:
    """The fields that an admin lists, shows and filters by, those behind others too."""
    columns = (*site.list_display, *flatten(site.fields or ()), *flatten_fieldsets(site.fieldsets or ()))
    filters = [
        entry if isinstance(entry, str) else entry[0] for entry in site.list_filter if isinstance(entry, str | tuple)
    ]
    for name in {*columns, *filters}:
        with suppress(FieldDoesNotExist, NotRelationField):
            yield get_fields_from_path(site.model, name)[-1]


def names_of(site: Any) -> set[str]:
    options = site.model._meta
    named = (str(field.verbose_name) for field in shown_fields(site) if isinstance(field, Field))
    return {str(options.verbose_name), str(options.verbose_name_plural), *named}


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_every_name_the_admin_shows_is_translated(model):
    with translation.override("zh-hant"):
        assert {name for name in names_of(admin.site._registry[model]) if name.isascii()} <= KEPT


@pytest.mark.django_db
def test_names_make_no_migrations():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_apps_are_named_too():
    with translation.override("zh-hant"):
        assert str(apps.get_app_config("feedback").verbose_name) == "評價"


@pytest.mark.django_db
def test_the_list_of_jobs_holds_no_english(curator_page: Client):
    curator_page.cookies["django_language"] = "zh-hant"
    html = curator_page.get(reverse("admin:generation_generationjob_changelist")).content.decode()
    others = "Queue queues tasks Failed Queued Scheduled Successful Search"  # of the queue's admin, and of Django's
    assert list(leftovers(read(html).texts, f"{stored_words()}\n{others}")) == []
