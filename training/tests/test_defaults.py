"""Training defaults: what curators choose is what new experiments start with, and nothing else changes."""

from __future__ import annotations

import pytest
from django.urls import reverse

from generation.tests.factories import BaseModelFactory
from text2song.exceptions import Forbidden
from training import services
from training.config import TrainingConfig
from training.exceptions import ConfigRefused
from training.models import Experiment, TrainingDefaults
from training.tests.factories import DatasetFactory, ExperimentFactory

pytestmark = pytest.mark.django_db

ADDRESS = "/settings/training/"
SHIPPED = TrainingConfig().to_mapping()


def sent(**changes):
    """The form as a browser sends it back: every setting but the method, ticked boxes only when ticked."""
    values = {name: value for name, value in SHIPPED.items() if name != "method" and value is not False}
    return {name: "on" if value is True else value for name, value in (values | changes).items() if value is not False}


def test_shipped_values_hold_until_somebody_chooses():
    assert services.starting_config() == SHIPPED
    assert {
        "epochs": 3,
        "batch_size": 2,
        "gradient_accumulation_steps": 4,
        "learning_rate": 1e-4,
    }.items() <= SHIPPED.items()
    assert {
        "warmup_steps": 100,
        "lora_r": 16,
        "lora_alpha": 32.0,
        "lora_dropout": 0.05,
        "beta": 0.1,
    }.items() <= SHIPPED.items()


def test_what_a_curator_saves_new_experiments_start_with(curator_page, page, curator):
    old = ExperimentFactory()
    answer = curator_page.post(reverse("settings-training"), sent(epochs=7, lora_r=8))
    assert (answer.status_code, answer.url) == (302, ADDRESS)
    assert TrainingDefaults.objects.get().config == {"epochs": 7, "lora_r": 8}
    made = services.create_experiment(actor=curator, name="new", base_model=BaseModelFactory(), config={"lora_r": 4})
    assert (made.config["epochs"], made.config["lora_r"], made.config["batch_size"]) == (7, 4, 2)
    old.refresh_from_db()
    assert old.config == SHIPPED
    assert 'name="epochs" value="7"' in page.get(reverse("experiment-new")).text


def test_an_experiment_made_by_the_page_has_them(curator_page, page):
    curator_page.post(ADDRESS, sent(epochs=7))
    form = sent(epochs=7) | {"name": "by page", "base_model": str(BaseModelFactory(is_active=True).pk), "method": "dpo"}
    assert page.post(reverse("experiment-new"), form).status_code == 302
    assert Experiment.objects.get(name="by page").config["epochs"] == 7


def test_the_method_still_follows_the_dataset(curator_page, curator):
    curator_page.post(ADDRESS, sent(epochs=7))
    made = services.create_experiment(
        actor=curator, name="n", base_model=BaseModelFactory(), dataset=DatasetFactory(kind="supervised")
    )
    assert (made.config["method"], made.config["epochs"]) == ("sft", 7)
    assert 'name="method"' not in curator_page.get(ADDRESS).text


def test_the_way_back_to_what_was_shipped(curator_page):
    curator_page.post(ADDRESS, sent(epochs=7, mixed_precision=False))
    assert services.starting_config()["mixed_precision"] is False
    assert curator_page.post(ADDRESS, {"shipped": ""}).status_code == 302
    assert services.starting_config() == SHIPPED


def test_a_value_out_of_its_range_is_refused_and_nothing_changes(curator_page, curator):
    answer = curator_page.post(ADDRESS, sent(epochs=0))
    assert answer.status_code == 400
    assert "Epochs must be" in answer.text
    with pytest.raises(ConfigRefused):
        services.set_training_defaults(actor=curator, config={"epochs": 0})
    assert not TrainingDefaults.objects.exists()


def test_others_read_them(page, user):
    html = page.get(ADDRESS).text
    assert "Curators can change these." in html
    assert "Save defaults" not in html
    assert page.post(ADDRESS, sent(epochs=7)).status_code == 403
    assert page.post(ADDRESS, {"shipped": ""}).status_code == 403
    with pytest.raises(Forbidden):
        services.set_training_defaults(actor=user, config={"epochs": 7})
    assert not TrainingDefaults.objects.exists()
