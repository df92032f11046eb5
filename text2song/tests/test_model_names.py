"""The admin speaks of models and fields in the reader's language, and migrations know nothing of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import flatten, flatten_fieldsets
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation

from text2song.tests.test_no_english_left import leftovers, read, stored_words

OURS = ("text2song", "prompts", "adapters", "generation", "feedback", "datasets_app", "training")
KEPT = {"ID", "SHA-256", "top-k", "top-p"}
"""Names that are the same in both languages."""
REGISTERED = [model for model in admin.site._registry if model._meta.app_label in OURS]


def shown_fields(site: Any) -> set[str]:
    """Names of the fields that an admin lists, shows and filters by."""
    columns = (*site.list_display, *flatten(site.fields or ()), *flatten_fieldsets(site.fieldsets or ()))
    filters = (
        entry if isinstance(entry, str) else entry[0] for entry in site.list_filter if not isinstance(entry, type)
    )
    fields = {field.name for field in (*site.model._meta.fields, *site.model._meta.many_to_many)}
    return fields & {name.split("__")[0] for name in (*columns, *filters)}


def names_of(site: Any) -> set[str]:
    options = site.model._meta
    named = (str(options.get_field(name).verbose_name) for name in shown_fields(site))
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
    others = "Queue queues tasks Failed Queued Scheduled Successful"  # of the queue's own admin
    assert list(leftovers(read(html).texts, f"{stored_words()}\n{others}")) == []
