"""The Create page: a prompt and a job, both or neither; presets, limits, what is typed stays."""

from __future__ import annotations

import json
import re
import uuid

import pytest
from django.urls import reverse

from adapters.tests.factories import AdapterFactory
from generation.jobs.reading import read_by
from generation.models import BaseModel, GenerationDefaults, GenerationJob, ModelFetch
from generation.models.jobs import MAX_SEED
from generation.tests.factories import (
    AudioSampleFactory,
    BaseModelFactory,
    GenerationJobFactory,
    PromptFactory,
)
from prompts.examples import EXAMPLES
from prompts.models import Prompt, PromptTemplate
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db
URL = "/create/"
HTMX = {"HX-Request": "true"}
BEST = {"preset": "best", "preset_shown": "custom"}


@pytest.fixture(autouse=True)
def model() -> BaseModel:
    return BaseModelFactory(key="tiny", display_name="Tiny", is_active=True, max_duration=10)


@pytest.fixture
def absent() -> BaseModel:
    return BaseModelFactory(key="absent", display_name="Absent One", installed=False, quality=90)


def typed(**changes: object) -> dict[str, object]:
    """A filled form, as a browser sends it."""
    values = {
        "text": "calm piano at dusk",
        "style": "jazz",
        "mood": "peaceful",
        "tempo": "80",
        "role-acoustic-piano": "primary",
        "role-shaker": "secondary",
        "model": "tiny",
        "num_samples": "2",
        "duration": "8",
        "temperature": "1.0",
        "top_k": "250",
        "top_p": "0",
        "guidance_scale": "3.0",
        "seed": "",
        "preset": "custom",
        "preset_shown": "custom",
        "token": "t1",
        "prompt_id": "",
    }
    return {**values, **changes}


def field_value(html: str, name: str) -> str:
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', html)
    assert tag, f"no field {name}"
    value = re.search(r'value="([^"]*)"', tag[0])
    return value[1] if value else ""


def nothing_is_stored() -> bool:
    return not Prompt.objects.exists() and not GenerationJob.objects.exists()


# -- what the page shows ------------------------------------------------------------------------------------------


def test_the_page_starts_with_the_defaults_and_two_candidates(page):
    html = page.get(URL).content.decode()
    assert field_value(html, "num_samples") == "2"
    assert field_value(html, "temperature") == "0.8"
    assert field_value(html, "top_k") == "200"
    assert field_value(html, "duration") == "8" and "limit of Tiny" not in html, "no warning before anything was chosen"
    assert re.search(r'value="balanced"[^>]* checked', html)
    assert field_value(html, "seed") == ""
    assert "Tiny (Active)" in html
    assert '<select name="model"' in html


def test_saved_defaults_take_effect_and_are_cut_to_the_model(page):
    defaults = GenerationDefaults.load()
    defaults.duration, defaults.num_samples, defaults.top_k = 30, 5, 180
    defaults.save()
    html = page.get(URL).content.decode()
    assert (field_value(html, "duration"), field_value(html, "num_samples")) == ("10", "5")
    assert field_value(html, "top_k") == "180"


def test_whoever_has_made_nothing_hears_an_example_with_one_click(page, user):
    html = page.get(URL).content.decode()
    assert "Hear something at once" in html and "came with the studio" not in html
    for example in EXAMPLES:
        sent = {"example": example.key, "token": "t1"}
        first, again = (page.post(URL, sent) for _ in range(2))
        assert first.url == again.url == reverse("job-detail", args=[GenerationJob.objects.first().pk])
    jobs = GenerationJob.objects.order_by("created_at")
    assert [job.prompt.text for job in jobs] == [example.values["text"] for example in EXAMPLES], (
        "a second click is one"
    )
    assert {(job.requested_by, job.base_model.key, job.duration, job.preset) for job in jobs} == {
        (user, "tiny", 8, "balanced")
    }
    assert "Hear something at once" not in page.get(URL).content.decode()
    assert "Hear something at once" not in page.get(f"{URL}?prompt={PromptFactory().pk}").content.decode()


def test_an_example_that_is_not_there_is_refused(page):
    assert page.post(URL, {"example": "polka-1", "token": "t1"}).status_code == 404 and nothing_is_stored()


def test_an_example_that_cannot_be_made_says_why(page, settings):
    settings.MAX_ACTIVE_JOBS_PER_USER = 1
    answers = [page.post(URL, {"example": example.key, "token": "t1"}) for example in EXAMPLES[:2]]
    assert GenerationJob.objects.count() == 1 and answers[1].url == URL
    assert "You have one unfinished job, which is the limit" in page.get(URL).content.decode()


@pytest.mark.parametrize("is_curator", [True, False])
def test_the_bundled_model_says_what_it_is_and_what_sounds_better(page, curator_page, model, is_curator):
    BaseModel.objects.filter(pk=model.pk).update(source=BaseModel.Source.BUNDLED)
    small = BaseModelFactory(
        key="musicgen-small", installed=False, memory_gb=4, licence="CC-BY-NC 4.0", max_duration=30
    )
    html = flat((curator_page if is_curator else page).get(URL).content.decode())
    assert "Tiny</strong> came with the studio: a small model for learning the loop" in html
    assert ("fetch MusicGen Small" in html) is is_curator
    assert f'href="{reverse("models")}#model-musicgen-small"' in html
    assert "CC-BY-NC 4.0, up to 30&nbsp;s, needs 4&nbsp;GB of memory; this machine has" in html
    assert "to fetch" not in html and "too little" not in html
    BaseModel.objects.filter(pk=small.pk).update(memory_gb=10**6)
    ModelFetch.objects.create(base_model=small, state="failed", bytes_total=2_400_000_000)
    html = flat(page.get(URL).content.decode())
    assert "2.2 GB to fetch," in html and "<strong>too little</strong>" in html


def test_a_better_model_that_is_here_is_not_recommended(page, model):
    BaseModel.objects.filter(pk=model.pk).update(source=BaseModel.Source.BUNDLED)
    BaseModelFactory(key="musicgen-small")
    assert "MusicGen Small" not in page.get(URL).content.decode()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.key)
def test_examples_are_of_words_that_the_bundled_model_knows(settings, example):
    reading = read_by(settings.BUNDLED_MODEL_DIR, PromptFactory(**example.values).rendered)
    assert reading.known_words and not (reading.unknown_words or reading.cut or reading.not_known), reading


def settings_told(html: str) -> str:
    return flat(html).partition('id="settings-line"')[2].partition(">")[2].partition("</span>")[0]


def test_the_drawer_says_in_one_line_what_is_set(page, model):
    assert settings_told(page.get(URL).text) == "Balanced · 2 × 8 s · Tiny · no adapter"
    adapter = AdapterFactory(name="warm", base_model=model, is_active=True)
    query = {"model": "tiny", "num_samples": "3", "duration": "5", "temperature": "2", "seed": "7"}
    query |= {"adapter": str(adapter.pk), "adapter_strength": "0.5", "top_k": "9", "top_p": "0", "guidance_scale": "3"}
    told = page.get("/create/plan/", query).text
    assert settings_told(told) == f"Custom · 3 × 5 s · Tiny · {adapter.label} at 0.5 · seed 7"
    assert 'id="settings-line" hx-swap-oob="true"' in flat(told)


@pytest.mark.parametrize("wrong", [{}, {"model": "<b>", "num_samples": "<b>", "duration": "", "adapter": "<b>"}])
def test_what_is_set_is_told_even_when_it_is_wrong(page, wrong):
    told = settings_told(page.get("/create/plan/", wrong).text)
    assert "<b>" not in told and "× – s · Tiny · no adapter" in told


@pytest.mark.parametrize(("change", "opens"), [({}, False), ({"text": ""}, False), ({"top_k": "0"}, True)])
def test_the_drawer_opens_when_a_setting_in_it_is_refused(page, change, opens):
    html = page.post(URL, typed(**change)).content.decode() if change else page.get(URL).content.decode()
    drawer = flat(html).partition('id="settings-drawer"')[2].partition(">")[0]
    assert ("open" in drawer) is opens


@pytest.mark.parametrize("asked", ["prompt", "job", "template", "adapter", "draft"])
def test_a_draft_may_stand_only_where_the_address_asks_for_nothing(page, asked, user):
    assert "data-plain" in page.get(URL).text and f'data-draft-of="{user.pk}"' in page.get(URL).text
    assert "data-plain" not in page.get(URL, {asked: "1"}).text
    assert "data-plain" not in page.post(URL, typed(text="")).text


def test_everything_of_mine_that_is_in_the_making_is_shown(page, user):
    waiting = GenerationJobFactory(requested_by=user)
    done = [GenerationJobFactory(requested_by=user, completed=True) for _ in range(4)]
    others = GenerationJobFactory()
    html = page.get(URL).text
    assert [job.pk for job in (*reversed(done), waiting) if f'id="job-{job.pk}"' in html] == [
        *(job.pk for job in reversed(done[1:])),
        waiting.pk,
    ]
    assert str(others.pk) not in html


def test_a_model_whose_files_are_not_here_is_listed(page, absent):
    assert "Absent One — files not here" in page.get(URL).content.decode()


def test_presets_are_shown_with_their_values(page):
    html = page.get(URL).content.decode()
    for label in ("Draft", "Balanced", "Best", "Custom"):
        assert label in html
    assert "temperature 0.7, top-k 150, top-p 0.9, guidance 3.5" in flat(html)


def test_an_earlier_prompt_fills_the_form_and_its_jobs_are_shown(page):
    prompt = PromptFactory(text="a waltz for two", mood="happy", tempo=90)
    job = GenerationJobFactory(prompt=prompt, completed=True)
    AudioSampleFactory(job=job)
    html = page.get(URL, {"prompt": str(prompt.pk)}).content.decode()
    assert "a waltz for two</textarea>" in html
    assert field_value(html, "tempo") == "90"
    assert field_value(html, "prompt_id") == str(prompt.pk)
    assert f'id="job-{job.pk}"' in html


def test_a_job_gives_its_settings_but_not_its_seed(page):
    job = GenerationJobFactory(prompt=PromptFactory(text="again"), temperature=0.6, num_samples=7, duration=5)
    html = page.get(URL, {"job": str(job.pk)}).content.decode()
    assert (field_value(html, "temperature"), field_value(html, "num_samples")) == ("0.6", "7")
    assert (field_value(html, "duration"), field_value(html, "seed")) == ("5", "")
    assert "again</textarea>" in html


def test_a_template_fills_prompt_and_duration_cut_to_the_limit(page, user):
    template = PromptTemplate.objects.create(
        owner=user, name="Long", text="long drone", category="ambient", duration=60
    )
    html = page.get(URL, {"template": str(template.pk)}).content.decode()
    assert "long drone</textarea>" in html
    assert field_value(html, "duration") == "10"


@pytest.mark.parametrize("name", ["prompt", "template", "job"])
@pytest.mark.parametrize("value", ["nonsense", str(uuid.UUID(int=7)), ""])
def test_an_unknown_or_malformed_id_gives_an_empty_form(page, name, value):
    response = page.get(URL, {name: value})
    assert response.status_code == 200


def test_the_number_of_queries_does_not_grow_with_jobs(page, user, django_assert_max_num_queries):
    page.get(URL)  # the first visit writes the defaults
    prompt = PromptFactory(author=user)

    def queries() -> int:
        with django_assert_max_num_queries(40) as counted:
            page.get(URL, {"prompt": str(prompt.pk)})
        return len(counted)

    for _ in range(2):
        AudioSampleFactory(job=GenerationJobFactory(prompt=prompt, requested_by=user, completed=True))
        GenerationJobFactory(prompt=prompt, requested_by=user)
    few = queries()
    for _ in range(2):
        job = GenerationJobFactory(prompt=prompt, requested_by=user, running=True)
        AudioSampleFactory(job=job, index=0)
        AudioSampleFactory(job=job, index=1)
    assert queries() == few


def test_without_signing_in_there_is_no_page(client):
    assert client.get(URL).status_code == 302
    assert client.post(URL, typed()).status_code == 302
    assert nothing_is_stored()


# -- sending --------------------------------------------------------------------------------------------------------


def test_a_plain_form_makes_prompt_and_job_and_leads_to_the_job(page, user):
    response = page.post(URL, typed())
    job = GenerationJob.objects.get()
    assert response["Location"] == reverse("job-detail", args=[job.pk])
    assert (job.state, job.requested_by, job.num_samples, job.duration) == ("queued", user, 2, 8)
    assert (job.prompt.primary_instruments, job.prompt.secondary_instruments) == (["acoustic-piano"], ["shaker"])
    assert job.prompt.rendered_text.startswith("peaceful jazz, calm piano at dusk")
    assert 0 <= job.seed <= MAX_SEED


@pytest.mark.usefixtures("workers")
def test_htmx_gets_the_card_that_follows_the_job(page):
    response = page.post(URL, typed(), headers=HTMX)
    job = GenerationJob.objects.get()
    html = response.content.decode()
    assert response.status_code == 200
    assert f'id="job-{job.pk}"' in html
    assert reverse("job-card", args=[job.pk]) in html
    assert json.loads(response["HX-Trigger"])["job-created"] == {
        "id": str(job.pk),
        "prompt": str(job.prompt_id),
        "text": "calm piano at dusk",
    }
    assert "Queued" in html
    assert "next in the queue" in html
    assert field_value(html, "prompt_id") == str(job.prompt_id)
    assert field_value(html, "token") not in ("", "t1")
    assert "<html" not in html


def test_the_form_is_shown_afresh_after_a_refusal_was_put_right(page):
    html = page.post(URL, typed(refused="1"), headers=HTMX).content.decode()
    assert 'id="create-form"' in html
    assert 'hx-swap-oob="true"' in html
    assert "form-errors" not in html
    assert "calm piano at dusk</textarea>" in html


def test_a_double_click_makes_one_job_and_one_prompt(page):
    first, second = page.post(URL, typed()), page.post(URL, typed())
    assert first["Location"] == second["Location"]
    assert (GenerationJob.objects.count(), Prompt.objects.count()) == (1, 1)


def test_the_same_page_with_other_content_is_another_job(page):
    page.post(URL, typed())
    page.post(URL, typed(text="something else"))
    assert GenerationJob.objects.count() == 2


def test_an_unchanged_prompt_is_used_again(page):
    prompt = PromptFactory(text="calm piano at dusk", style="jazz", tempo=80)
    unchanged = {
        "prompt_id": str(prompt.pk),
        "mood": "",
        "role-acoustic-piano": "",
        "role-shaker": "",
        "text": " calm piano at dusk ",
    }
    page.post(URL, typed(**unchanged))
    assert GenerationJob.objects.get().prompt == prompt
    page.post(URL, typed(**unchanged | {"mood": "dark", "token": "t2"}))
    assert Prompt.objects.count() == 2


def test_a_given_seed_is_kept(page):
    page.post(URL, typed(seed="0"))
    assert GenerationJob.objects.get().seed == 0


# -- presets --------------------------------------------------------------------------------------------------------


def test_a_chosen_preset_sets_model_and_sampling_without_script(page):
    best = BaseModelFactory(key="best", quality=90)
    page.post(URL, typed(**BEST))
    job = GenerationJob.objects.get()
    assert (job.temperature, job.top_k, job.top_p, job.guidance_scale) == (0.7, 150, 0.9, 3.5)
    assert (job.base_model, job.preset) == (best, "best")


def test_values_changed_by_hand_under_a_preset_count_and_are_custom(page):
    page.post(URL, typed(preset="balanced", preset_shown="balanced", temperature="0.85"))
    job = GenerationJob.objects.get()
    assert (job.temperature, job.preset) == (0.85, "custom")


def test_values_that_are_a_preset_are_called_so(page):
    page.post(URL, typed(temperature="0.9", top_k="200", top_p="0.9", guidance_scale="3"))
    assert GenerationJob.objects.get().preset == "draft"


# -- what is refused ------------------------------------------------------------------------------------------------

WRONG = [
    ({"text": "   "}, "1 to 2000 characters"),
    ({"text": "x" * 2001}, "2000"),
    ({"style": "polka-core"}, "polka-core"),
    ({"mood": "hungry"}, "hungry"),
    ({"primary_instruments": "kazoo"}, "Unknown instrument: kazoo"),
    ({"tempo": "39"}, "40 to 200 BPM"),
    ({"tempo": "201"}, "40 to 200 BPM"),
    ({"tempo": "80.5"}, "40 to 200 BPM"),
    ({"num_samples": "0"}, "from 1 to 8, not 0"),
    ({"num_samples": "9"}, "from 1 to 8, not 9"),
    ({"num_samples": "two"}, "from 1 to 8"),
    ({"num_samples": ""}, "from 1 to 8"),
    ({"temperature": "0.05"}, "from 0.1 to 2, not 0.05"),
    ({"temperature": "2.1"}, "from 0.1 to 2"),
    ({"temperature": "nan"}, "from 0.1 to 2"),
    ({"top_k": "0"}, "from 1 to 1000, not 0"),
    ({"top_k": "1001"}, "from 1 to 1000, not 1001"),
    ({"top_p": "1.01"}, "from 0 to 1, not 1.01"),
    ({"top_p": "-0.1"}, "from 0 to 1"),
    ({"guidance_scale": "0.5"}, "from 1 to 10, not 0.5"),
    ({"guidance_scale": "11"}, "from 1 to 10, not 11"),
    ({"duration": "0"}, "at least 1"),
    ({"duration": "1.5"}, "whole number of seconds"),
    ({"duration": "11"}, "11 s is over the 10 s limit of Tiny"),
    ({"duration": "500"}, "500 s is over the 10 s limit of Tiny"),
    ({"duration": "121", "long_form": "on"}, "121 s is over the 120 s limit of long form"),
    ({"seed": "-1"}, "from 0 to 2147483647"),
    ({"seed": "2147483648"}, "from 0 to 2147483647"),
    ({"seed": "lucky"}, "from 0 to 2147483647"),
    ({"model": "no-such-model"}, "Known models: absent, tiny"),
    ({"model": "absent"}, "The files of Absent One are not on this machine"),
    ({"preset": "superb"}, "superb"),
]


@pytest.mark.parametrize("htmx", [True, False], ids=["htmx", "plain"])
@pytest.mark.parametrize(("change", "message"), WRONG, ids=[str(change)[:40] for change, _ in WRONG])
def test_bad_input_is_named_kept_and_stores_nothing(page, absent, change, message, htmx):
    response = page.post(URL, typed(**change), headers=HTMX if htmx else {})
    html = response.content.decode()
    assert response.status_code == (200 if htmx else 400)
    assert message in html
    assert nothing_is_stored()
    if htmx:
        assert response["HX-Retarget"] == "#create-form"
        assert "<html" not in html
    for name, value in {**typed(), **change}.items():
        if name in {"num_samples", "temperature", "top_k", "top_p", "duration", "seed", "tempo"}:
            assert field_value(html, name) == value, name
    assert change.get("text", "calm piano at dusk") in html
    assert re.search(r'name="role-shaker" value="secondary" checked', flat(html))


def test_every_mistake_is_named_at_once(page):
    html = page.post(URL, typed(text="", tempo="500", duration="99", top_k="0")).content.decode()
    for message in ("1 to 2000 characters", "40 to 200 BPM", "99 s is over the 10 s limit", "from 1 to 1000"):
        assert message in html


def test_the_quota_of_unfinished_jobs_is_told_and_stores_no_prompt(page, user, settings):
    settings.MAX_ACTIVE_JOBS_PER_USER = 1
    GenerationJobFactory(requested_by=user)
    before = Prompt.objects.count()
    html = page.post(URL, typed()).content.decode()
    assert "one unfinished job, which is the limit" in html
    assert (Prompt.objects.count(), GenerationJob.objects.count()) == (before, 1)


def test_what_a_refused_form_says_cannot_carry_markup(page):
    html = page.post(URL, typed(model="<script>alert(1)</script>")).content.decode()
    assert "<script>alert(1)" not in html


# -- how a duration is made ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "level", "words"),
    [
        ({"duration": "8"}, "ok", "one window"),
        ({"duration": "9"}, "warning", "Close to the 10 s limit of Tiny"),
        ({"duration": "11"}, "over", "11 s is over the 10 s limit of Tiny. Shorten it, or turn on long form (up"),
        ({"duration": "22", "long_form": "on"}, "ok", "3 windows of up to 10 s"),
        ({"duration": "97", "long_form": "on"}, "warning", "Close to the 120 s limit"),
        ({"duration": "10", "model": "wide"}, "ok", "Wide does up to 30 s"),
    ],
)
def test_the_plan_tells_windows_and_warns_beforehand(page, query, level, words):
    BaseModelFactory(key="wide", display_name="Wide", max_duration=30)
    html = page.get("/create/plan/", {"model": "tiny", **query}).content.decode()
    assert f"plan-{level}" in html
    assert words in " ".join(html.split())


@pytest.mark.parametrize("duration", ["", "many", "-3", "0", "9" * 5000])
def test_the_plan_of_nonsense_says_nothing(page, duration):
    response = page.get("/create/plan/", {"model": "none", "duration": duration})
    assert response.status_code == 200
    assert "window" not in response.content.decode()


def test_a_long_form_is_accepted_and_planned_like_the_job(page):
    page.post(URL, typed(duration="22", long_form="on"))
    job = GenerationJob.objects.get()
    assert (job.duration, job.long_form, job.window_count) == (22, True, 3)
