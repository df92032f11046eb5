"""A taste's labels through every door: form, API, command, files, card and pages."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from adapters.models import Taste
from datasets_app.exceptions import InvalidRow
from datasets_app.formats.exports import write_file
from datasets_app.models import Dataset
from datasets_app.services.imports import import_dataset
from datasets_app.tests.factories import built, compared_prompts, heard_prompts, seed_that_trains_on, taste
from generation.models import AudioSample
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db

API = "/api/v1/datasets/"


@pytest.fixture
def world() -> tuple[Taste, int]:
    """Six judged pairs and eight more that a taste is sure of, with a seed that trains on all of them."""
    judged = compared_prompts(6)
    unjudged = heard_prompts(2, judged[0][0].job.base_model)
    return taste(judged[0][0].job.base_model), seed_that_trains_on([*judged, *unjudged])


@pytest.fixture
def dataset(world: tuple[Taste, int]) -> Dataset:
    return built("preference", {"taste": str(world[0].pk)}, seed=world[1])


def form(world: tuple[Taste, int], **values: Any) -> dict[str, Any]:
    chosen = {"name": "More pairs", "kind": "preference", "taste": str(world[0].pk), "seed": world[1]}
    return chosen | {"taste_share": "0.8", "taste_pairs": "4"} | values


# -- the form --------------------------------------------------------------------------------------------------------


def test_the_form_offers_usable_tastes_only(curator_page: Client, world: tuple[Taste, int]) -> None:
    address = reverse("dataset-create")
    shown = curator_page.get(address).text
    assert "Pairs labelled by a taste" in shown and str(world[0].pk) in shown
    Taste.objects.update(is_usable=False)
    assert "Pairs labelled by a taste" not in curator_page.get(address).text


def test_the_form_counts_both_and_builds(curator_page: Client, world: tuple[Taste, int]) -> None:
    shown = flat(curator_page.post(reverse("dataset-count"), form(world)).text)
    assert re.sub("<[^>]+>", "", shown).count("8 pairs labelled by the taste, 6 judged by people.") == 1
    assert curator_page.post(reverse("dataset-create"), form(world, taste_pairs="1")).status_code == 302
    assert Dataset.objects.get().filters == {"taste": str(world[0].pk), "taste_pairs": 1}


def test_so_few_judged_pairs_are_not_counted_out_through_the_share(curator_page: Client, world: Any) -> None:
    some = AudioSample.objects.order_by("pk").filter(job__seed__in=[1000, 1010, 5000])
    prompts = sorted({str(sample.job.prompt_id) for sample in some})
    values = form(world, prompts=prompts, taste_share="0.5")
    shown = flat(curator_page.post(reverse("dataset-count"), values).text)
    assert "Fewer than 5 rows fit" in shown


@pytest.mark.parametrize(
    ("values", "words"),
    [({"taste_share": "0"}, "above 0"), ({"taste_share": "2"}, "from 0 to 1"), ({"taste_pairs": "99"}, "from 1 to 16")],
)
def test_the_form_says_what_cannot_be_and_keeps_the_rest(
    curator_page: Client, world: tuple[Taste, int], values: dict[str, str], words: str
) -> None:
    answer = curator_page.post(reverse("dataset-create"), form(world, **values))
    assert answer.status_code == 400 and words in answer.text and "More pairs" in answer.text
    assert not Dataset.objects.exists()


def test_without_a_taste_or_for_rated_clips_its_settings_do_not_matter(curator_page: Client, world: Any) -> None:
    assert curator_page.post(reverse("dataset-create"), form(world, taste="")).status_code == 302
    assert Dataset.objects.get().filters == {}


# -- API and command -------------------------------------------------------------------------------------------------


def test_the_api_counts_builds_and_tells(curator_page: Client, world: tuple[Taste, int]) -> None:
    def send(path: str, body: Any) -> Any:
        return curator_page.post(f"{API}{path}", json.dumps(body), content_type="application/json")

    filters = {"taste": str(world[0].pk), "taste_share": 0.5}
    counted = send("count/", {"kind": "preference", "filters": filters, "seed": world[1]}).json()
    assert counted["fewer_than"] is None and counted["count"] == 6 + counted["labelled"]
    made = send("", {"name": "x", "kind": "preference", "filters": filters, "seed": world[1]})
    assert made.status_code == 202 and made.json()["labelled"] == {}
    refused = send("", {"name": "x", "kind": "preference", "filters": {"taste": "anna"}})
    assert refused.status_code == 400 and "give the id of a taste" in refused.text


def test_the_api_tells_whose_the_rows_are(page: Client, curator_page: Client, dataset: Dataset) -> None:
    for reader, is_told in ((page, False), (curator_page, True)):
        assert reader.get(f"{API}{dataset.pk}/").json()["labelled"] == {"taste anna@1": 8}
        told = reader.get(f"{API}{dataset.pk}/stats/").json()
        assert told["labelled"]["judged"] == 6
        assert (told["labels"] is not None) is is_told


def test_the_command_takes_a_taste_by_name_or_id(world: tuple[Taste, int], capsys: pytest.CaptureFixture[str]) -> None:
    options = {"kind": "preference", "seed": world[1]}
    call_command("build_dataset", "x", taste="anna@1", count=True, **options)
    assert capsys.readouterr().out.strip() == "14 (8 of them labelled by the taste)"
    call_command("build_dataset", "x", taste=str(world[0].pk), taste_share=0.25, taste_pairs=1, **options)
    assert "8 rows (train 8" in capsys.readouterr().out
    with pytest.raises(CommandError, match="give the id of a taste"):
        call_command("build_dataset", "x", taste="ben@7", **options)


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["jsonl", "huggingface"])
def test_the_mark_survives_export_and_import(tmp_path: Path, dataset: Dataset, file_format: str) -> None:
    path = tmp_path / ("rows.jsonl" if file_format == "jsonl" else "rows.zip")
    write_file(dataset, file_format, path)
    again = import_dataset(actor=None, path=path, name="Again", worker="w")
    assert again.content_hash == dataset.content_hash
    assert again.labelled == dataset.labelled == {"taste anna@1": 8}
    assert set(again.items.exclude(judge="").values_list("judge", "votes", "labelled_by")) == {
        ("taste anna@1", 0, None)
    }
    assert set(again.items.filter(judge="").values_list("votes", flat=True)) == {1}


def test_the_card_says_what_no_person_judged(tmp_path: Path, dataset: Dataset) -> None:
    write_file(dataset, "huggingface", tmp_path / "rows.zip")
    card = zipfile.ZipFile(tmp_path / "rows.zip").read("README.md").decode()
    assert "8 of 14 pairs were labelled by the taste anna@1" in card
    assert "predicts 80% of people's votes" in card and "`judge`" in card


@pytest.mark.parametrize(
    ("change", "words"),
    [({"votes": 3}, "votes must be"), ({"judge": ""}, "judge must be"), ({"judge": "x" * 300}, "judge must be")],
)
def test_a_file_cannot_pass_labels_off_as_votes(
    tmp_path: Path, dataset: Dataset, change: dict[str, Any], words: str
) -> None:
    path = tmp_path / "rows.jsonl"
    write_file(dataset, "jsonl", path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row | (change if "judge" in row else {})) + "\n" for row in rows))
    with pytest.raises(InvalidRow, match=words):
        import_dataset(actor=None, path=path, name="Again", worker="w")


# -- pages -----------------------------------------------------------------------------------------------------------


def test_the_page_says_whose_the_rows_are_to_everybody_and_how_sure_to_curators(
    page: Client, curator_page: Client, dataset: Dataset
) -> None:
    address = reverse("dataset-detail", args=[dataset.pk])
    for reader, is_told in ((page, False), (curator_page, True)):
        shown = flat(reader.get(address).text)
        assert "8 of 14 pairs were labelled by the taste anna@1, and judged by nobody." in shown
        assert ("What the taste labelled" in shown) is is_told
    assert "<dd>anna@1</dd>" in shown


def test_a_dataset_of_people_says_nothing_of_tastes(curator_page: Client) -> None:
    compared_prompts(2)
    plain = built("preference")
    shown = curator_page.get(reverse("dataset-detail", args=[plain.pk])).text
    assert "labelled by" not in shown and curator_page.get(f"{API}{plain.pk}/").json()["labelled"] == {}
