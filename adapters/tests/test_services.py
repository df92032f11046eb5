"""Renaming, switching, promoting, rolling back and deleting adapters."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from adapters import services, usage
from adapters.exceptions import (
    AdapterDeleted,
    AdapterExists,
    AdapterInactive,
    AdapterNotActive,
    AdapterNotFound,
    AdapterOfAnotherBase,
)
from adapters.models import Adapter
from adapters.models.names import next_version
from adapters.services.selection import find_adapter, require_selectable
from adapters.tests.factories import AdapterFactory
from generation.tests.factories import BaseModelFactory
from text2song.exceptions import Conflict, Forbidden

pytestmark = pytest.mark.django_db


@pytest.fixture
def base():
    return BaseModelFactory(display_name="Tiny")


def test_an_edit_changes_what_it_is_called_and_when(curator):
    adapter = AdapterFactory(name="warm")
    before = adapter.updated_at
    services.edit_adapter(adapter=adapter, actor=curator, name=" warmer ", description="a\r\nb")
    adapter.refresh_from_db()
    assert (adapter.name, adapter.version, adapter.description) == ("warmer", "1.0.0", "a\nb")
    assert adapter.updated_at > before


@pytest.mark.parametrize("values", [{"name": " "}, {"name": "x" * 101}, {"version": "1"}, {"description": "\x00"}])
def test_an_edit_out_of_range_is_refused(curator, values):
    adapter = AdapterFactory()
    with pytest.raises(ValidationError):
        services.edit_adapter(adapter=adapter, actor=curator, **values)


def test_a_taken_name_is_refused_and_a_deleted_one_is_free(curator):
    adapter, other = AdapterFactory(name="a"), AdapterFactory(name="b")
    with pytest.raises(AdapterExists, match=r"free one is 1\.0\.1"):
        services.edit_adapter(adapter=adapter, actor=curator, name="b")
    services.delete_adapter(adapter=other, actor=curator)
    services.edit_adapter(adapter=Adapter.objects.get(pk=adapter.pk), actor=curator, name="b")


def test_the_database_too_knows_one_name_one_default_and_no_deleted_default(base):
    AdapterFactory(name="a", base_model=base, is_default=True)
    for wrong in (
        {"name": "a"},
        {"base_model": base, "is_default": True},
        {"is_default": True, "is_active": False},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            AdapterFactory(**wrong)


def test_only_its_owner_and_curators_change_it_and_only_curators_choose_defaults(user, curator):
    mine, others = AdapterFactory(created_by=user), AdapterFactory()
    services.deactivate_adapter(adapter=mine, actor=user)
    services.activate_adapter(adapter=mine, actor=user)
    for service in (services.activate_adapter, services.deactivate_adapter, services.delete_adapter):
        with pytest.raises(Forbidden):
            service(adapter=others, actor=user)
    for service in (services.make_default, services.roll_back):
        with pytest.raises(Forbidden):
            service(adapter=mine, actor=user)


def test_one_default_per_base_and_rolling_back_goes_through_those_before(base, curator):
    first, second, third = (AdapterFactory(base_model=base) for _ in range(3))
    elsewhere = AdapterFactory(is_default=True)
    for adapter in (first, second, third):
        services.make_default(adapter=adapter, actor=curator)
    assert Adapter.objects.default_of(base) == third
    services.deactivate_adapter(adapter=second, actor=curator)
    assert services.roll_back(adapter=third, actor=curator) == first, "the inactive one is passed over"
    assert Adapter.objects.default_of(base) == first
    assert services.roll_back(adapter=first, actor=curator) is None
    assert Adapter.objects.default_of(base) is None
    with pytest.raises(Conflict, match="not the default"):
        services.roll_back(adapter=first, actor=curator)
    elsewhere.refresh_from_db()
    assert elsewhere.is_default


def test_rolling_back_to_and_fro_ends(base, curator):
    first, second = AdapterFactory(base_model=base), AdapterFactory(base_model=base)
    for adapter in (first, second, first):
        services.make_default(adapter=adapter, actor=curator)
    first.refresh_from_db()
    assert services.earlier_default(first) == second
    Adapter.objects.filter(pk=second.pk).update(is_active=False)
    first.refresh_from_db()
    assert services.earlier_default(first) is None


def test_the_default_made_default_again_remembers_the_one_before(base, curator):
    first, second = AdapterFactory(base_model=base), AdapterFactory(base_model=base)
    for adapter in (first, second, second):
        services.make_default(adapter=adapter, actor=curator)
    assert services.roll_back(adapter=second, actor=curator) == first


def test_an_inactive_one_cannot_be_default_and_a_default_made_inactive_is_none(base, curator):
    adapter = AdapterFactory(base_model=base, is_active=False)
    with pytest.raises(AdapterNotActive):
        services.make_default(adapter=adapter, actor=curator)
    services.activate_adapter(adapter=adapter, actor=curator)
    services.make_default(adapter=adapter, actor=curator)
    services.deactivate_adapter(adapter=adapter, actor=curator)
    assert Adapter.objects.default_of(base) is None


def test_deleted_it_is_gone_from_lists_and_deleting_again_is_not_found(base, curator):
    adapter = AdapterFactory(base_model=base, is_default=True)
    services.delete_adapter(adapter=adapter, actor=curator)
    assert adapter.is_deleted and not adapter.is_active and not adapter.is_default
    assert not Adapter.objects.visible().exists() and not Adapter.objects.selectable_for(base).exists()
    for service in (services.delete_adapter, services.activate_adapter):
        with pytest.raises(AdapterNotFound):
            service(adapter=adapter, actor=curator)


def test_what_cannot_be_chosen_is_told_by_name_with_what_can(base):
    good = AdapterFactory(name="good", base_model=base)
    other = BaseModelFactory(display_name="Grand")
    gone = AdapterFactory(base_model=base, is_active=False, deleted_at="2026-01-01T00:00Z")
    cases = {
        AdapterDeleted: (gone, base, "deleted"),
        AdapterInactive: (AdapterFactory(base_model=base, is_active=False), base, "not active"),
        AdapterOfAnotherBase: (good, other, "requires Tiny; it does not fit Grand. No adapter fits Grand"),
    }
    for error, (adapter, model, words) in cases.items():
        with pytest.raises(error, match=words) as refused:
            require_selectable(adapter, model)
        assert adapter.label in refused.value.message
        assert ("good@1.0.0" in refused.value.message) or model == other
    require_selectable(good, base)


def test_an_adapter_for_other_files_of_its_base_cannot_be_chosen(base):
    adapter = AdapterFactory(base_model=base, base_revision="an older one")
    assert not Adapter.objects.selectable_for(base).exists()
    with pytest.raises(AdapterOfAnotherBase, match="other files of Tiny"):
        require_selectable(adapter, base)
    base.revision = ""
    require_selectable(adapter, base)


def test_found_by_id_or_by_name_and_version(curator):
    adapter = AdapterFactory(name="a@b", version="2.0.0-rc.1")
    assert find_adapter(str(adapter.pk)) == find_adapter("a@b@2.0.0-rc.1") == adapter
    services.delete_adapter(adapter=adapter, actor=curator)
    assert find_adapter("a@b@2.0.0-rc.1") == adapter
    again = AdapterFactory(name="a@b", version="2.0.0-rc.1")
    assert find_adapter("a@b@2.0.0-rc.1") == again
    for unknown in ("a@b", "a@b@1.0.0", "", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(AdapterNotFound):
            find_adapter(unknown)


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], "1.0.0"),
        (["1.0.0"], "1.0.1"),
        (["1.9.0", "1.10.0"], "1.10.1"),
        (["2.0.0-beta", "1.0.0"], "2.0.0"),
        (["2.0.0-beta", "2.0.0"], "2.0.1"),
    ],
)
def test_the_next_version(taken, free):
    assert next_version(taken) == free


def test_where_nobody_plays_adapters_none_was_ever_used(monkeypatch):
    monkeypatch.setattr(usage, "_counts", [usage._never_used])
    AdapterFactory(stored=False)
    adapter = Adapter.objects.with_usage().get()
    assert (adapter.sample_count, adapter.job_count, adapter.last_used_at) == (0, 0, None)
