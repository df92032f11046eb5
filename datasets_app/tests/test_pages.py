"""The pages of datasets."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from datasets_app import dependents
from datasets_app.models import Dataset, Export
from datasets_app.services import create_dataset
from datasets_app.tasks import build_datasets, write_exports
from datasets_app.tests.factories import built, compared_prompts, rated
from text2song.tests.html import flat

pytestmark = pytest.mark.django_db

FORM = {"name": "Liked", "kind": "supervised", "criterion": "overall", "min_rating": "4", "seed": "0"}


@pytest.fixture
def in_use() -> Iterator[list[str]]:
    """Names of what uses every dataset; empty at first."""
    users: list[str] = []
    dependents.uses_datasets(lambda dataset: users)
    yield users
    dependents._sources.pop()


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_the_empty_list_explains_the_first_step(curator_page: Client) -> None:
    answer = curator_page.get(reverse("datasets"))
    assert "No datasets yet" in text(answer)
    assert reverse("dataset-create") in answer.content.decode()
    assert "fewer than 5 of 50" in text(answer)
    rated([5] * 6)
    started = text(curator_page.get(reverse("datasets")))
    assert "6 of 50" in started
    assert "44 more are missing" in started


@pytest.mark.usefixtures("workers")
def test_a_dataset_is_made_and_followed(curator_page: Client, curator: Any) -> None:
    rated([5, 2])
    answer = curator_page.post(reverse("dataset-create"), FORM)
    dataset = Dataset.objects.get()
    assert answer.url == reverse("dataset-detail", args=[dataset.pk])
    assert (dataset.created_by, dataset.filters, dataset.state) == (curator, {"min_rating": 4.0}, "queued")
    assert "Liked" in text(curator_page.get(reverse("datasets")))
    waiting = curator_page.get(answer.url).content.decode()
    assert "Waiting for a worker" in waiting
    assert 'hx-trigger="every 1s"' in waiting
    build_datasets(str(dataset.pk))
    ended = curator_page.get(reverse("dataset-status", args=[dataset.pk]), headers={"HX-Request": "true"})
    assert ended.headers["HX-Refresh"] == "true"
    shown = curator_page.get(answer.url)
    dataset.refresh_from_db()
    assert f".venv/bin/python manage.py train --dataset {dataset.pk} --method sft" in text(shown)
    assert dataset.content_hash in text(shown)
    assert 'hx-trigger="every 1s"' not in shown.content.decode()


def test_the_count_follows_the_form_and_switches_the_button(curator_page: Client) -> None:
    rated([5, 4, 5, 4, 4, 2])
    count = reverse("dataset-count")
    some = curator_page.post(count, FORM | {"name": ""}).content.decode()
    assert re.search(r"<strong[^>]*>5</strong>", some)
    assert "disabled" not in some
    few = curator_page.post(count, FORM | {"kind": "preference"}).content.decode()
    assert "Fewer than 5 rows fit" in flat(few)
    assert "disabled" not in few
    wrong = curator_page.post(count, FORM | {"max_rating": "2"}).content.decode()
    assert "below the lowest" in wrong
    assert "disabled" in wrong


def test_the_form_opens_with_four_stars_and_their_count(curator_page: Client) -> None:
    rated([5, 4, 5, 4, 4, 2])
    shown = curator_page.get(reverse("dataset-create")).content.decode()
    assert re.search(r'name="min_rating"[^>]*value="4"', shown)
    assert re.search(r"<strong[^>]*>5</strong>", shown)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "name of 1 to 200"),
        ({"name": "x" * 201}, "at most 200"),
        ({"max_rating": "2"}, "below the lowest"),
        ({"kind": "preference"}, "No judged pair fits"),
        ({"kind": "neither"}, "neither"),
    ],
)
def test_refused_input_is_kept_and_nothing_stored(curator_page: Client, changes: dict[str, str], words: str) -> None:
    rated([5])
    answer = curator_page.post(reverse("dataset-create"), FORM | {"description": "For the piano."} | changes)
    assert answer.status_code in (200, 400)
    assert words in text(answer)
    assert "For the piano." in answer.content.decode()
    assert not Dataset.objects.exists()


def test_counting_works_without_script(curator_page: Client) -> None:
    rated([5] * 6)
    answer = curator_page.post(reverse("dataset-create"), FORM | {"name": "", "count": "1"})
    assert re.search(r"<strong[^>]*>6</strong>", answer.content.decode())
    assert not Dataset.objects.exists()


def test_deleted_datasets_are_shown_when_asked_for(page: Client, user: Any) -> None:
    rated([5])
    dataset = built(name="Old one", made_by=user)
    asked = page.get(reverse("dataset-delete", args=[dataset.pk]))
    assert "Old one" in text(asked)
    assert Dataset.objects.visible().exists()
    page.post(reverse("dataset-delete", args=[dataset.pk]))
    assert page.get(reverse("dataset-detail", args=[dataset.pk])).status_code == 404
    assert "Old one" not in text(page.get(reverse("datasets"))).replace("“Old one” is deleted.", "")
    listed = text(page.get(reverse("datasets"), {"include_deleted": "true"}))
    assert "Old one" in listed
    assert "Deleted" in listed
    assert dataset.items.count() == 1


def test_a_dataset_in_use_stays(page: Client, user: Any, in_use: list[str]) -> None:
    rated([5])
    dataset = built(made_by=user)
    in_use += [f"the adapter piano@{n}.0.0" for n in range(7)]
    page.post(reverse("dataset-delete", args=[dataset.pk]))
    shown = text(page.get(reverse("dataset-detail", args=[dataset.pk])))
    assert "the adapter piano@4.0.0 and 2 more, so it cannot be deleted" in shown
    in_use.clear()
    page.post(reverse("dataset-delete", args=[dataset.pk]))
    assert not Dataset.objects.visible().exists()


def test_only_its_maker_and_curators_delete(page: Client, curator_page: Client) -> None:
    rated([5])
    dataset = built()
    url = reverse("dataset-delete", args=[dataset.pk])
    assert page.post(url).status_code == 403
    assert curator_page.post(url).status_code == 302
    assert not Dataset.objects.visible().exists()


def test_an_export_is_started_followed_and_downloaded(curator_page: Client) -> None:
    rated([5])
    dataset = built()
    htmx = {"HX-Request": "true"}
    started = curator_page.post(reverse("dataset-export", args=[dataset.pk]), {"format": "jsonl"}, headers=htmx)
    assert 'hx-trigger="every 1s"' in started.content.decode()
    export = Export.objects.get()
    write_exports(str(export.pk))
    done = curator_page.get(reverse("dataset-exports", args=[dataset.pk]), headers=htmx).content.decode()
    assert 'hx-trigger="every' not in done
    url = reverse("dataset-export-download", args=[export.pk])
    assert url in done
    answer = curator_page.get(url)
    assert 'filename="a-dataset-' in answer.headers["Content-Disposition"]
    assert len(b"".join(answer.streaming_content).splitlines()) == 1
    export.refresh_from_db()
    export.file.storage.delete(export.file.name)
    assert "not in the store any more" in text(curator_page.get(url, follow=True))
    refused = curator_page.post(reverse("dataset-export", args=[dataset.pk]), {"format": "csv"}, follow=True)
    assert "csv" in text(refused)


def test_a_built_dataset_leads_to_training_on_it(page: Client) -> None:
    rated([5])
    dataset = built()
    address = f"{reverse('experiment-new')}?dataset={dataset.pk}"
    assert f'href="{address}"' in page.get(reverse("dataset-detail", args=[dataset.pk])).content.decode()
    form = page.get(address).context["form"]
    assert form["dataset"].value() == dataset.pk


def test_a_failed_build_says_why(page: Client) -> None:
    sample = rated([5])[0]
    sample.codes_file.storage.delete(sample.codes_file.name)
    dataset = create_dataset(actor=None, name="Lost", kind="supervised", now=True)
    answer = page.get(reverse("dataset-detail", args=[dataset.pk]))
    assert "cannot be read" in text(answer) and "Train on it" not in text(answer)


def test_unknown_things_are_not_found(page: Client) -> None:
    for name in ("dataset-detail", "dataset-delete", "dataset-status", "dataset-exports", "dataset-export-download"):
        assert page.get(reverse(name, args=[uuid.uuid4()])).status_code == 404


def test_the_list_takes_few_queries(page: Client, django_assert_max_num_queries: Any) -> None:
    compared_prompts(2)
    for number in range(6):
        built("preference", name=f"Dataset {number}")
    with django_assert_max_num_queries(16):
        page.get(reverse("datasets"))


def test_curators_export_and_delete_in_admin(curator_page: Client) -> None:
    rated([5])
    dataset = built()
    url = reverse("admin:datasets_app_dataset_changelist")
    assert "A dataset" in text(curator_page.get(url))
    assert curator_page.get(reverse("admin:datasets_app_dataset_change", args=[dataset.pk])).status_code == 200
    chosen = {"_selected_action": [str(dataset.pk)]}
    assert "Being exported: 1." in text(curator_page.post(url, {"action": "export_jsonl", **chosen}, follow=True))
    assert Export.objects.get().dataset == dataset
    assert "Datasets deleted: 1." in text(curator_page.post(url, {"action": "hide", **chosen}, follow=True))
    assert not Dataset.objects.visible().exists()
