"""Use cases of prompts, templates and suites, whoever calls them."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from prompts import hearts, services
from prompts.exceptions import (
    NotYourPrompt,
    OnlyCurators,
    PromptInFrozenSuite,
    SuiteIsFrozen,
    SuiteNameTaken,
    SystemTemplate,
    TemplateNameTaken,
    TooManyTemplates,
    UnknownPrompts,
)
from prompts.models import Prompt, PromptSuite, PromptTemplate
from prompts.querysets import PromptTemplateQuerySet
from prompts.tests.factories import PromptFactory, PromptSuiteFactory, PromptTemplateFactory
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
TEMPLATE = {"name": "Walk", "category": "jazz", "text": "a slow walk"}


# -- prompts


def test_create_prompt_keeps_everything(user: Any) -> None:  # P-01, P-03, P-08
    prompt = services.create_prompt(
        actor=user,
        text="  a slow walk\r\nhome ",
        style="jazz",
        mood="peaceful",
        tempo=80,
        primary_instruments=["acoustic-piano"],
        secondary_instruments=["shaker"],
    )
    prompt.refresh_from_db()
    assert prompt.text == "a slow walk\nhome"
    assert prompt.author == user
    assert prompt.rendered_text == (
        "peaceful jazz, a slow walk home, featuring acoustic piano, with subtle shaker, 80 BPM"
    )


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"text": ""}, "text", "1 to 2000 characters"),
        ({"text": "  \n"}, "text", "1 to 2000 characters"),
        ({"text": "x" * 2001}, "text", "at most 2000"),
        ({"text": "a\x00b"}, "text", "cannot be stored"),
        ({"text": "a\ud800b"}, "text", "cannot be stored"),
        ({"style": "polka"}, "style", "polka"),
        ({"mood": "hangry"}, "mood", "hangry"),
        ({"tempo": 39}, "tempo", "40 to 200"),
        ({"tempo": 201}, "tempo", "40 to 200"),
        ({"tempo": -1}, "tempo", "40 to 200"),
        ({"primary_instruments": ["kazoo", "theremin"]}, "primary_instruments", "kazoo, theremin"),
        ({"secondary_instruments": ["kazoo"]}, "secondary_instruments", "kazoo"),
        ({"primary_instruments": ["cello", "cello"]}, "primary_instruments", "once"),
        (
            {"primary_instruments": ["cello"], "secondary_instruments": ["cello"]},
            "secondary_instruments",
            "Primary and secondary at once: Cello",
        ),
    ],
)
def test_wrong_prompts_are_refused(values: dict[str, Any], field: str, message: str) -> None:  # P-02, P-04, P-05, P-07
    with pytest.raises(ValidationError) as refused:
        services.create_prompt(actor=None, **{"text": "a walk"} | values)
    assert message in " ".join(refused.value.message_dict[field])
    assert not Prompt.objects.exists()


def test_the_database_refuses_too() -> None:
    for values in ({"text": ""}, {"text": "x" * 2001}, {"text": "x", "tempo": 39}, {"text": "x", "tempo": 201}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Prompt.objects.create(rendered_text="x", **values)


def test_delete_hides_the_prompt_and_its_hearts(user: Any, other_user: Any) -> None:
    prompt, other = PromptFactory(author=user), PromptFactory()
    suite = PromptSuiteFactory(prompts=[prompt, other])
    other_user.favorites.create(prompt=prompt)
    kept = other_user.favorites.create(prompt=other)
    services.delete_prompt(actor=user, prompt=prompt)
    assert list(other_user.favorites.all()) == [kept]
    assert list(suite.prompts.all()) == [other]
    assert Prompt.objects.filter(pk=prompt.pk).exists()
    assert not Prompt.objects.visible().filter(pk=prompt.pk).exists()
    assert services.find_prompt(prompt.pk) is None


def test_a_failing_delete_changes_nothing(user: Any) -> None:
    prompt = PromptFactory(author=user)
    user.favorites.create(prompt=prompt)
    with mock.patch.object(Prompt, "save", side_effect=RuntimeError), pytest.raises(RuntimeError):
        services.delete_prompt(actor=user, prompt=prompt)
    assert user.favorites.filter(prompt=prompt).exists()


def test_a_prompt_of_a_frozen_suite_stays(user: Any) -> None:
    prompt = PromptFactory(author=user)
    user.favorites.create(prompt=prompt)
    PromptSuiteFactory(name="Spring check", prompts=[prompt], frozen=True)
    PromptSuiteFactory(name="Open one", prompts=[prompt])
    with pytest.raises(PromptInFrozenSuite, match="Spring check") as refused:
        services.delete_prompt(actor=user, prompt=prompt)
    assert "Open one" not in refused.value.message
    assert user.favorites.count() == 1
    assert Prompt.objects.visible().count() == 1


def test_where_nobody_keeps_hearts_there_are_none(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = PromptFactory(author=user)
    user.favorites.create(prompt=prompt)
    monkeypatch.setattr(hearts, "_kept", [hearts.Hearts()])
    assert not Prompt.objects.with_hearts_of(user).get().is_favorite
    assert not Prompt.objects.favorites_of(user).exists()
    services.delete_prompt(actor=user, prompt=prompt)
    assert prompt.is_deleted and user.favorites.exists()


def test_only_author_and_curators_delete(user: Any, other_user: Any, curator: Any) -> None:
    prompt = PromptFactory(author=user)
    with pytest.raises(NotYourPrompt):
        services.delete_prompt(actor=other_user, prompt=prompt)
    services.delete_prompt(actor=curator, prompt=prompt)
    with pytest.raises(OnlyCurators):
        services.restore_prompt(actor=user, prompt=prompt)
    services.restore_prompt(actor=curator, prompt=prompt)
    assert services.find_prompt(prompt.pk) == prompt


def test_a_prompt_of_nobody_is_not_everybodys(user: Any) -> None:
    prompt = services.create_prompt(actor=None, text="from a command")
    with pytest.raises(NotYourPrompt):
        services.delete_prompt(actor=user, prompt=prompt)


def test_find_prompt_of_nonsense_is_none() -> None:
    assert services.find_prompt("not-an-id") is None


# -- templates


def test_save_template(user: Any) -> None:  # P-29
    template = services.save_template(actor=user, **TEMPLATE | {"name": "  Walk "}, tempo=70, style="jazz")
    assert template.name == "Walk" and template.owner == user and not template.is_system
    assert template in PromptTemplate.objects.available_to(user)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00"}, "name"),
        ({"category": "polka"}, "category"),
        ({"category": ""}, "category"),
        ({"text": " "}, "text"),
        ({"tempo": 20}, "tempo"),
        ({"style": "polka"}, "style"),
        ({"primary_instruments": ["kazoo"]}, "primary_instruments"),
        ({"duration": 0}, "duration"),
        ({"duration": 121}, "duration"),
    ],
)
def test_wrong_templates_are_refused(user: Any, values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        services.save_template(actor=user, **TEMPLATE | values)
    assert field in refused.value.message_dict
    assert not PromptTemplate.objects.filter(owner=user).exists()


def test_a_name_once_per_user(user: Any, other_user: Any) -> None:  # P-30
    mine = services.save_template(actor=user, **TEMPLATE)
    services.save_template(actor=other_user, **TEMPLATE)
    second = services.save_template(actor=user, **TEMPLATE | {"name": "Jazz Lounge"})  # a system one's name is free
    with pytest.raises(TemplateNameTaken, match="Walk"):
        services.save_template(actor=user, **TEMPLATE)
    with pytest.raises(TemplateNameTaken):
        services.update_template(actor=user, template=second, name="Walk")
    services.update_template(actor=user, template=mine, name="Walk", tempo=80)
    assert PromptTemplate.objects.filter(owner=user).count() == 2


def test_a_race_for_a_name_is_a_conflict(user: Any) -> None:
    services.save_template(actor=user, **TEMPLATE)
    with (
        mock.patch.object(PromptTemplateQuerySet, "exists", side_effect=[False, True]),
        mock.patch.object(PromptTemplate, "full_clean"),
        pytest.raises(TemplateNameTaken),
    ):
        services.save_template(actor=user, **TEMPLATE)
    assert PromptTemplate.objects.filter(owner=user).count() == 1


def test_a_hundred_templates_are_the_limit(user: Any, other_user: Any) -> None:  # P-30
    PromptTemplate.objects.bulk_create(
        PromptTemplate(owner=user, name=f"T{n}", category="jazz", text="x") for n in range(PromptTemplate.MAX_PER_USER)
    )
    with pytest.raises(TooManyTemplates, match="100"):
        services.save_template(actor=user, **TEMPLATE)
    services.save_template(actor=other_user, **TEMPLATE)


def test_system_templates_are_the_curators(user: Any, curator: Any) -> None:  # P-31
    template = PromptTemplate.objects.get(owner=None, name="Jazz Lounge")
    with pytest.raises(SystemTemplate):
        services.update_template(actor=user, template=template, tempo=100)
    with pytest.raises(SystemTemplate):
        services.delete_template(actor=user, template=template)
    services.update_template(actor=curator, template=template, tempo=100)
    template.refresh_from_db()
    assert template.tempo == 100


def test_deleting_a_template_leaves_prompts(user: Any) -> None:
    template = PromptTemplateFactory(owner=user)
    prompt = services.create_prompt(actor=user, text=template.text, **template.attributes)
    services.delete_template(actor=user, template=template)
    assert services.find_prompt(prompt.pk) == prompt


def test_copies_get_a_free_name(user: Any) -> None:
    template = PromptTemplate.objects.get(owner=None, name="Jazz Lounge")
    names = [services.duplicate_template(actor=user, template=template).name for _ in range(3)]
    assert names == ["Jazz Lounge", "Jazz Lounge (copy)", "Jazz Lounge (copy 2)"]
    long = PromptTemplateFactory(owner=user, name="n" * 100)
    assert len(services.duplicate_template(actor=user, template=long).name) <= 100


def test_apply_template_cuts_the_duration() -> None:  # P-28
    template = PromptTemplateFactory(duration=20, tempo=90, style="jazz", primary_instruments=["cello"])
    values = services.apply_template(template=template, max_duration=10)
    assert values["duration"] == 10 and values["tempo"] == 90 and values["primary_instruments"] == ["cello"]
    assert services.apply_template(template=template)["duration"] == 20
    assert "duration" not in services.apply_template(template=PromptTemplateFactory(), max_duration=10)


def test_shipped_templates() -> None:  # P-26
    shipped = {t.name: t for t in PromptTemplate.objects.filter(owner=None)}
    expected = {
        "Electronic Dance": (128, "energetic"),
        "Ambient Chill": (70, "peaceful"),
        "Cinematic Epic": (90, "dramatic"),
        "Jazz Lounge": (95, "peaceful"),
        "Pop Upbeat": (118, "uplifting"),
        "Classical Piano": (72, "melancholic"),
        "Lo-fi Study": (80, "nostalgic"),
    }
    assert {name: (t.tempo, t.mood) for name, t in shipped.items()} == expected
    for template in shipped.values():
        template.full_clean()
        assert template.style and template.primary_instruments and template.description


# -- suites


def test_a_frozen_suite_never_changes(curator: Any) -> None:  # P-32
    inside, outside = PromptFactory(), PromptFactory()
    suite = services.create_suite(actor=curator, name="Check", prompt_ids=[inside.pk])
    services.freeze_suite(actor=curator, suite=suite)
    for change in (
        lambda: services.add_prompts(actor=curator, suite=suite, prompt_ids=[outside.pk]),
        lambda: services.remove_prompt(actor=curator, suite=suite, prompt=inside),
        lambda: services.update_suite(actor=curator, suite=suite, name="Other"),
        lambda: services.update_suite(actor=curator, suite=suite, prompt_ids=[]),
        lambda: services.delete_suite(actor=curator, suite=suite),
        lambda: services.freeze_suite(actor=curator, suite=suite),
        lambda: PromptSuite.objects.get().items.create(prompt=outside),
        lambda: PromptSuite.objects.get().items.get().delete(),
    ):
        with pytest.raises(SuiteIsFrozen):
            change()
    assert PromptSuite.objects.get().prompt_ids == [inside.pk]
    assert list(Prompt.objects.outside_suites()) == [outside]


def test_suites_keep_their_order(curator: Any) -> None:
    a, b, c = PromptFactory(), PromptFactory(), PromptFactory()
    suite = services.create_suite(actor=curator, name="Order", prompt_ids=[c.pk, a.pk, c.pk])
    assert services.add_prompts(actor=curator, suite=suite, prompt_ids=[a.pk, b.pk]) == 1
    assert suite.prompt_ids == [c.pk, a.pk, b.pk]
    services.remove_prompt(actor=curator, suite=suite, prompt=a)
    services.update_suite(actor=curator, suite=suite, prompt_ids=[b.pk, c.pk])
    assert PromptSuite.objects.get().prompt_ids == [b.pk, c.pk]


def test_suites_refuse_unknown_and_deleted_prompts(curator: Any) -> None:
    deleted = PromptFactory()
    services.delete_prompt(actor=curator, prompt=deleted)
    with pytest.raises(UnknownPrompts, match=str(deleted.pk)):
        services.create_suite(actor=curator, name="Check", prompt_ids=[PromptFactory().pk, deleted.pk])
    assert not PromptSuite.objects.exists()


def test_an_empty_suite_cannot_be_frozen(curator: Any) -> None:
    with pytest.raises(ValidationError, match="at least one prompt"):
        services.freeze_suite(actor=curator, suite=PromptSuiteFactory())


def test_only_curators_change_suites(user: Any) -> None:
    suite = PromptSuiteFactory(prompts=[PromptFactory()])
    with pytest.raises(OnlyCurators):
        services.create_suite(actor=user, name="Mine")
    with pytest.raises(OnlyCurators):
        services.freeze_suite(actor=user, suite=suite)


def test_a_suite_name_once(curator: Any) -> None:
    services.create_suite(actor=curator, name="Check")
    with pytest.raises(SuiteNameTaken):
        services.create_suite(actor=curator, name=" Check ")


def test_removing_a_user_keeps_prompts() -> None:
    author = UserFactory()
    prompt = PromptFactory(author=author)
    author.delete()
    prompt.refresh_from_db()
    assert prompt.author is None
