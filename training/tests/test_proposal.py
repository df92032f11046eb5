"""Settings proposed for the votes at hand."""

from __future__ import annotations

import pytest

from datasets_app.models import Dataset
from datasets_app.tests.factories import built, compared_prompts, rated
from generation.models import GenerationJob
from training.config import TrainingConfig
from training.runs.proposal import proposal

pytestmark = pytest.mark.django_db


def test_pairs_are_proposed_the_sampler_that_made_them():
    compared_prompts(3)
    GenerationJob.objects.update(guidance_scale=2.5, temperature=0.9)
    found = proposal(built("preference"))
    assert (found.values["guidance_scale"], found.values["temperature"]) == (2.5, 0.9)
    assert TrainingConfig.from_mapping(found.values).method == "dpo"
    assert "guidance 2.5, temperature 0.9" in found.reason


@pytest.mark.parametrize(("rows", "pairs"), [(3, 8), (160, 16), (400, 32), (1000, 32)])
def test_steps_hold_as_many_pairs_as_leaves_ten_an_epoch(rows, pairs):
    compared_prompts(1)
    dataset = built("preference")
    dataset.train_rows = rows - dataset.validation_rows - dataset.test_rows
    config = TrainingConfig.from_mapping(proposal(dataset).values)
    assert config.batch_size * config.gradient_accumulation_steps == pairs


@pytest.mark.parametrize(("labelled", "steps"), [(0, None), (199, None), (200, 30), (400, 30)])
def test_pairs_that_a_taste_labelled_are_trained_on_in_few_steps(labelled, steps):
    compared_prompts(1)
    dataset = built("preference")
    dataset.train_rows, dataset.validation_rows, dataset.test_rows = 400, 0, 0
    dataset.statistics["labelled"] = {"judges": {"taste anna@1": labelled}}
    found = proposal(dataset)
    assert found.values.get("max_steps") == steps and ("max_kl" in found.values) is bool(labelled)
    assert ("guard_clips" in found.values) is bool(labelled)
    assert ("labelled by a taste" in found.reason) is bool(steps)


def test_nothing_is_proposed_for_ratings_or_thousands():
    rated([5, 4])
    assert proposal(built()) is None
    compared_prompts(1)
    dataset: Dataset = built("preference", name="many")
    dataset.train_rows = 1001
    assert proposal(dataset) is None


def test_the_form_shows_what_is_proposed_and_why(client, django_user_model):
    compared_prompts(2)
    dataset = built("preference")
    client.force_login(django_user_model.objects.create_superuser("engineer"))
    html = client.get(f"/training/new/?dataset={dataset.pk}").content.decode()
    assert "Proposed for 2 judged pairs" in html and 'name="beta" value="0.02"' in html
    assert "Proposed for" not in client.get("/training/new/").content.decode()
