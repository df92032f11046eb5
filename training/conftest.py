"""A tiny random base model in the registry, and an experiment that can really be trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasets_app.formats.rows import Row
from datasets_app.models import Dataset
from datasets_app.services.imports import import_dataset
from generation.models import BaseModel
from generation.tests.factories import BaseModelFactory
from training.models import Experiment, PromotionPolicy
from training.services import create_experiment
from training.tests.trainable import SETTINGS, preference_rows, write_rows


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    from generation.engine.tests.conftest import save_random_model

    torch.set_num_threads(1)  # models this small gain nothing from threads
    return save_random_model(tmp_path_factory.mktemp("models") / "tiny", seed=3)


@pytest.fixture(scope="session")
def clap_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from training.tests.listener import save_listener

    return save_listener(tmp_path_factory.mktemp("clap"))


@pytest.fixture
def tiny(db: None, tiny_folder: Path) -> BaseModel:
    values = {"key": "tiny", "display_name": "Tiny", "source": BaseModel.Source.FOLDER, "location": str(tiny_folder)}
    return BaseModelFactory(**values, revision="r1", is_active=True, installed=False)


@pytest.fixture
def no_tests_by_themselves(db: None) -> None:
    """New adapters are not tested unless the policy is changed."""
    PromotionPolicy.objects.create(suite=None)


@pytest.fixture
def import_rows(db: None, tmp_path: Path) -> Callable[[list[Row]], Dataset]:
    """A function that makes a built dataset of rows."""

    def made(rows: list[Row]) -> Dataset:
        path = write_rows(tmp_path / "rows.jsonl", rows)
        return import_dataset(actor=None, path=path, name="Votes", worker="host:1:1")

    return made


@pytest.fixture
def experiment(
    user: Any, no_tests_by_themselves: None, tiny: BaseModel, import_rows: Callable[[list[Row]], Dataset]
) -> Experiment:
    return create_experiment(actor=user, name="warm", dataset=import_rows(preference_rows()), config=SETTINGS)
