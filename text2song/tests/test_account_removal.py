"""An account can be deleted whatever its owner did here: their work stays without a name, what is theirs alone goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import CASCADE, SET_NULL, ForeignObjectRel
from django.urls import reverse
from django.utils import timezone

from adapters.models import DefaultChange
from adapters.tests.factories import AdapterFactory, AdapterRegistrationFactory, TasteFactory
from datasets_app.models import Export
from feedback.models import Invitation, Note, Preference, Ranking, Rating, SampleTag, Trial
from feedback.tests.factories import (
    ClipPairFactory,
    ListeningTestFactory,
    NoteFactory,
    PreferenceFactory,
    RaterProfileFactory,
    RatingFactory,
    SampleTagFactory,
    TrialFactory,
)
from generation.models import Deletion
from generation.services import make_collection, share
from generation.tests.factories import (
    AudioSampleFactory,
    FavoriteFactory,
    GenerationJobFactory,
    ModelFetchFactory,
)
from prompts.tests.factories import PromptFactory, PromptSuiteFactory, PromptTemplateFactory
from text2song.api_keys import create_key
from text2song.tests.factories import UserFactory
from training.models import Promotion, PromotionPolicy, TrainingDefaults
from training.rounds.tests.factories import begun
from training.tests.factories import DatasetFactory, ExperimentFactory, TasteFitFactory, TrainingRunFactory

pytestmark = pytest.mark.django_db
PERSONAL = {
    "ApiKey",
    "PromptTemplate",
    "Favorite",
    "Collection",
    "ShareLink",
    "Deletion",
    "RaterProfile",
    "LogEntry",
    "User_groups",
    "User_user_permissions",
}
"""What goes with the account; all else stays."""


def relations() -> list[ForeignObjectRel]:
    """All that refers to an account, also where the account does not refer back."""
    fields = UserFactory._meta.model._meta.get_fields(include_hidden=True)
    return [field for field in fields if field.auto_created and not field.concrete and hasattr(field, "on_delete")]


def rows(relation: ForeignObjectRel, user: Any) -> Any:
    return relation.related_model._base_manager.filter(**{relation.field.name: user})


def one_of_everything(user: Any) -> Any:
    """Rows of each kind that are `user`'s; returns a job with feedback of theirs."""
    job = GenerationJobFactory(requested_by=user, prompt=PromptFactory(author=user), completed=True)
    sample, other = (AudioSampleFactory(job=job, index=index) for index in range(2))
    RatingFactory(rater=user, sample=sample)
    PreferenceFactory(rater=user, sample_a=sample, sample_b=other)
    ranking = Ranking.objects.create(rater=user, set_key="0" * 32)
    ranking.places.create(sample=sample, place=1)
    ranking.places.create(sample=other, place=2)
    SampleTagFactory(rater=user, sample=sample)
    NoteFactory(rater=user, sample=sample)
    FavoriteFactory(user=user, sample=sample)
    share(target=make_collection(actor=user, name="Mornings"), actor=user)
    Deletion.objects.create(actor=user)
    TrainingDefaults.objects.create(set_by=user)
    PromptTemplateFactory(owner=user)
    RaterProfileFactory(user=user)
    suite = PromptSuiteFactory(created_by=user, prompts=[PromptFactory()], frozen=True)
    test = ListeningTestFactory(created_by=user, suite=suite)
    TrialFactory(rater=user, pair=ClipPairFactory(test=test))
    Invitation.objects.create(created_by=user, expires_at=timezone.now() + timedelta(days=1))
    training_of(user, suite)
    begun(user)
    create_key(user=user, name="laptop")
    content = ContentType.objects.get_for_model(user)
    LogEntry.objects.create(user=user, content_type=content, object_id="1", action_flag=CHANGE)
    user.groups.add(Group.objects.create(name="listeners"))
    user.user_permissions.add(Permission.objects.first())
    return job


def training_of(user: Any, suite: Any) -> None:
    dataset = DatasetFactory(created_by=user)
    Export.objects.create(dataset=dataset, format="jsonl", created_by=user)
    experiment = ExperimentFactory(created_by=user, dataset=dataset)
    TrainingRunFactory(experiment=experiment, created_by=user, completed=True)
    adapter = AdapterFactory(created_by=user)
    AdapterRegistrationFactory(created_by=user)
    TasteFitFactory(created_by=user, state="completed", taste=TasteFactory(created_by=user))
    DefaultChange.objects.create(base_model=adapter.base_model, after=adapter, reason="chosen", actor=user)
    ModelFetchFactory(requested_by=user)
    PromotionPolicy.objects.create(suite=suite, set_by=user)
    Promotion.objects.create(adapter=adapter, test=ListeningTestFactory(suite=suite), opened_by=user)


@pytest.fixture
def rita() -> Any:
    user = UserFactory(username="rita")
    user.job = one_of_everything(user)
    return user


def delete_in_admin(curator_page: Any, user: Any) -> Any:
    return curator_page.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"})


def delete_in_bulk(curator_page: Any, user: Any) -> Any:
    values = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
    return curator_page.post(reverse("admin:auth_user_changelist"), values)


def test_this_file_knows_of_everything_that_refers_to_an_account(rita):
    for relation in relations():
        kind = relation.related_model.__name__
        assert rows(relation, rita).exists(), f"make a {kind} in one_of_everything"
        assert relation.on_delete is (CASCADE if kind in PERSONAL else SET_NULL), kind


@pytest.mark.parametrize("delete", [delete_in_admin, delete_in_bulk])
def test_a_rater_who_has_one_of_everything_can_be_deleted(curator_page, rita, delete):
    had = {relation: list(rows(relation, rita).values_list("pk", flat=True)) for relation in relations()}
    assert delete(curator_page, rita).status_code == 302
    assert not type(rita).objects.filter(pk=rita.pk).exists()
    for relation, keys in had.items():
        left = relation.related_model._base_manager.filter(pk__in=keys)
        kind = relation.related_model.__name__
        assert left.count() == (0 if kind in PERSONAL else len(keys)), kind
        assert not left.exclude(**{relation.field.name: None}).exists(), kind


def test_what_stays_is_shown_without_a_name(curator_page, rita):
    job = rita.job
    delete_in_admin(curator_page, rita)
    curator_page.get(reverse("overview"))  # shows the message that names whom it was about
    sample = job.samples.first()
    pages = [
        reverse("job-detail", args=[job.pk]),
        reverse("sample-detail", args=[sample.pk]),
        reverse("prompt-detail", args=[job.prompt_id]),
        *map(reverse, ("jobs", "library", "tests", "raters", "invitations", "datasets", "adapters", "training")),
        reverse("feedback"),
        *("/api/v1/feedback/", "/api/v1/jobs/", "/api/v1/adapters/", "/api/v1/datasets/", "/api/v1/experiments/"),
    ]
    for address in pages:
        answer = curator_page.get(address)
        assert answer.status_code == 200, address
        assert "rita" not in answer.content.decode(), address
    assert "a former rater" in curator_page.get(reverse("feedback")).content.decode()


@pytest.mark.parametrize(("profile", "kept"), [({}, 1), ({"is_excluded": True}, 0), ({"kind": "synthetic"}, 0)])
def test_answers_that_count_nowhere_do_not_begin_to_count(profile: dict[str, Any], kept: int) -> None:
    rater = UserFactory()
    RaterProfileFactory(user=rater, **profile)
    trial = TrialFactory(rater=rater, voted_at=timezone.now(), choice="first")
    PreferenceFactory(rater=rater, trial=trial, source="trial")
    for make in (RatingFactory, SampleTagFactory, NoteFactory):
        make(rater=rater)
    rater.delete()
    left = (Trial.objects, Preference.objects, Rating.objects, SampleTag.objects, Note.objects)
    assert [answers.count() for answers in left] == [kept] * 5
