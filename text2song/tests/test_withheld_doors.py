"""Clips of an open listening test stand nowhere but in its trials: every address there is, asked by a rater with a
browser and a script, and by a curator. When the test is over they stand everywhere.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.urls import reverse

from adapters.models import Adapter, Taste
from adapters.tests.factories import AdapterFactory, TasteFactory
from feedback.judgements.performance import performance
from feedback.listening_tests import pairs
from feedback.listening_tests.services import creation, lifecycle, trials, votes
from feedback.listening_tests.services.creation import ArmSpec
from feedback.listening_tests.tests.listening import HEARD, finish_jobs, let_pass
from feedback.models import ArmJob, ListeningTest, Preference
from feedback.services import rate
from generation.models import AudioSample, Collection, Favorite, GenerationJob, ShareLink
from generation.services import collect, make_collection, share
from generation.tests.factories import ClipScoreFactory, GenerationJobFactory
from prompts.models import Prompt
from prompts.tests.factories import PromptFactory, PromptSuiteFactory
from text2song.tests.clients import caller_with_key
from text2song.tests.doors import answer_of, patterns

pytestmark = pytest.mark.django_db


@dataclass
class Hidden:
    """An open test of an adapter against its base model on two prompts, and an adapter of the same model beside it."""

    test: ListeningTest
    adapter: Adapter
    curator: Any
    taste: Taste
    collection: Collection | None = None
    link: ShareLink | None = None

    @property
    def jobs(self) -> list[GenerationJob]:
        return [made.job for made in ArmJob.objects.filter(arm__test=self.test).select_related("job__prompt")]

    @property
    def samples(self) -> list[AudioSample]:
        return list(AudioSample.objects.filter(job__arm_job__arm__test=self.test))

    @property
    def words(self) -> set[str]:
        """What names a job or a clip."""
        told = {word for job in self.jobs for word in (str(job.pk), job.short_id, str(job.seed))}
        for clip in self.samples:
            told |= {str(clip.pk), clip.short_id, str(clip.seed), clip.sha256, clip.audio_file.name}
        return told - {""}


@pytest.fixture
def hidden(curator) -> Hidden:
    adapter = AdapterFactory()
    suite = PromptSuiteFactory(prompts=[PromptFactory(), PromptFactory()], frozen=True)
    arms = [ArmSpec(adapter.base_model), ArmSpec(adapter.base_model, adapter)]
    values = {"duration": 1, "gold_share": 0.0, "repeat_share": 0.0, "seed": 1_234_567_890, "votes_wanted": 1}
    test = creation.create_test(actor=curator, name="Old against new", suite=suite, arms=arms, **values)
    lifecycle.start_test(actor=curator, test=test)
    return Hidden(test, adapter, curator, TasteFactory(base_model=adapter.base_model))


@pytest.fixture
def judged(hidden) -> Hidden:
    finish_jobs(hidden.test)
    pairs.collect_pairs(hidden.test)
    hidden.test.refresh_from_db()
    assert hidden.test.state == "active" and len(hidden.samples) == 4
    hidden.collection = make_collection(actor=hidden.curator, name="Mornings", is_shared=True)
    collect(collection=hidden.collection, samples=hidden.samples, actor=hidden.curator)
    hidden.link = share(target=hidden.collection, actor=hidden.curator)
    for place, sample in enumerate(hidden.samples):
        ClipScoreFactory(taste=hidden.taste, sample=sample, score=place)
    return hidden


# -- every address there is ------------------------------------------------------------------------------------------


def ids_for(hidden: Hidden, name: str, parameter: str) -> list[Any]:
    """What a script that knows every id puts there."""
    job, clip = hidden.jobs[0], (hidden.samples or [None])[0]
    clip_id = clip.pk if clip else hidden.jobs[0].sample_id(0)
    collected = [hidden.collection.pk] if hidden.collection else []
    known = {
        "job_id": [job.pk],
        "sample_id": [clip_id],
        "prompt_id": [job.prompt_id],
        "adapter_id": [hidden.adapter.pk],
        "taste_id": [hidden.taste.pk],
        "test_id": [hidden.test.pk],
        "suite_id": [hidden.test.suite_id],
        "slug": ["overall"],
        "file_format": ["wav", "flac", "mp3"],
        "key": [hidden.adapter.base_model.key],
        "token": [hidden.link.token if hidden.link else "a-token-nobody-has"],
        "collection_id": [hidden.collection.pk if hidden.collection else job.pk],
        "number": [1],
        "app_label": ["generation", "feedback"],
    }
    several = (
        [job.pk, clip_id, job.prompt_id, hidden.adapter.pk, hidden.taste.pk, *collected]
        if parameter in ("pk", "object_id")
        else [job.pk]
    )
    return known.get(parameter, several)


def addresses(hidden: Hidden) -> list[str]:
    """All of them, filled with what they could be asked for; lists also with everything they may be narrowed by."""
    job, clip = hidden.jobs[0], (hidden.samples or [SimpleNamespace(pk=uuid.uuid4(), sha256="x")])[0]
    wanted = {"prompt": job.prompt_id, "adapter": hidden.adapter.pk, "q": job.prompt.text.split()[0]}
    wanted |= {"job": job.pk, "sample": clip.pk, "state": job.state}
    narrowed = [[(name, value)] for name, value in wanted.items()]
    narrowed += [[("ids", pk) for pk in ([c.pk for c in hidden.samples[:2]] or [clip.pk])]]
    found = []
    for name, pattern in patterns():
        parameters = list(pattern.pattern.regex.groupindex)
        choices: list[dict[str, Any]] = [{}]
        for parameter in parameters:
            values = ids_for(hidden, name, parameter)
            choices = [chosen | {parameter: value} for chosen in choices for value in values]
        urls = [reverse(name, kwargs=chosen) for chosen in choices]
        if not parameters and not name.startswith("admin:"):
            urls += [f"{url}?{urlencode(query)}" for url in urls for query in narrowed]
        found += urls
    return found


def telling(client: Any, hidden: Hidden, urls: list[str]) -> dict[str, set[str]]:
    """Addresses whose answer names what is hidden, beyond what was asked for."""
    words, found = hidden.words, {}
    for url in urls:
        status, text = answer_of(client, url)
        assert status < 500 or url.startswith("/readyz"), url
        named = {word for word in words if word in text and not any(word in asked for asked in _asked(url, words))}
        if named:
            found[url] = named
    return found


def _asked(url: str, words: set[str]) -> list[str]:
    """An id in the address may be said back (“There is no sample …”), and so may the short form of it."""
    return [word for word in words if word in url and len(word) > 8]


def test_the_table_knows_every_address(hidden):
    names = {name for name, _ in patterns()}
    assert {"jobs", "job-card", "audio-stream", "api-job-list", "api-audio-detail", "compare", "metrics"} <= names
    assert len(addresses(hidden)) > 250


@pytest.mark.parametrize("asker", ["rater", "script", "curator"])
def test_nothing_tells_while_the_test_is_open(judged, asker, page, user, curator_page):
    client: Any = {"rater": page, "script": caller_with_key(user, "read", "write"), "curator": curator_page}[asker]
    urls = addresses(judged)
    if asker == "script":
        urls = [url for url in urls if url.startswith("/api/")]
    if asker == "curator":
        urls = [url for url in urls if not _is_the_curators_desk(url, judged)]
    assert telling(client, judged, urls) == {}


def _is_the_curators_desk(url: str, hidden: Hidden) -> bool:
    """A test's own pages; the queue, whose messages name jobs and nothing of them; and ids in the admin, which says
    them back a page later (they have a test of their own).
    """
    desks = (str(hidden.test.pk), "/listening-tests/", "/admin/feedback/listeningtest/", "/admin/django_q/")
    return any(desk in url for desk in desks) or (url.startswith("/admin/") and "-" in url)


def test_no_list_tells_while_its_clips_are_being_made(hidden, page):
    lists = [url for url in addresses(hidden) if not url.startswith("/admin/") and not any(c in url for c in "-?")]
    assert "/jobs/" in lists and telling(page, hidden, lists) == {}


def test_the_admin_does_not_have_them(judged, curator_page):
    for name, pk in (("generationjob", judged.jobs[0].pk), ("audiosample", judged.samples[0].pk)):
        for page_of in ("change", "history"):
            answer = curator_page.get(reverse(f"admin:generation_{name}_{page_of}", args=[pk]))
            assert answer.status_code == 302 and answer.url == reverse("admin:index")


JOB_DOORS = ["job-detail", "job-card", "job-delete"]
SAMPLE_DOORS = [
    "sample-detail",
    "sample-in-player",
    "sample-menu",
    "sample-delete",
    "audio-stream",
    "audio-spectrogram",
    "sample-feedback",
]
SAMPLE_ACTIONS = ["sample-extend", "sample-vary", "sample-rename", "sample-share", "sample-tags", "sample-note"]


@pytest.mark.parametrize("who", ["rater", "curator"])
def test_a_withheld_clip_answers_as_one_that_does_not_exist(judged, who, page, curator_page):
    client = {"rater": page, "curator": curator_page}[who]
    job, clip = judged.jobs[0], judged.samples[0]
    doors = [(name, job.pk) for name in (*JOB_DOORS, "job-cancel", "job-retry")]
    doors += [(name, clip.pk) for name in (*SAMPLE_DOORS, "sample-keep", *SAMPLE_ACTIONS)]
    for name, pk in doors:
        for method in ("get", "post"):
            ask = getattr(client, method)
            asked, unknown = ask(reverse(name, args=[pk])), ask(reverse(name, args=[uuid.uuid4()]))
            assert asked.status_code == unknown.status_code and asked.status_code in (404, 405), (name, method)


def test_a_script_gets_nothing_by_sending_either(judged, user, curator):
    clip, other = judged.samples[:2]
    job, pair = judged.jobs[0], {"sample_a": str(clip.pk), "sample_b": str(other.pk)}
    for caller in (caller_with_key(user, "read", "write"), caller_with_key(curator, "read", "write")):
        doors = [
            ("get", f"jobs/{job.pk}/", None),
            ("delete", f"jobs/{job.pk}/", None),
            ("get", f"generate/{job.pk}/", None),
            ("delete", f"generate/{job.pk}/", None),
            ("get", f"audio/{clip.pk}/", None),
            ("delete", f"audio/{clip.pk}/", None),
            ("post", f"audio/{clip.pk}/keep/", None),
            ("post", "favorites/", {"sample": str(clip.pk)}),
            ("post", "feedback/", {"kind": "rating", "sample": str(clip.pk), "scores": {"overall": 3}}),
            ("post", "feedback/", {"kind": "note", "sample": str(clip.pk), "text": "Which is it?"}),
            ("post", "feedback/", {"kind": "tags", "sample": str(clip.pk), "tags": ["catchy"]}),
            ("post", "feedback/", {"kind": "preference", **pair, "winner": "a"}),
            ("post", "feedback/", {"kind": "ranking", "samples": list(pair.values())}),
            ("get", f"feedback/stats/?sample={clip.pk}", None),
            ("get", f"feedback/?job={job.pk}", None),
            ("get", f"feedback/stats/?job={job.pk}", None),
            ("get", f"audio/?job={job.pk}", None),
        ]
        for method, path, body in doors:
            answer = getattr(caller, method)(f"/api/v1/{path}", body, format="json" if body else None)
            assert answer.status_code in (400, 404), (method, path, answer.status_code)
    assert not Favorite.objects.exists()


def test_counts_leave_them_out_until_the_test_is_over(judged, user, page):
    def counts() -> dict[str, Any]:
        adapter = Adapter.objects.visible().with_usage().get(pk=judged.adapter.pk)
        figures = performance(adapter=judged.adapter, reader=user)
        return {
            "prompts": set(AudioSample.objects.visible().counts_by_prompt(Prompt.objects.all()).values()),
            "usage": (adapter.job_count, adapter.sample_count, adapter.last_used_at is None),
            "performance": [(side.generations, side.samples) for side in figures.both],
            "jobs": page.get("/api/v1/jobs/statistics/").json()["states"]["completed"],
        }

    assert counts() == {"prompts": {0}, "usage": (0, 0, True), "performance": [(0, 0)] * 2, "jobs": 0}
    lifecycle.close_test(actor=judged.curator, test=judged.test)
    assert counts() == {"prompts": {2}, "usage": (2, 2, False), "performance": [(2, 2)] * 2, "jobs": 4}


def test_workers_make_them_all_the_same(hidden):
    assert set(GenerationJob.objects.waiting()) == set(hidden.jobs) == set(GenerationJob.objects.unfinished())
    assert not GenerationJob.objects.visible().exists()


# -- when the test is over -------------------------------------------------------------------------------------------


def _last_vote(hidden: Hidden, rater: Any) -> None:
    trial = trials.next_trial(rater=rater, test=hidden.test)
    let_pass(trial)
    votes.vote(rater=rater, token=trial.token, choice="first", heard=(HEARD, HEARD))


ENDS = {
    "the last vote": _last_vote,
    "closed": lambda hidden, rater: lifecycle.close_test(actor=hidden.curator, test=hidden.test),
    "deleted": lambda hidden, rater: lifecycle.delete_test(actor=hidden.curator, test=hidden.test),
}


@pytest.mark.parametrize("end", ENDS)
def test_when_it_is_over_every_list_shows_them(judged, end, user, page, curator_page):
    ENDS[end](judged, user)
    job, clip = judged.jobs[0], judged.samples[0]
    row = reverse("test-detail", args=[judged.test.pk])
    assert end == "deleted" or row in page.get("/jobs/").text, "the jobs of a test are one row that leads there"
    jobs = [
        f"/jobs/?together={job.pk}",
        "/api/v1/jobs/",
        f"/jobs/{job.pk}/",
        f"/jobs/{job.pk}/card/",
        f"/api/v1/generate/{job.pk}/",
    ]
    clips = ["/library/", "/api/v1/audio/", f"/prompts/{clip.job.prompt_id}/", f"/api/v1/prompts/{clip.job.prompt_id}/"]
    clips += [f"/samples/{clip.pk}/", f"/samples/{clip.pk}/feedback/", f"/api/v1/audio/?job={clip.job_id}"]
    for url, pk in [*((url, job.pk) for url in jobs), *((url, clip.pk) for url in clips)]:
        status, text = answer_of(page, url)
        assert status == 200 and str(pk) in text, url
    assert page.get(reverse("audio-stream", args=[clip.pk])).status_code == 200
    for name, pk in (("generation_generationjob", job.pk), ("generation_audiosample", clip.pk)):
        assert str(pk) in curator_page.get(reverse(f"admin:{name}_changelist")).text


def test_a_failed_vote_or_end_leaves_test_and_clips_as_they_were(judged, monkeypatch, user):
    """State and clips change together, or neither does."""

    def broken(*args: Any) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(ListeningTest, "withhold_clips", broken)
    for end in ENDS.values():
        with pytest.raises(RuntimeError):
            end(judged, user)
        judged.test.refresh_from_db()
        assert judged.test.is_open and not GenerationJob.objects.visible().exists()


def test_reopening_hides_them_and_what_was_said_of_them_again(judged, user, page, curator, curator_page):
    _last_vote(judged, user)
    clip = judged.samples[0]
    rate(sample=clip, rater=user, scores={"overall": 4})
    Favorite.objects.create(user=user, sample=clip)
    assert Preference.objects.visible().count() == 1
    judged.test.refresh_from_db()
    lifecycle.reopen_test(actor=curator, test=judged.test, votes_wanted=5)
    assert not AudioSample.objects.visible().exists()
    for kind in (apps.get_model("feedback", name) for name in ("Rating", "Preference")):
        assert not kind.objects.visible().exists()
        assert not kind.objects.visible_to(curator).exists()
        changelist = curator_page.get(reverse(f"admin:feedback_{kind._meta.model_name}_changelist")).text
        assert str(kind.objects.get().pk) not in changelist
    assert page.get("/api/v1/favorites/").json()["count"] == 0
    lists = ["jobs", "library", "favorites", "feedback", "overview"]
    lists += ["api-audio-list", "api-job-list", "api-feedback-list", "api-preference-list"]
    assert telling(page, judged, [reverse(name) for name in lists]) == {}


def test_jobs_of_people_are_never_withheld(judged, user, page):
    job = GenerationJobFactory(requested_by=user, prompt=judged.jobs[0].prompt)
    assert str(job.pk) in page.get(reverse("jobs")).text
    lifecycle.close_test(actor=judged.curator, test=judged.test)
    assert GenerationJob.objects.visible().count() == 5


def test_retried_jobs_stay_withheld(hidden, curator):
    GenerationJob.objects.filter(pk=hidden.jobs[0].pk).update(state="failed", error="No memory.")
    assert lifecycle.retry_failed(actor=curator, test=hidden.test) == 1
    assert not GenerationJob.objects.visible().exists()
    assert GenerationJob.objects.undeleted().filter(state="queued").count() == 4


def test_the_migration_withholds_the_jobs_of_open_tests(judged, curator):
    over = Hidden(ListeningTest.objects.get(pk=judged.test.pk), judged.adapter, curator, judged.taste)
    GenerationJob.objects.update(withheld=False)
    migration = import_module("feedback.migrations.0004_withhold_open_tests")
    migration.withhold(apps, None)
    assert GenerationJob.objects.filter(withheld=True).count() == 4
    lifecycle.close_test(actor=curator, test=over.test)
    migration.withhold(apps, None)
    assert not GenerationJob.objects.filter(withheld=True).exists()
