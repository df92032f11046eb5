"""Starting, cancelling, resuming and deleting runs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from adapters.models import Adapter
from adapters.services.selection import require_selectable
from training.exceptions import (
    BaseModelChanged,
    ExperimentIsArchived,
    NoDataset,
    RunIsUnfinished,
    RunNameTaken,
    RunNotFound,
)
from training.models import Experiment, LogLine, TrainingRun
from training.runs.checkpoint_store import remove_checkpoints
from training.runs.journal import write_line
from training.services.experiments import read_config, require_change, require_trainable


def start_run(
    *,
    experiment: Experiment,
    actor: User | None,
    name: str = "",
    overrides: Mapping[str, Any] | None = None,
    parent: Adapter | None = None,
    blind_test: bool = True,
) -> TrainingRun:
    """Store a queued run and wake a training worker. See `create_run` for what is refused."""
    if actor is not None:
        require_change(actor, experiment)
    with transaction.atomic():
        run = create_run(
            experiment=experiment, actor=actor, name=name, overrides=overrides, parent=parent, blind_test=blind_test
        )
        run.wake_worker()
    return run


def create_run(
    *,
    experiment: Experiment,
    actor: User | None,
    name: str = "",
    overrides: Mapping[str, Any] | None = None,
    parent: Adapter | None = None,
    register: bool = True,
    blind_test: bool = True,
) -> TrainingRun:
    """Store a queued run of the experiment as it is now, without waking anybody.

    Without a name it is called run-1, run-2 and so on. Of `overrides` only what differs is kept. Raises `NoDataset`,
    `DatasetNotReady`, `MethodDoesNotMatch`, `ConfigRefused`, `ModelNotReady`, `AdapterNotSelectable` (parent),
    `RunNameTaken`, `ExperimentIsArchived`, `ValidationError` (name).
    """
    with transaction.atomic():
        experiment = _locked(experiment)
        if experiment.is_archived:
            raise ExperimentIsArchived(experiment.name, gettext("no run can be started"))
        if experiment.dataset is None:
            raise NoDataset(experiment.name)
        config = read_config({**experiment.config, **(overrides or {})}).to_mapping()
        require_trainable(experiment.dataset, config["method"])
        experiment.base_model.spec()  # raises when the files are not here
        if parent is not None:
            require_selectable(parent, experiment.base_model)
        number = experiment.last_run_number + 1
        run = TrainingRun(
            experiment=experiment,
            number=number,
            name=name.strip() or _free_name(experiment, number),
            overrides={key: value for key, value in config.items() if value != experiment.config.get(key)},
            config=config,
            dataset=experiment.dataset,
            base_model=experiment.base_model,
            base_revision=experiment.base_model.revision,
            parent=parent,
            register=register,
            blind_test=blind_test,
            created_by=actor,
        )
        _store(run)
    return run


def _locked(experiment: Experiment) -> Experiment:
    """The experiment as it is now, nobody else starting a run of it meanwhile."""
    return (
        Experiment.objects.select_for_update(of=("self",)).select_related("dataset", "base_model").get(pk=experiment.pk)
    )


def _store(run: TrainingRun) -> None:
    run.clean_fields(exclude={field.name for field in TrainingRun._meta.fields} - {"name"})
    if run.experiment.runs.filter(name=run.name).exists():
        raise RunNameTaken(run.name)
    run.save(force_insert=True)
    Experiment.objects.filter(pk=run.experiment_id).update(last_run_number=run.number)
    run.experiment.last_run_number = run.number
    run.experiment.follow_runs()


def _free_name(experiment: Experiment, number: int) -> str:
    taken = set(experiment.runs.values_list("name", flat=True))
    while f"run-{number}" in taken:
        number += 1
    return f"run-{number}"


def cancel_run(*, run: TrainingRun, actor: User) -> None:
    """Stop a queued or running run; its checkpoints stay. Raises `RunIsFinished`."""
    require_change(actor, run.experiment)
    run.cancel()
    write_line(
        run, gettext("Cancelled by %(get_username)s.") % {"get_username": actor.get_username()}, LogLine.Level.WARNING
    )


def resume_run(*, run: TrainingRun, actor: User) -> None:
    """Let a failed or cancelled run go on from its newest checkpoint. Raises `RunNotResumable`, `BaseModelChanged`."""
    require_change(actor, run.experiment)
    if run.experiment.is_archived:
        raise ExperimentIsArchived(run.experiment.name, gettext("no run can be resumed"))
    if run.base_model.revision != run.base_revision:
        raise BaseModelChanged(run.base_model.display_name)
    with transaction.atomic():
        run.resume()
        run.wake_worker()
    write_line(run, f"Resumed by {actor.get_username()}; waiting for a worker.")


def delete_runs(*, ids: Sequence[UUID], actor: User) -> int:
    """Delete runs with their logs, metrics and checkpoints; adapters they made stay usable. Returns how many.

    All or none: raises `RunNotFound` for an unknown id, `Forbidden`, and `RunIsUnfinished` for a queued or running one.
    """
    with transaction.atomic():
        _lock_experiments(ids)
        runs = list(TrainingRun.objects.select_for_update(of=("self",)).filter(pk__in=ids).with_context())
        if missing := set(ids) - {run.pk for run in runs}:
            raise RunNotFound(sorted(missing))
        for experiment in {run.experiment for run in runs}:
            require_change(actor, experiment)
        if unfinished := [run.name for run in runs if run.is_unfinished]:
            raise RunIsUnfinished(unfinished)
        TrainingRun.objects.filter(pk__in=[run.pk for run in runs]).delete()
        for experiment in {run.experiment for run in runs}:
            experiment.follow_runs()
        transaction.on_commit(lambda: _remove_files(runs))
    return len(runs)


def _lock_experiments(ids: Sequence[UUID]) -> None:
    """As every other change of a run does, before the run itself: two that meet must not wait for each other."""
    theirs = TrainingRun.objects.filter(pk__in=ids).order_by().values("experiment")
    list(Experiment.objects.select_for_update().filter(pk__in=theirs).order_by("pk"))


def _remove_files(runs: Sequence[TrainingRun]) -> None:
    for run in runs:
        remove_checkpoints(run)
        shutil.rmtree(run.folder, ignore_errors=True)
