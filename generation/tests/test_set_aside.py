"""What a taste has set aside: which doors show it, how it is kept after all, and when it goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule
from rest_framework.test import APIClient

from adapters.tests.factories import AdapterFactory
from datasets_app.building.filters import FilterSpec
from datasets_app.building.selection import count_rows
from datasets_app.models import Clip, Dataset
from feedback.models import Rating
from feedback.services.listening_queue import next_turn
from feedback.tests.factories import NoteFactory, PreferenceFactory, RatingFactory, SampleTagFactory
from generation import services, tasks
from generation.exceptions import NotSetAside
from generation.models import AudioSample, ClipScore, GenerationJob
from generation.pages.listening_forms import LibraryFilter
from generation.tests.factories import (
    AudioSampleFactory,
    BaseModelFactory,
    FavoriteFactory,
    GenerationJobFactory,
    TasteFactory,
)
from text2song.exceptions import Forbidden
from text2song.tests.clients import caller
from text2song.tests.factories import UserFactory
from training.tests.factories import DatasetFactory

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(days=15)


@pytest.fixture
def api(user: Any) -> APIClient:
    return caller(user)


@pytest.fixture
def job(user: Any) -> GenerationJob:
    """Four clips A to D; the taste likes C best, then A, and has set B and D aside."""
    model = BaseModelFactory(is_active=True)
    taste = TasteFactory(base_model=model, name="bright", stored=False)
    adapter = AdapterFactory(base_model=model)
    made = GenerationJobFactory(
        requested_by=user, base_model=model, adapter=adapter, taste=taste, keep=2, num_samples=4, completed=True
    )
    for index, score in enumerate((0.25, -7.125, 3.375, -6.625)):
        aside = timezone.now() if score < 0 else None
        sample = AudioSampleFactory(job=made, index=index, set_aside_at=aside)
        ClipScore.objects.create(taste=taste, sample=sample, score=score, spread=0.5)
    return made


def clip(job: GenerationJob, label: str) -> AudioSample:
    return job.samples.get(index="ABCD".index(label))


# -- doors -------------------------------------------------------------------------------------------------------------


def shown(text: str, job: GenerationJob) -> str:
    """Labels of the clips that a page or answer names by their ids."""
    return "".join(sample.label for sample in job.samples.order_by("index") if str(sample.pk) in text)


def in_page(name: str, query: str = "") -> Callable[..., str]:
    return lambda page, api, job: page.get(reverse(name) + query).text


def in_api(path: str) -> Callable[..., str]:
    return lambda page, api, job: api.get(f"/api/v1/{path.format(job=job.pk, prompt=job.prompt_id)}").content.decode()


DOORS: dict[str, tuple[Callable[..., str], str]] = {
    "the library": (in_page("library"), "AC"),
    "the library by words": (
        lambda page, api, job: page.get(reverse("library"), {"q": job.prompt.text.split()[0]}).text,
        "AC",
    ),
    "the overview": (in_page("overview"), "AC"),
    "the API's list": (in_api("audio/"), "AC"),
    "the API's list of one job": (in_api("audio/?job={job}"), "AC"),
    "the API's list of what was set aside": (in_api("audio/?set_aside=true"), "BD"),
    "the API's list of the others": (in_api("audio/?set_aside=false"), "AC"),
    "the API's prompt": (in_api("prompts/{prompt}/"), "AC"),
    "the API's job": (in_api("jobs/{job}/"), "ABCD"),
    "the job's page": (lambda page, api, job: page.get(reverse("job-detail", args=[job.pk])).text, "ABCD"),
    "the job's card": (lambda page, api, job: page.get(reverse("job-card", args=[job.pk])).text, "ABCD"),
    "the prompt's page": (lambda page, api, job: page.get(reverse("prompt-detail", args=[job.prompt_id])).text, "ABCD"),
    "what may join a comparison": (
        lambda page, api, job: page.get(reverse("compare"), {"ids": [clip(job, "A").pk, clip(job, "C").pk]}).text,
        "ABCD",
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_shows_what_it_should(door, page, api, job):
    look, expected = DOORS[door]
    assert shown(look(page, api, job), job) == expected


def test_lists_of_a_job_stand_best_first_and_apart(api, page, job):
    answer = api.get(f"/api/v1/jobs/{job.pk}/").json()
    assert [sample["label"] for sample in answer["samples"]] == ["C", "A"]
    assert [sample["label"] for sample in answer["set_aside"]] == ["D", "B"]
    assert answer["sample_ids"] == [str(clip(job, "C").pk), str(clip(job, "A").pk)]
    assert (answer["taste"]["name"], answer["keep"], answer["taste_note"]) == ("bright", 2, "")
    html = page.get(reverse("job-detail", args=[job.pk])).text
    assert "Also made (2)" in html and "2 candidates" in html
    card, behind = html.split('class="candidates"', 1)[1].split("Also made (2)")
    assert card.index(str(clip(job, "C").pk)) < card.index(str(clip(job, "A").pk))
    assert str(clip(job, "B").pk) in behind


def test_the_order_of_a_job_without_a_taste_and_of_an_unfinished_one_is_that_of_making(job):
    GenerationJob.objects.filter(pk=job.pk).update(state="running")
    assert [sample.label for sample in job.samples.best_first()] == ["A", "B", "C", "D"]
    GenerationJob.objects.filter(pk=job.pk).update(state="completed", taste=None, keep=None)
    assert [sample.label for sample in job.samples.best_first()] == ["A", "B", "C", "D"]


@pytest.mark.parametrize("name", ["sample-detail", "audio-stream", "audio-spectrogram", "sample-feedback"])
def test_one_that_was_set_aside_opens_and_plays_as_any_other(name, page, job):
    assert page.get(reverse(name, args=[clip(job, "B").pk])).status_code == 200


def test_counts_of_candidates_leave_them_out(page, api, job):
    assert ">2<" in page.get(reverse("prompt-detail", args=[job.prompt_id])).text.split("Samples <span")[1][:40]
    assert "2 samples" in page.get(reverse("prompts")).text
    assert ">2<" in page.get(reverse("adapters")).text
    assert api.get("/api/v1/audio/").json()["count"] == 2


def test_they_are_hearted_rated_compared_and_asked_for_as_any_other(page, api, job, user):
    b, d = clip(job, "B"), clip(job, "D")
    assert api.post("/api/v1/favorites/", {"sample": str(b.pk)}).status_code == 201
    assert str(b.pk) in page.get(reverse("favorites")).text
    assert page.get(reverse("compare"), {"ids": [b.pk, d.pk]}).status_code == 200
    asked = set()
    while (turn := next_turn(rater=user, skipped=[str(pk) for pk in asked])).sample and turn.sample.pk not in asked:
        asked.add(turn.sample.pk)
    assert asked == set(job.samples.values_list("pk", flat=True))


def test_judged_ones_belong_to_datasets(job):
    RatingFactory(sample=clip(job, "B"), score=5)
    PreferenceFactory(sample_a=clip(job, "D"), sample_b=clip(job, "C"), winner="a")
    assert count_rows(Dataset.Kind.SUPERVISED, FilterSpec.from_mapping({}, Dataset.Kind.SUPERVISED)) == 1
    assert count_rows(Dataset.Kind.PREFERENCE, FilterSpec.from_mapping({}, Dataset.Kind.PREFERENCE)) == 1


# -- scores are hidden -------------------------------------------------------------------------------------------------

SCORES = ("7.125", "6.625", "3.375", "7,125", "3,375")


@pytest.mark.parametrize("name", ["library", "overview", "listen", "jobs", "favorites", "create"])
def test_no_list_tells_a_score(name, page, job):
    assert not [score for score in SCORES if score in page.get(reverse(name)).text]


@pytest.mark.parametrize("name", ["sample-detail", "sample-feedback"])
def test_no_page_of_a_clip_tells_a_score(name, page, job):
    for sample in job.samples.all():
        assert not [score for score in SCORES if score in page.get(reverse(name, args=[sample.pk])).text]


def test_no_comparison_tells_a_score_or_the_order(page, api, job):
    html = page.get(reverse("job-detail", args=[job.pk])).text
    link = html.split(reverse("compare") + "?")[1].split('"')[0]
    assert link.index(str(clip(job, "A").pk)) < link.index(str(clip(job, "C").pk))
    compared = page.get(f"{reverse('compare')}?{link.replace('&amp;', '&')}").text
    told = html + compared + api.get(f"/api/v1/jobs/{job.pk}/").content.decode() + api.get("/api/v1/audio/").text
    assert not [score for score in SCORES if score in told]
    feedback = html.split('id="feedback"')[1]
    assert feedback.index("Sample A") < feedback.index("Sample C")


# -- kept after all ----------------------------------------------------------------------------------------------------


def keep_by_page(job: GenerationJob, client: Client, api: APIClient) -> int:
    return client.post(reverse("sample-keep", args=[clip(job, "B").pk])).status_code


def keep_by_api(job: GenerationJob, client: Client, api: APIClient) -> int:
    return api.post(f"/api/v1/audio/{clip(job, 'B').pk}/keep/").status_code


@pytest.mark.parametrize(("keep", "status"), [(keep_by_page, 302), (keep_by_api, 200)])
def test_its_owner_keeps_one_after_all(keep, status, job, page, api):
    assert keep(job, page, api) == status
    assert not clip(job, "B").is_set_aside and clip(job, "D").is_set_aside
    assert shown(page.get(reverse("library")).text, job) == "ABC"


@pytest.mark.parametrize(("keep", "status"), [(keep_by_page, 403), (keep_by_api, 403)])
def test_nobody_else_does(keep, status, job, page, api, curator):
    GenerationJob.objects.update(requested_by=curator)
    assert keep(job, page, api) == status and clip(job, "B").is_set_aside
    with pytest.raises(Forbidden):
        services.keep_sample(sample=clip(job, "B"), actor=UserFactory())
    services.keep_sample(sample=clip(job, "B"), actor=curator)
    assert not clip(job, "B").is_set_aside


def test_what_is_kept_is_not_kept_again(job, user, api):
    with pytest.raises(NotSetAside):
        services.keep_sample(sample=clip(job, "A"), actor=user)
    assert api.post(f"/api/v1/audio/{clip(job, 'A').pk}/keep/").status_code == 409


def test_curators_keep_some_in_the_admin(curator_page, job):
    url = reverse("admin:generation_audiosample_changelist")
    chosen = [str(pk) for pk in job.samples.values_list("pk", flat=True)]
    curator_page.post(url, {"action": "keep_samples", "_selected_action": chosen})
    assert job.samples.kept().count() == 4


# -- they go -----------------------------------------------------------------------------------------------------------


def forgotten(job: GenerationJob, since: timedelta = LONG_AGO) -> str:
    """What is gone after the daily task, of clips set aside so long ago."""
    job.samples.set_aside().update(set_aside_at=timezone.now() - since)
    tasks.forget_set_aside()
    return "".join(sample.label for sample in job.samples.order_by("index") if sample.is_deleted)


def test_what_nobody_needs_goes_after_its_days(job):
    assert forgotten(job, timedelta(days=13)) == ""
    assert forgotten(job) == "BD"
    assert job.samples.visible().count() == 2


def test_the_days_are_a_setting_and_0_deletes_nothing(job, settings):
    settings.SET_ASIDE_DAYS = 0
    assert forgotten(job, timedelta(days=9999)) == ""
    settings.SET_ASIDE_DAYS = 1
    assert forgotten(job, timedelta(days=2)) == "BD"


def in_dataset(sample: AudioSample) -> None:
    Clip.objects.create(
        dataset=DatasetFactory(state="queued", content_hash="", built_at=None),
        sample_key=sample.pk,
        sample=sample,
        codes_sha256="0" * 64,
        seed=1,
        duration=1,
        sample_rate=8000,
        model="tiny",
    )


NEEDED: dict[str, Callable[[AudioSample], Any]] = {
    "rated": lambda sample: RatingFactory(sample=sample),
    "tagged": lambda sample: SampleTagFactory(sample=sample),
    "noted": lambda sample: NoteFactory(sample=sample),
    "compared": lambda sample: PreferenceFactory(sample_a=clip(sample.job, "A"), sample_b=sample),
    "compared as the first": lambda sample: PreferenceFactory(sample_a=sample, sample_b=clip(sample.job, "A")),
    "hearted": lambda sample: FavoriteFactory(sample=sample),
    "continued": lambda sample: GenerationJobFactory(
        base_model=sample.job.base_model, kind="extension", source_sample=sample, prefix_seconds=1.0
    ),
    "in a dataset": in_dataset,
    "kept after all": lambda sample: services.keep_sample(sample=sample, actor=sample.job.requested_by),
}


@pytest.mark.parametrize("why", NEEDED)
def test_what_is_needed_stays(why, job):
    NEEDED[why](clip(job, "B"))
    assert forgotten(job) == "D"


def test_one_judged_at_the_last_moment_stays(job, monkeypatch):
    """Between the look at all of them and the turn of this one."""
    from generation.services import set_aside

    forget = set_aside._forget

    def judged_first(sample: AudioSample) -> bool:
        if not Rating.objects.exists():
            RatingFactory(sample=clip(job, "B"))
        return forget(sample)

    monkeypatch.setattr(set_aside, "_forget", judged_first)
    assert forgotten(job) == "D"


def test_it_is_asked_for_every_day():
    call_command("setup", verbosity=0)
    schedule = Schedule.objects.get(func="generation.tasks.forget_set_aside")
    assert schedule.schedule_type == Schedule.DAILY and schedule.cluster == "default"


# -- the library in the order of a taste -------------------------------------------------------------------------------


def test_the_library_stands_in_the_order_of_a_taste_unheard_clips_last(page, job):
    newer = AudioSampleFactory(job=GenerationJobFactory(base_model=job.base_model, completed=True))
    found = page.get(reverse("library"), {"by_taste": str(job.taste_id)}).context["page"].object_list
    assert list(found) == [clip(job, "C"), clip(job, "A"), newer]
    assert page.get(reverse("library")).context["page"][0] == newer


def test_pages_in_that_order_repeat_and_leave_out_nothing(page, job):
    for _ in range(7):
        other = GenerationJobFactory(base_model=job.base_model, prompt=job.prompt, completed=True)
        for index in range(6):
            sample = AudioSampleFactory(job=other, index=index, stored=False)
            ClipScore.objects.create(taste=job.taste, sample=sample, score=1.0)  # all the same
    AudioSample.objects.update(created_at=timezone.now())
    seen: list[AudioSample] = []
    for number in (1, 2, 3):
        asked = {"by_taste": str(job.taste_id), "page": number}
        seen += page.get(reverse("library"), asked).context["page"].object_list
    assert len(seen) == len(set(seen)) == 44
    alike = sorted(seen[1:-1], key=lambda sample: sample.index)
    assert seen[1:-1] == sorted(alike, key=lambda sample: sample.job_id.hex, reverse=True)


def test_only_tastes_that_this_person_may_use_are_offered(page, job):
    others = TasteFactory(base_model=job.base_model, raters=["somebody-else"], stored=False)
    learning = TasteFactory(base_model=job.base_model, is_usable=False, stored=False)
    contexts = page.get(reverse("library")).context
    form = next(one["form"] for one in contexts if isinstance(one.get("form"), LibraryFilter))
    assert list(form.fields["by_taste"].queryset) == [job.taste]
    for wrong in (others, learning):
        answer = page.get(reverse("library"), {"by_taste": str(wrong.pk)})
        assert answer.status_code == 400 and "There is no such taste that you can use." in answer.text


def test_without_a_taste_there_is_no_choice_of_order(page):
    AudioSampleFactory()
    assert "by_taste" not in page.get(reverse("library")).text
