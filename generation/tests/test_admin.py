"""The curators' desk."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import reverse

from generation.models import (
    AudioSample,
    BaseModel,
    Collection,
    Favorite,
    GenerationDefaults,
    GenerationJob,
    ModelFetch,
    ShareLink,
)
from generation.services import collect, make_collection, share
from generation.tests.factories import (
    AudioSampleFactory,
    BaseModelFactory,
    FavoriteFactory,
    GenerationJobFactory,
    ModelFetchFactory,
    PromptFactory,
)
from text2song.tests.factories import UserFactory

pytestmark = pytest.mark.django_db

MAKERS = {
    BaseModel: BaseModelFactory,
    ModelFetch: ModelFetchFactory,
    GenerationJob: lambda: AudioSampleFactory(stored=False).job,
    AudioSample: AudioSampleFactory,
    Favorite: FavoriteFactory,
    Collection: lambda: collected(),
    ShareLink: lambda: share(target=collected(), actor=UserFactory(is_staff=True)),
    GenerationDefaults: GenerationDefaults.load,
}


def collected():
    """A collection with a clip in it."""
    owner = UserFactory()
    collection = make_collection(actor=owner, name="Mornings")
    collect(collection=collection, samples=[AudioSampleFactory(stored=False)], actor=owner)
    return collection


def list_url(model, query=""):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") + query


def act(client, model, name, *rows):
    """Run an action on rows; returns the messages shown."""
    body = {"action": name, "_selected_action": [str(row.pk) for row in rows]}
    answer = client.post(list_url(model), body, follow=True)
    assert answer.redirect_chain, answer.content
    return [str(message) for message in answer.context["messages"]]


@pytest.mark.parametrize("model", MAKERS, ids=lambda model: model.__name__)
def test_lists_and_pages_open(curator_page, model):
    row = MAKERS[model]()
    assert curator_page.get(list_url(model)).status_code == 200
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
    assert curator_page.get(url).status_code == 200


@pytest.mark.parametrize("model", [m for m in MAKERS if m is not GenerationDefaults], ids=lambda m: m.__name__)
def test_lists_take_the_same_queries_however_long(curator_page, model, django_assert_max_num_queries):
    for _ in range(2):
        MAKERS[model]()
    curator_page.get(list_url(model))
    with django_assert_max_num_queries(20) as few:
        curator_page.get(list_url(model))
    for _ in range(6):
        MAKERS[model]()
    with django_assert_max_num_queries(len(few)):
        curator_page.get(list_url(model))


def test_everything_can_be_searched(curator_page):
    job = AudioSampleFactory(stored=False, job__prompt=PromptFactory(text="a rare zither")).job
    sample = job.samples.get()
    heart = FavoriteFactory(sample=sample, note="keep this")
    fetch = ModelFetchFactory(error="no route")
    AudioSampleFactory(stored=False)
    for model, words, found in (
        (GenerationJob, "zither", job),
        (GenerationJob, str(job.pk), job),
        (GenerationJob, job.short_id, job),
        (AudioSample, "zither", sample),
        (AudioSample, str(sample.pk), sample),
        (AudioSample, str(job.pk), sample),
        (BaseModel, job.base_model.key, job.base_model),
        (ModelFetch, "no route", fetch),
        (Favorite, "keep this", heart),
    ):
        answer = curator_page.get(list_url(model), {"q": words})
        assert list(answer.context["cl"].queryset) == [found], (model, words)


def test_lists_can_be_filtered(curator_page):
    failed = GenerationJobFactory(failed=True)
    GenerationJobFactory()
    for query in ("?state__exact=failed", f"?base_model__id__exact={failed.base_model_id}"):
        assert list(curator_page.get(list_url(GenerationJob, query)).context["cl"].queryset) == [failed], query
    assert len(curator_page.get(list_url(GenerationJob, "?deleted_at__isempty=1")).context["cl"].queryset) == 2


def test_the_state_of_a_job_cannot_be_written(curator_page):
    job = GenerationJobFactory()
    url = reverse("admin:generation_generationjob_change", args=[job.pk])
    page = curator_page.get(url).content.decode()
    assert 'name="state"' not in page and 'name="_save"' not in page
    curator_page.post(url, {"state": "completed", "seed": 1})
    job.refresh_from_db()
    assert job.state == "queued"


def test_jobs_are_cancelled_requeued_and_deleted_through_services(curator_page):
    queued, failed, done = (
        GenerationJobFactory(),
        GenerationJobFactory(failed=True),
        GenerationJobFactory(completed=True),
    )
    told = act(curator_page, GenerationJob, "cancel", queued, done)
    assert "Jobs cancelled: 1." in told and any("already completed" in text for text in told)
    told = act(curator_page, GenerationJob, "requeue", failed, done)
    assert "Jobs put back in the queue: 1." in told and any(str(done) in text for text in told)
    told = act(curator_page, GenerationJob, "delete_jobs", done)
    assert told == ["Jobs deleted: 1."]
    states = {job.pk: (job.state, job.is_deleted) for job in GenerationJob.objects.all()}
    assert states == {
        queued.pk: ("cancelled", False),
        failed.pk: ("queued", False),
        done.pk: ("completed", True),
    }


def test_models_are_activated_fetched_and_removed_through_services(curator_page, tmp_path):
    BaseModel.objects.all().delete()
    old, new = BaseModelFactory(is_active=True), BaseModelFactory(display_name="New one")
    far = BaseModelFactory(installed=False)
    folder = BaseModelFactory(source=BaseModel.Source.FOLDER, location=str(tmp_path), installed=False)
    assert any("New one" in text for text in act(curator_page, BaseModel, "activate", new))
    assert BaseModel.objects.get(is_active=True) == new
    assert "exactly one" in act(curator_page, BaseModel, "activate", new, old)[0]
    assert "not on this machine" in act(curator_page, BaseModel, "activate", far)[0]
    assert act(curator_page, BaseModel, "fetch", far) == ["Fetches put in the queue: 1."]
    assert "being fetched already" in act(curator_page, BaseModel, "fetch", far)[0]
    assert act(curator_page, ModelFetch, "cancel", ModelFetch.objects.get()) == ["Fetches stopped: 1."]
    told = act(curator_page, BaseModel, "remove", folder, old)
    assert told[-1].endswith(": 1.") and not BaseModel.objects.filter(pk=folder.pk).exists()


def test_samples_are_hidden_and_can_be_listened_to(curator_page):
    sample = AudioSampleFactory()
    assert reverse("audio-stream", args=[sample.pk]) in curator_page.get(list_url(AudioSample)).content.decode()
    assert act(curator_page, AudioSample, "delete_samples", sample) == ["Samples deleted: 1."]
    sample.refresh_from_db()
    assert sample.is_deleted


def test_defaults_take_effect_and_keep_their_bounds(curator_page):
    GenerationDefaults.load()
    url = reverse("admin:generation_generationdefaults_change", args=[1])
    initial = curator_page.get(url).context["adminform"].form.initial
    form = {name: "" if value is None else value for name, value in initial.items()}
    assert curator_page.post(url, form | {"num_samples": 4}).status_code == 302
    assert GenerationDefaults.load().num_samples == 4
    refused = curator_page.post(url, form | {"num_samples": 9})
    assert refused.status_code == 200 and GenerationDefaults.load().num_samples == 4


def test_users_are_kept_out(page):
    assert page.get(list_url(GenerationJob)).status_code == 302


def test_nothing_can_be_added_or_removed_past_the_services(curator_page):
    for model in (BaseModel, ModelFetch, GenerationJob, AudioSample, Favorite):
        desk = admin.site._registry[model]
        request = curator_page.get(list_url(model)).wsgi_request
        assert not desk.has_add_permission(request) and not desk.has_delete_permission(request)


def test_collections_and_links_are_acted_upon_by_the_services(curator_page):
    collection = collected()
    link = share(target=collection, actor=collection.owner)
    assert "shared with the studio: 1." in act(curator_page, Collection, "share", collection)[0]
    collection.refresh_from_db()
    assert collection.is_shared
    act(curator_page, Collection, "make_private", collection)
    act(curator_page, ShareLink, "revoke", link)
    collection.refresh_from_db()
    link.refresh_from_db()
    assert not collection.is_shared and link.revoked_at is not None
    act(curator_page, Collection, "delete_collections", collection)
    assert not Collection.objects.exists() and AudioSample.objects.visible().count() == 1
    assert link.token not in curator_page.get(list_url(ShareLink)).text
