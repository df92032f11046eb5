"""Datasets are made of people's answers: who builds them, and who is told what of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from datasets_app import services
from datasets_app.building.selection import FEWEST_TOLD, readiness
from datasets_app.models import Dataset, Export
from datasets_app.report.telling import ANSWERS, may_read_answers, statistics_for
from datasets_app.services.imports import import_dataset
from datasets_app.tasks import write_exports
from datasets_app.tests.factories import built, compared_prompts, heard_prompts, rated, seed_that_trains_on, taste
from feedback.services import prefer, rate
from text2song.exceptions import Forbidden
from text2song.tests.clients import caller_with_key
from text2song.tests.factories import UserFactory
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db

LIST = "/api/v1/datasets/"
SENTENCE = "Only curators can build a dataset."


def single(sample: Any) -> dict[str, Any]:
    """Filters that let one clip through, if it was liked: an answer for the asking."""
    return {"prompts": [str(sample.job.prompt_id)], "min_rating": 4}


# -- building --------------------------------------------------------------------------------------------------------


def test_a_script_of_a_rater_neither_counts_nor_builds(user: Any) -> None:
    (sample,) = rated([5])
    script = caller_with_key(user, "read", "write")
    for path, extra in (("count/", {}), ("", {"name": "Probe"})):
        for filters in (single(sample), {}, {"raters": ["rita"]}):
            body = {"kind": "supervised", "filters": filters, **extra}
            answer = script.post(f"{LIST}{path}", body, format="json")
            assert answer.status_code == 403 and answer.json()["detail"].startswith("Only curators can")
    assert not Dataset.objects.exists()


def test_the_pages_refuse_a_rater_with_a_sentence(page: Client) -> None:
    rated([5])
    form = {"name": "Probe", "kind": "supervised", "criterion": "overall", "min_rating": "4", "seed": "0"}
    asked = [page.get(reverse("dataset-create")), page.post(reverse("dataset-create"), form)]
    asked += [page.post(reverse("dataset-create"), form | {"count": "1"}), page.post(reverse("dataset-count"), form)]
    for answer in asked:
        assert answer.status_code == 403 and SENTENCE in answer.text
    assert not Dataset.objects.exists()


def test_the_pages_offer_a_rater_no_building_and_say_why(page: Client, curator_page: Client) -> None:
    create = reverse("dataset-create")
    for liked in (0, 60):
        rated([5] * liked)
        shown = page.get(reverse("datasets")).text
        assert create not in shown and "Curators build datasets" in shown
        assert create in curator_page.get(reverse("datasets")).text


def test_commands_in_the_name_of_a_rater_are_refused_too(user: Any, tmp_path: Any) -> None:
    rated([5])
    with pytest.raises(CommandError, match=SENTENCE):
        call_command("build_dataset", "Probe", kind="supervised", user=user.username)
    with pytest.raises(CommandError, match="Only curators"):
        call_command("build_dataset", "Probe", kind="supervised", user=user.username, count=True)
    with pytest.raises(Forbidden):
        import_dataset(actor=user, path=tmp_path / "rows.jsonl", name="Probe", worker="test")
    assert not Dataset.objects.exists()


def test_the_studio_itself_and_curators_build(curator: Any) -> None:
    rated([5])
    for actor, count in ((None, 1), (curator, None)):
        assert services.preview(actor=actor, kind="supervised", filters={}) == count
        assert services.create_dataset(actor=actor, name="Liked", kind="supervised", now=True).is_ready


# -- how much there is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", ["page", "curator_page"])
def test_few_liked_clips_are_counted_out_to_nobody(request: pytest.FixtureRequest, reader: str, user: Any) -> None:
    browser = request.getfixturevalue(reader)
    rated([5] * (FEWEST_TOLD - 1))
    liked, decided = browser.get(f"{LIST}readiness/").json()
    for told in (liked, decided):
        assert (told["have"], told["fewer_than"], told["missing"], told["is_ready"]) == (None, FEWEST_TOLD, None, False)
    assert "fewer than 5 of 50" in browser.get(reverse("datasets")).text
    assert [goal.have for goal in readiness(None)] == [FEWEST_TOLD - 1, 0]
    rated([5])
    assert [goal.have for goal in readiness(user)] == [FEWEST_TOLD, None]


@pytest.mark.parametrize("liked", range(FEWEST_TOLD + 2))
def test_no_door_counts_out_what_tells_of_single_clips(
    liked: int, curator: Any, curator_page: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """The API, both pages and the command, in the name of a curator: each tells no count below five."""
    rated([5] * liked)
    asked = curator_page.post(f"{LIST}count/", {"kind": "supervised"}, content_type="application/json").json()
    form = {"kind": "supervised", "criterion": "overall", "seed": "0"}
    pages = [curator_page.post(reverse("dataset-count"), form).text]
    pages += [curator_page.post(reverse("dataset-create"), form | {"count": "1"}).text]
    call_command("build_dataset", "Probe", kind="supervised", user=curator.username, count=True)
    printed = capsys.readouterr().out.strip()
    if liked < FEWEST_TOLD:
        assert asked == {"count": None, "fewer_than": FEWEST_TOLD} and printed == "fewer than 5"
        assert all("Fewer than 5 rows fit" in flat(shown) for shown in pages)
    else:
        assert asked == {"count": liked, "fewer_than": None} and printed == str(liked)
        assert all(f">{liked}</strong> rows fit" in shown for shown in pages)


# -- rows and reports ------------------------------------------------------------------------------------------------


@pytest.fixture(params=["supervised", "preference"])
def dataset(request: pytest.FixtureRequest) -> Dataset:
    """One row that somebody else's answer made."""
    rated([5]) if request.param == "supervised" else compared_prompts(1)
    return built(request.param)


def judge(dataset: Dataset, reader: Any) -> None:
    """The reader says something of every clip."""
    samples = [clip.sample for clip in dataset.clips.order_by("pk")]
    if len(samples) == 1:
        rate(sample=samples[0], rater=reader, scores={"overall": 1})
    else:
        prefer(sample_a=samples[0], sample_b=samples[1], winner="tie", rater=reader)


def test_the_report_keeps_answers_from_those_who_have_not_judged(dataset: Dataset, page: Client, user: Any) -> None:
    told = page.get(f"{LIST}{dataset.pk}/stats/").json()
    assert told["answers_told"] is False
    assert {name for name, value in told.items() if value is None} >= set(ANSWERS) & set(dataset.statistics)
    assert told["rows"] == 1 and told["clips"] == len(dataset.clips.all())
    assert page.get(f"{LIST}{dataset.pk}/").json()["filters"] is None
    shown = page.get(reverse("dataset-detail", args=[dataset.pk])).text
    for words in ("mean rating", "Krippendorff", "Ratings", "Margins", "Advice", "Circles", "<h2>Filters</h2>"):
        assert words not in shown
    assert "You are told once you have judged every clip" in shown
    judge(dataset, user)
    assert page.get(f"{LIST}{dataset.pk}/stats/").json() == dataset.statistics | {"answers_told": True}
    assert "Advice" in page.get(reverse("dataset-detail", args=[dataset.pk])).text


def test_one_clip_not_judged_keeps_all_of_it(user: Any) -> None:
    one, other = rated([5, 2])
    dataset = built()
    rate(sample=one, rater=user, scores={"overall": 3})
    assert not may_read_answers(user, dataset)
    rate(sample=other, rater=user, scores={"overall": 3})
    assert may_read_answers(user, dataset)


def test_every_figure_of_a_report_is_known_to_be_an_answer_or_not(curator: Any) -> None:
    """A new figure has to be thought about."""
    rated([5])
    judged = compared_prompts(1)
    anna = taste(judged[0][0].job.base_model)
    seed = seed_that_trains_on([*judged, *heard_prompts(1, anna.base_model)])
    labelled = built("preference", {"taste": str(anna.pk), "taste_share": 1}, seed=seed)
    figures = set(built("supervised").statistics) | set(labelled.statistics)
    facts = {"rows", "splits", "prompts", "largest_prompt", "clips", "seconds", "models", "adapters", "duplicates"}
    facts.add("labelled")
    assert figures == facts | set(ANSWERS)
    assert statistics_for(curator, built())["answers_told"]


def test_exports_are_for_those_who_may_read_the_rows(dataset: Dataset, page: Client, user: Any) -> None:
    script = caller_with_key(user, "read", "write")
    ready = services.start_export(dataset=dataset, file_format="jsonl", actor=None)
    write_exports(str(ready.pk))
    start, download = reverse("dataset-export", args=[dataset.pk]), reverse("dataset-export-download", args=[ready.pk])

    def doors() -> list[Any]:
        return [
            page.post(start, {"format": "huggingface"}),
            page.get(download),
            script.post(f"{LIST}{dataset.pk}/export/", {"format": "huggingface"}, format="json"),
            script.get(f"/api/v1/dataset-exports/{ready.pk}/download/"),
        ]

    for answer in doors():
        assert answer.status_code == 403 and "judged every clip" in answer.content.decode()
    assert download not in page.get(reverse("dataset-detail", args=[dataset.pk])).text
    listed = page.get(reverse("dataset-exports", args=[dataset.pk]), headers={"HX-Request": "true"}).text
    assert download not in listed and start not in listed.replace("exports/", "")
    assert Export.objects.count() == 1
    judge(dataset, user)
    assert [answer.status_code for answer in doors()] == [302, 200, 202, 200]
    assert download in page.get(reverse("dataset-detail", args=[dataset.pk])).text


def test_curators_are_told_everything(dataset: Dataset, curator: Any, curator_page: Client) -> None:
    assert statistics_for(curator, dataset) == dataset.statistics | {"answers_told": True}
    assert curator_page.get(f"{LIST}{dataset.pk}/").json()["filters"] == dataset.filters
    assert not may_read_answers(UserFactory(), dataset)
