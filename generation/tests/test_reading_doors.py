"""Every door says what the model reads of a prompt, what it does not, and which words mean nothing to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from adapters.tests.factories import AdapterFactory
from generation.listening.downloads import provenance
from generation.models import AudioSample, BaseModel, GenerationJob
from generation.tests.factories import AudioSampleFactory, BaseModelFactory, GenerationJobFactory
from prompts.models import Prompt, PromptTemplate
from prompts.services import create_prompt
from prompts.tests.factories import PromptFactory
from prompts.wording.reading import NOT_RECORDED

pytestmark = pytest.mark.django_db

TEXT = "zzyzx " + "calm " * 68 + "epilogue"
CHOSEN = {"style": "jazz", "primary_instruments": ["violin"], "tempo": 60}
READ_END = "calm, featuring violin, 60 BPM"


@pytest.fixture(autouse=True)
def studio_tiny() -> BaseModel:
    """The shipped model, active; its folder must not be written to."""
    return BaseModelFactory(
        key="studio-tiny", source=BaseModel.Source.BUNDLED, installed=False, is_active=True, max_duration=10
    )


@pytest.fixture
def prompt() -> Prompt:
    return create_prompt(actor=None, text=TEXT, **CHOSEN)


@pytest.fixture
def job(prompt: Prompt, studio_tiny: BaseModel) -> GenerationJob:
    return GenerationJobFactory(prompt=prompt, base_model=studio_tiny)


@pytest.fixture
def sample(job: GenerationJob) -> AudioSample:
    GenerationJob.objects.filter(pk=job.pk).update(state="completed")
    reading = job.reading
    return AudioSampleFactory(job=job, rendered_text=reading.text, reading_record=reading.record())


FORM = {"text": TEXT, "style": "jazz", "tempo": "60", "role-violin": "primary"}
HTMX = {"HTTP_HX_REQUEST": "true"}
PAGES: dict[str, Callable[[Client, Any], Any]] = {
    "the editor while typing": lambda page, _: page.post(reverse("prompt-preview"), FORM, **HTMX),
    "Create, filled from a prompt": lambda page, of: page.get(reverse("create"), {"prompt": of("prompt").pk}),
    "Create, refused": lambda page, _: page.post(reverse("create"), FORM | {"duration": "0"}),
    "a prompt": lambda page, of: page.get(reverse("prompt-detail", args=[of("prompt").pk])),
    "the template form": lambda page, _: page.post(reverse("template-from-editor"), FORM, **HTMX),
    "a waiting job": lambda page, of: page.get(reverse("job-detail", args=[of("job").pk])),
    "a finished job": lambda page, of: page.get(reverse("job-detail", args=[of("sample").job_id])),
    "a sample": lambda page, of: page.get(reverse("sample-detail", args=[of("sample").pk])),
}


@pytest.mark.parametrize("door", PAGES)
def test_pages_say_what_is_read(door: str, page: Client, request: Any) -> None:
    html = PAGES[door](page, request.getfixturevalue).text
    assert READ_END in html
    losses = html[html.index("reading-losses") :]
    assert "Text not read" in losses and "epilogue" in losses.split("</dl>")[0]
    assert "Words not known" in losses and "zzyzx" in losses.split("</dl>")[0]


API: dict[str, Callable[[Client, Any], Any]] = {
    "preview": lambda page, _: page.post("/api/v1/prompts/preview/", {"text": TEXT} | CHOSEN, "application/json"),
    "generate": lambda page, _: page.post("/api/v1/generate/", {"text": TEXT} | CHOSEN, "application/json"),
    "polling": lambda page, of: page.get(f"/api/v1/generate/{of('job').pk}/"),
    "jobs": lambda page, of: page.get(f"/api/v1/jobs/{of('sample').job_id}/"),
    "audio": lambda page, of: page.get(f"/api/v1/audio/{of('sample').pk}/"),
}


@pytest.mark.parametrize("door", API)
def test_the_api_says_what_is_read(door: str, page: Client, request: Any) -> None:
    answer = API[door](page, request.getfixturevalue)
    assert answer.status_code in (200, 202), answer.content
    reading = answer.json()["reading"]
    assert set(reading) == {"text", "cut", "cut_attributes", "unknown_words", "not_known"}
    assert reading["text"].startswith("jazz, zzyzx calm") and reading["text"].endswith(READ_END)
    assert reading["cut"].endswith("calm epilogue") and reading["cut_attributes"] == reading["not_known"] == ""
    assert reading["unknown_words"] == ["zzyzx"]
    assert f"{reading['text'].removesuffix(', featuring violin, 60 BPM')} {reading['cut']}" == f"jazz, {TEXT}"


def test_the_admin_says_what_is_read(curator_page: Client, sample: AudioSample) -> None:
    html = curator_page.get(reverse("admin:generation_audiosample_change", args=[sample.pk])).text
    assert READ_END in html and "The end of your text is not read" in html and "“zzyzx”" in html


def test_tags_tell_what_was_asked_and_what_was_read(sample: AudioSample) -> None:
    tags = provenance(sample)
    assert tags["prompt"] == sample.job.prompt.rendered_text and "epilogue" in tags["prompt"]
    assert tags["prompt_read"] == sample.rendered_text and "epilogue" not in tags["prompt_read"]


def test_the_command_says_what_is_not_read(tmp_path: Path, capsys: Any, settings: Any) -> None:
    arguments = [TEXT, "--style", "jazz", "--instrument", "violin", "--tempo", "60"]
    call_command("generate", *arguments, "--duration", "1", "--out", str(tmp_path))
    told = capsys.readouterr().err
    assert "The end of your text is not read." in told and "“zzyzx”" in told
    assert AudioSample.objects.get().rendered_text.endswith(READ_END)


# -- which model reads


def test_the_model_chosen_on_the_page_reads(page: Client) -> None:
    BaseModelFactory(key="far-away", installed=False)
    asked = reverse("prompt-preview")
    assert "not on this machine" in page.post(asked, FORM | {"model": "far-away"}, **HTMX).text
    assert "zzyzx</dd>" in page.post(asked, FORM | {"model": "studio-tiny"}, **HTMX).text
    assert "zzyzx</dd>" in page.post(asked, FORM | {"model": "no such model"}, **HTMX).text
    body = {"text": TEXT, "model": "far-away"}
    reading = page.post("/api/v1/prompts/preview/", body, "application/json").json()["reading"]
    assert reading["text"] == " ".join(TEXT.split()) and "not on this machine" in reading["not_known"]


def test_a_template_is_read_by_the_model_chosen_on_the_page(page: Client) -> None:
    BaseModelFactory(key="far-away", installed=False)
    url = reverse("template-apply", args=[PromptTemplate.objects.filter(owner=None)[0].pk])
    assert "not on this machine" in page.get(url, {"model": "far-away"}, **HTMX).text
    assert "not on this machine" not in page.get(url, {"model": "studio-tiny"}, **HTMX).text


def test_what_an_older_clip_read_is_not_claimed(page: Client) -> None:
    sample = AudioSampleFactory()
    assert NOT_RECORDED in page.get(reverse("sample-detail", args=[sample.pk])).text
    assert page.get(f"/api/v1/audio/{sample.pk}/").json()["reading"]["not_known"] == NOT_RECORDED


def test_a_finished_job_tells_what_its_clips_read_even_when_the_model_reads_otherwise_now(
    page: Client, sample: AudioSample, studio_tiny: BaseModel
) -> None:
    BaseModel.objects.filter(pk=studio_tiny.pk).update(source=BaseModel.Source.HUB, location="nobody/nothing")
    assert page.get(f"/api/v1/jobs/{sample.job_id}/").json()["reading"]["unknown_words"] == ["zzyzx"]


def test_a_page_of_jobs_asks_the_database_no_more_for_readings(
    page: Client, prompt: Prompt, studio_tiny: BaseModel, django_assert_max_num_queries: Any
) -> None:
    GenerationJobFactory(prompt=prompt, base_model=studio_tiny)
    with django_assert_max_num_queries(30) as few:
        page.get("/api/v1/jobs/")
    for _ in range(5):
        GenerationJobFactory(prompt=prompt, base_model=studio_tiny)
    with django_assert_max_num_queries(len(few)):
        assert len(page.get("/api/v1/jobs/").json()["results"]) == 6


def test_clips_are_found_and_compared_by_the_whole_prompt_whatever_a_model_read(
    page: Client, sample: AudioSample
) -> None:
    whole = AudioSampleFactory(job__prompt=sample.job.prompt)
    assert sample.rendered_text != whole.rendered_text
    for url in (reverse("library"), "/api/v1/audio/", "/api/v1/prompts/"):
        assert "epilogue" in page.get(url, {"q": "epilogue"}).content.decode(), url
    assert {found.pk for found in AudioSample.objects.matching(["epilogue"])} == {sample.pk, whole.pk}
    ids = {"ids": [sample.pk, whole.pk]}
    assert page.get(reverse("compare"), ids).status_code == 200
    assert page.get("/api/v1/audio/compare/", {"ids": f"{sample.pk},{whole.pk}"}).status_code == 200
    vote = {"kind": "preference", "sample_a": str(sample.pk), "sample_b": str(whole.pk), "winner": "a"}
    answer = page.post("/api/v1/feedback/", vote, "application/json")
    assert answer.status_code == 201, answer.content


# -- the coach


def preview(page: Client, text: str, **chosen: Any) -> dict[str, Any]:
    return page.post("/api/v1/prompts/preview/", {"text": text} | chosen, "application/json").json()


def test_the_coach_says_what_to_do_about_what_is_lost(page: Client) -> None:
    titles = [remark["title"] for remark in preview(page, TEXT, **CHOSEN)["remarks"]]
    assert titles == ["Words that the model does not know", "The end of your text is not read"]
    html = page.post(reverse("prompt-preview"), FORM | {"mood": "happy"}, **HTMX).text
    assert html.count("data-remark") == 2 and "The model knows what you mean" not in html
    assert preview(page, "calm piano at dusk")["remarks"] == []


@pytest.mark.parametrize("text", ["静かなピアノの夜", "тихий вечер", "🎹🌙", "zzyzx qwrtp"])
def test_a_text_without_one_known_word_is_told_from_one_with_some(page: Client, text: str) -> None:
    (remark,) = preview(page, text)["remarks"]
    assert remark["title"] == "The model does not understand this text"
    (remark,) = preview(page, f"piano {text}")["remarks"]
    assert remark["title"] == "Words that the model does not know"


def test_many_unknown_words_are_counted(page: Client) -> None:
    (remark,) = preview(page, "piano " + " ".join(f"zzy{letter}" for letter in "abcdefgh"))["remarks"]
    assert "“zzyf” and 2 more" in remark["why"] and "zzyg" not in remark["why"]


# -- text that shows nothing

BLANKS = {
    "nothing": "",
    "blanks": " \t\n",
    "zero-width space": "\u200b",
    "joiners and a mark of order": "\u200d\u2060\ufeff",
    "ideographic space": "\u3000\u2003\u00a0",
    "direction marks": "\u200e\u200f\u202e",
    "Hangul filler": "\u3164",
    "Braille blank": "\u2800",
    "lone variation selector": "\ufe0f",
    "all together": " \u200b\u3164\u2800\u00ad ",
}


def by_page(page: Client, text: str) -> str:
    answer = page.post(reverse("create"), {"text": text, "duration": "1", "num_samples": "1"})
    assert answer.status_code == 400
    return answer.text


def by_api(url: str, **values: Any) -> Callable[[Client, str], str]:
    def send(page: Client, text: str) -> str:
        answer = page.post(url, {"text": text} | values, "application/json")
        assert answer.status_code == 400, answer.content
        assert "text" in answer.json()["fields"]
        return answer.content.decode()

    return send


def by_admin(page: Client, text: str) -> str:
    values = {"name": "x", "category": "jazz", "text": text}
    values |= {"primary_instruments": "[]", "secondary_instruments": "[]"}
    return page.post(reverse("admin:prompts_prompttemplate_add"), values).text


def by_command(page: Client, text: str) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("generate", text, "--duration", "1")
    return str(refused.value)


TEXT_DOORS: dict[str, Callable[[Client, str], str]] = {
    "Create": by_page,
    "prompts of the API": by_api("/api/v1/prompts/"),
    "generate of the API": by_api("/api/v1/generate/"),
    "templates of the API": by_api("/api/v1/templates/", name="x", category="jazz"),
    "the template form": lambda page, text: (
        page.post(reverse("template-create"), {"name": "x", "category": "jazz", "text": text}).text
    ),
    "the admin": by_admin,
    "the command": by_command,
}


@pytest.mark.parametrize("door", TEXT_DOORS)
@pytest.mark.parametrize("blank", BLANKS)
def test_a_text_that_shows_nothing_is_empty_in_every_door(door: str, blank: str, curator_page: Client) -> None:
    before = Prompt.objects.count(), PromptTemplate.objects.count(), GenerationJob.objects.count()
    answer = TEXT_DOORS[door](curator_page, BLANKS[blank])
    assert "1 to 2000 characters" in answer, answer
    assert (Prompt.objects.count(), PromptTemplate.objects.count(), GenerationJob.objects.count()) == before


def test_the_editor_takes_it_for_empty_too(page: Client) -> None:
    html = page.post(reverse("prompt-preview"), {"text": "\u200b\u3164"}, **HTMX).text
    assert "Start with what you want to hear" in html and "Write a text first" in html
    assert preview(page, "\u200b")["used"] == 0


@pytest.mark.parametrize("text", ["🎹", "♪", "é", "静", "👩\u200d🎤", "x\u200b", "…", "\ue000"])
def test_what_can_be_seen_is_kept_as_it_is(text: str) -> None:
    assert create_prompt(actor=None, text=text).text == text


def test_a_letter_and_its_accent_are_one() -> None:
    assert create_prompt(actor=None, text="cafe\u0301").text == "café"


def test_titles_are_one_line() -> None:
    prompt = PromptFactory(text="calm piano\r\nat dusk\u2028and\ta flute\x0bfar away")
    adapter = AdapterFactory(name="warm\nkeys")
    sample = AudioSampleFactory(job__prompt=prompt, job__adapter=adapter, job__base_model=adapter.base_model)
    for name, value in provenance(sample).items():
        assert value == " ".join(value.split()), name
    assert provenance(sample)["title"] == "calm piano at dusk and a flute far away (A)" and str(prompt)[-4:] == "away"
