"""Making, changing and archiving experiments."""

from __future__ import annotations

from collections.abc import Mapping
from types import EllipsisType
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from datasets_app.exceptions import DatasetNotFound, DatasetNotReady
from datasets_app.formats.training_command import require_method
from datasets_app.models import Dataset
from generation.models import BaseModel
from generation.services import model_for
from text2song.exceptions import Forbidden
from training.config import InvalidConfig, TrainingConfig
from training.exceptions import (
    ConfigRefused,
    ExperimentAlreadyArchived,
    ExperimentHasUnfinishedRuns,
    ExperimentIsArchived,
    ExperimentIsNotArchived,
)
from training.models import Experiment
from training.services.defaults import starting_config

TYPED = ("name", "description")


def create_experiment(
    *,
    actor: User | None,
    name: str,
    description: str = "",
    dataset: Dataset | None = None,
    base_model: BaseModel | None = None,
    config: Mapping[str, Any] | None = None,
) -> Experiment:
    """Store an experiment. Settings that `config` leaves out are the studio's defaults; the method fits `dataset`.

    Without `base_model` it is the active one. Raises `ValidationError` (name, description), `ConfigRefused`,
    `DatasetNotFound`, `DatasetNotReady`, `MethodDoesNotMatch`.
    """
    fitting = {"method": dataset.methods[0]} if dataset else {}
    experiment = Experiment(
        name=name.strip(),
        description=_lines(description),
        dataset=dataset,
        base_model=base_model or model_for(None),
        config=read_config({**starting_config(), **fitting, **(config or {})}).to_mapping(),
        created_by=actor,
    )
    _check(experiment)
    experiment.save(force_insert=True)
    return experiment


def update_experiment(
    *,
    experiment: Experiment,
    actor: User,
    name: str | None = None,
    description: str | None = None,
    dataset: Dataset | EllipsisType | None = ...,
    base_model: BaseModel | None = None,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Change what is given; None leaves a value as it is (`...` the dataset), and so does a setting not in `config`.

    Runs keep what they were started with. Raises as `create_experiment`, and `Forbidden`, `ExperimentIsArchived`.
    """
    require_change(actor, experiment)
    if experiment.is_archived:
        raise ExperimentIsArchived(experiment.name, gettext("it cannot be changed"))
    experiment.name = experiment.name if name is None else name.strip()
    experiment.description = experiment.description if description is None else _lines(description)
    experiment.dataset = experiment.dataset if dataset is ... else dataset
    experiment.base_model = base_model or experiment.base_model
    experiment.config = read_config({**experiment.config, **(config or {})}).to_mapping()
    _check(experiment)
    experiment.updated_at = timezone.now()
    with transaction.atomic():
        experiment.save(update_fields=[*TYPED, "dataset", "base_model", "config", "updated_at"])
        experiment.follow_runs()


def archive_experiment(*, experiment: Experiment, actor: User) -> None:
    """Take it off the default list; its runs stay. Refused twice, and while a run is unfinished."""
    require_change(actor, experiment)
    with transaction.atomic():
        locked = Experiment.objects.select_for_update().get(pk=experiment.pk)
        if locked.is_archived:
            raise ExperimentAlreadyArchived(experiment.name)
        if locked.runs.unfinished().exists():
            raise ExperimentHasUnfinishedRuns(experiment.name)
        Experiment.objects.filter(pk=experiment.pk).update(archived_at=timezone.now())
    experiment.refresh_from_db()


def unarchive_experiment(*, experiment: Experiment, actor: User) -> None:
    """Bring it back; it takes the state its runs imply."""
    require_change(actor, experiment)
    with transaction.atomic():
        if not Experiment.objects.archived().filter(pk=experiment.pk).update(archived_at=None):
            raise ExperimentIsNotArchived(experiment.name)
        experiment.follow_runs()
    experiment.refresh_from_db()


def may_change(user: User, experiment: Experiment) -> bool:
    """Whether `user` may change it and run, cancel and delete its runs: who made it, and curators."""
    return bool(user.is_staff or (experiment.created_by_id is not None and experiment.created_by_id == user.pk))


def require_change(actor: User, experiment: Experiment) -> None:
    """Raise `Forbidden` unless `actor` may change it."""
    if not may_change(actor, experiment):
        raise Forbidden(gettext("Only the person who made an experiment, or a curator, can change it or its runs."))


def read_config(values: Mapping[str, Any]) -> TrainingConfig:
    """The configuration of JSON values; raises `ConfigRefused` naming every setting at fault."""
    try:
        return TrainingConfig.from_mapping(values)
    except InvalidConfig as error:
        raise ConfigRefused(error.problems) from error


def require_trainable(dataset: Dataset, method: str) -> None:
    """Raise `DatasetNotFound`, `DatasetNotReady` or `MethodDoesNotMatch` unless `method` can train on it now."""
    if dataset.is_deleted:
        raise DatasetNotFound(
            gettext("The dataset “%(dataset_name)s” is deleted. Choose another one for the experiment.")
            % {"dataset_name": dataset.name}
        )
    if not dataset.is_ready:
        raise DatasetNotReady(dataset.name, dataset.state)
    require_method(method, dataset.kind)


def _check(experiment: Experiment) -> None:
    unchecked = {field.name for field in Experiment._meta.fields} - set(TYPED)
    experiment.clean_fields(exclude=unchecked)
    if experiment.dataset is not None:
        require_trainable(experiment.dataset, experiment.config["method"])


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
