"""Experiments and runs: what may be done, what is refused, and what follows from it."""

from __future__ import annotations

import uuid

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from django_q.models import OrmQ

from adapters.models import Adapter
from adapters.services import delete_adapter
from adapters.tests.factories import AdapterFactory
from datasets_app.exceptions import DatasetInUse, DatasetNotReady, MethodDoesNotMatch
from datasets_app.models import Dataset
from datasets_app.services import delete_dataset
from text2song import work
from text2song.exceptions import DomainError, Forbidden
from text2song.tests.factories import UserFactory
from training.config import TrainingConfig
from training.exceptions import (
    BaseModelChanged,
    ConfigRefused,
    ExperimentAlreadyArchived,
    ExperimentHasUnfinishedRuns,
    ExperimentIsArchived,
    ExperimentIsNotArchived,
    NoDataset,
    RunIsFinished,
    RunIsUnfinished,
    RunNameTaken,
    RunNotFound,
    RunNotResumable,
)
from training.models import Experiment, LogLine, MetricPoint, TrainingRun
from training.services import (
    archive_experiment,
    cancel_run,
    create_experiment,
    delete_runs,
    resume_run,
    start_run,
    unarchive_experiment,
    update_experiment,
)
from training.tests.factories import DatasetFactory, ExperimentFactory, TrainingRunFactory, add_lines, add_points

pytestmark = pytest.mark.django_db


@pytest.fixture
def experiment(user) -> Experiment:
    return ExperimentFactory(created_by=user, name="warm")


# -- experiments -------------------------------------------------------------------------------------------------------


def test_untouched_settings_keep_their_defaults_and_the_method_fits_the_dataset(user, experiment):
    base = experiment.base_model
    made = create_experiment(actor=user, name=" new ", base_model=base, config={"epochs": 5})
    assert made.name == "new" and made.config == TrainingConfig().to_mapping() | {"epochs": 5}
    rated = DatasetFactory(kind=Dataset.Kind.SUPERVISED)
    assert create_experiment(actor=user, name="n", base_model=base, dataset=rated).config["method"] == "sft"


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"epochs": 0}, "from 1 to 100"),
        ({"lora_r": 3}, "from 4 to 128"),
        ({"beta": 0}, "above 0, at most 1"),
        ({"batch_size": 10**400}, "whole number"),
        ({"nonsense": 1}, "no setting “nonsense”"),
        ({"target_modules": ["q_proj", "embed"]}, "q_proj"),
        ({"method": "ppo"}, "sft, dpo, kto, ranking"),
    ],
)
def test_settings_out_of_range_or_unknown_are_refused_with_the_range(user, experiment, config, named):
    with pytest.raises(ConfigRefused, match=named) as refused:
        create_experiment(actor=user, name="n", base_model=experiment.base_model, config=config)
    assert set(refused.value.fields) == set(config) and Experiment.objects.count() == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\x00b"])
def test_a_name_has_1_to_200_characters(user, experiment, name):
    with pytest.raises(ValidationError):
        create_experiment(actor=user, name=name, base_model=experiment.base_model)


def test_a_method_that_does_not_match_the_dataset_names_what_would(user, experiment):
    with pytest.raises(MethodDoesNotMatch, match="dpo, ranking can"):
        update_experiment(experiment=experiment, actor=user, config={"method": "sft"})
    experiment.refresh_from_db()
    assert experiment.config["method"] == "dpo"
    with pytest.raises(MethodDoesNotMatch):
        start_run(experiment=experiment, actor=user, overrides={"method": "kto"})
    unbuilt = DatasetFactory(state="queued", built_at=None, content_hash="")
    with pytest.raises(DatasetNotReady):
        update_experiment(experiment=experiment, actor=user, dataset=unbuilt)


def test_editing_changes_what_is_given_and_only_by_its_maker_or_a_curator(user, curator, experiment):
    update_experiment(experiment=experiment, actor=user, name="cold", config={"beta": 0.3})
    update_experiment(experiment=experiment, actor=curator, description="why", dataset=None)
    experiment.refresh_from_db()
    assert (experiment.name, experiment.description, experiment.dataset) == ("cold", "why", None)
    assert experiment.config == TrainingConfig().to_mapping() | {"beta": 0.3}
    stranger = UserFactory()
    run = TrainingRunFactory(experiment=ExperimentFactory(created_by=user), failed=True)
    for refused in (
        lambda: update_experiment(experiment=experiment, actor=stranger, name="mine"),
        lambda: archive_experiment(experiment=experiment, actor=stranger),
        lambda: start_run(experiment=experiment, actor=stranger),
        lambda: resume_run(run=run, actor=stranger),
        lambda: delete_runs(ids=[run.pk], actor=stranger),
    ):
        with pytest.raises(Forbidden):
            refused()
    assert TrainingRun.objects.filter(pk=run.pk).exists()


def test_archiving_keeps_the_runs_and_unarchiving_brings_their_state_back(user, experiment):
    run = TrainingRunFactory(experiment=experiment, completed=True)
    archive_experiment(experiment=experiment, actor=user)
    assert experiment.is_archived and experiment not in Experiment.objects.unarchived()
    with pytest.raises(ExperimentAlreadyArchived):
        archive_experiment(experiment=experiment, actor=user)
    for refused in (
        lambda: start_run(experiment=experiment, actor=user),
        lambda: update_experiment(experiment=experiment, actor=user, name="x"),
    ):
        with pytest.raises(ExperimentIsArchived):
            refused()
    unarchive_experiment(experiment=experiment, actor=user)
    assert (experiment.state, experiment.best_run) == ("completed", run)
    with pytest.raises(ExperimentIsNotArchived):
        unarchive_experiment(experiment=experiment, actor=user)
    TrainingRunFactory(experiment=experiment, running=True)
    with pytest.raises(ExperimentHasUnfinishedRuns):
        archive_experiment(experiment=experiment, actor=user)


def test_an_experiment_follows_its_runs(user, experiment):
    assert experiment.state == "draft"
    first, second = (TrainingRunFactory(experiment=experiment) for _ in range(2))
    assert experiment.state == "running"
    for run in (first, second):
        assert run.claim("host:1:1") and run.fail(f"{run.name} broke.")
    experiment.refresh_from_db()
    assert (experiment.state, experiment.error) == ("failed", "run-2 broke.")
    third = TrainingRunFactory(experiment=experiment)
    cancel_run(run=third, actor=user)
    experiment.refresh_from_db()
    assert (experiment.state, experiment.error, experiment.best_run) == ("completed", "", None)


# -- runs --------------------------------------------------------------------------------------------------------------


def test_without_a_dataset_no_run_starts(user, experiment):
    update_experiment(experiment=experiment, actor=user, dataset=None)
    with pytest.raises(NoDataset, match="has no dataset"):
        start_run(experiment=experiment, actor=user)
    assert not TrainingRun.objects.exists() and not OrmQ.objects.exists()


def test_names_count_up_and_are_never_given_twice(user, experiment):
    first = start_run(experiment=experiment, actor=user)
    assert (first.name, start_run(experiment=experiment, actor=user, name="run-3").name) == ("run-1", "run-3")
    assert start_run(experiment=experiment, actor=user).name == "run-4", "run-3 is taken"
    with pytest.raises(RunNameTaken):
        start_run(experiment=experiment, actor=user, name="run-1")
    cancel_run(run=first, actor=user)
    delete_runs(ids=[first.pk], actor=user)
    assert start_run(experiment=experiment, actor=user).number == 4
    with pytest.raises(ValidationError):
        start_run(experiment=experiment, actor=user, name="x" * 201)


def test_of_overrides_only_what_differs_is_kept_and_later_edits_change_no_run(user, experiment):
    run = start_run(experiment=experiment, actor=user, overrides={"beta": 0.1, "epochs": 4})
    assert run.overrides == {"epochs": 4} and run.config == experiment.config | {"epochs": 4}
    assert run.base_revision == experiment.base_model.revision and run.dataset == experiment.dataset
    update_experiment(experiment=experiment, actor=user, config={"epochs": 9})
    run.refresh_from_db()
    assert run.config["epochs"] == 4
    with pytest.raises(ConfigRefused):
        start_run(experiment=experiment, actor=user, overrides={"epochs": 101})


def test_only_failed_and_cancelled_runs_resume_and_only_unfinished_ones_are_cancelled(user, experiment):
    for trait in ("failed", "cancelled"):
        run = TrainingRunFactory(experiment=experiment, **{trait: True})
        with pytest.raises(RunIsFinished):
            cancel_run(run=run, actor=user)
        TrainingRun.objects.filter(pk=run.pk).update(attempts=3)
        resume_run(run=run, actor=user)
        assert (run.state, run.error, run.attempts, run.finished_at) == ("queued", "", 0, None)
    done = TrainingRunFactory(experiment=experiment, completed=True)
    with pytest.raises(RunNotResumable):
        resume_run(run=done, actor=user)
    with pytest.raises(RunIsFinished, match="already completed"):
        cancel_run(run=done, actor=user)
    failed = TrainingRunFactory(experiment=experiment, failed=True, base_revision="older")
    with pytest.raises(BaseModelChanged):
        resume_run(run=failed, actor=user)


def test_a_run_is_claimed_once_and_given_up_after_five_deaths(experiment):
    run = TrainingRunFactory(experiment=experiment)
    assert run.claim("a:1:1") and not TrainingRun.objects.get(pk=run.pk).claim("b:1:1")
    for deaths in range(1, 5):
        work.take_up_left_behind()
        run.refresh_from_db()
        assert (run.state, run.attempts) == ("queued", deaths) and run.claim("a:1:1")
        assert run.started_at and experiment.state == "running"
    work.take_up_left_behind()
    run.refresh_from_db()
    experiment.refresh_from_db()
    assert run.state == "failed" and "died 5 times" in run.error and "“Batch size”" in run.error
    assert (experiment.state, experiment.error) == ("failed", run.error)


def test_the_best_run_is_the_completed_one_with_the_lowest_held_out_loss(user, experiment):
    values = (0.6, 0.4, None, 0.5)
    runs = [TrainingRunFactory(experiment=experiment, completed=True, best_value=v, final_loss=0.1) for v in values]
    odd = TrainingRunFactory(experiment=experiment, completed=True, best_value=0.01, overrides={"method": "ranking"})
    assert experiment.best_run == runs[1], "the loss of another method says nothing here"
    for expected in (runs[3], runs[0], runs[2], odd, None):
        delete_runs(ids=[experiment.best_run.pk], actor=user)
        experiment.refresh_from_db()
        assert experiment.best_run == expected
    assert experiment.state == "draft"


@pytest.mark.parametrize(
    "other", [{"beta": 0.3}, {"dpo_loss": "ipo"}, {"sft_weight": 0.5}, {"label_smoothing": 0.1}, {"max_frames": 50}]
)
def test_a_run_with_another_loss_is_never_the_best_while_one_like_the_experiment_is(user, experiment, other):
    own = TrainingRunFactory(experiment=experiment, completed=True, best_value=0.6)
    first = TrainingRunFactory(experiment=experiment, completed=True, best_value=0.2, overrides=other)
    lower = TrainingRunFactory(experiment=experiment, completed=True, best_value=0.1, overrides=other)
    TrainingRunFactory(experiment=experiment, completed=True, best_value=0.01, overrides={"beta": 0.9})
    rate = TrainingRunFactory(experiment=experiment, completed=True, best_value=0.5, overrides={"learning_rate": 1e-3})
    assert experiment.best_run == rate and rate.is_measured_as_its_experiment
    assert not first.is_measured_as_its_experiment
    delete_runs(ids=[own.pk, rate.pk], actor=user)
    experiment.refresh_from_db()
    assert experiment.best_run == lower, "of those measured as the first is, not of all"


def test_runs_on_other_data_or_another_base_are_not_compared(user, experiment):
    run = TrainingRunFactory(experiment=experiment, completed=True, best_value=0.6)
    other = TrainingRunFactory(experiment=experiment, completed=True, best_value=0.1, dataset=DatasetFactory())
    rebased = TrainingRunFactory(experiment=experiment, completed=True, best_value=0.1, base_revision="older")
    assert experiment.best_run == run and not rebased.is_measured_as_its_experiment
    update_experiment(experiment=experiment, actor=user, dataset=other.dataset)
    assert experiment.best_run == other
    update_experiment(experiment=experiment, actor=user, config={"beta": 0.9})
    assert experiment.best_run == run, "none is like the experiment now: the best of those like the first"


def test_what_cannot_be_done_with_a_run_is_answered_with_what_can(user, experiment):
    done = TrainingRunFactory(experiment=experiment, completed=True)
    waiting = TrainingRunFactory(experiment=experiment)
    for refused, words in (
        (lambda: resume_run(run=done, actor=user), "start a new run that goes on from the adapter"),
        (lambda: resume_run(run=waiting, actor=user), "waits for a worker already"),
        (lambda: cancel_run(run=done, actor=user), "delete it"),
        (lambda: delete_runs(ids=[uuid.uuid4()], actor=user), "Leave it out"),
        (lambda: start_run(experiment=experiment, actor=user, overrides={"method": "sft"}), "Choose one"),
        (lambda: unarchive_experiment(experiment=experiment, actor=user), "listed already"),
    ):
        with pytest.raises(DomainError, match=words):
            refused()


def test_deleting_takes_log_metrics_and_checkpoints_and_leaves_the_adapter(
    user, experiment, stored_files, django_capture_on_commit_callbacks
):
    adapter = AdapterFactory()
    run = TrainingRunFactory(experiment=experiment, completed=True, adapter=adapter)
    TrainingRun.objects.filter(pk=run.pk).update(checkpoints={"step-000002": f"{run.files}/claim/step-000002"})
    add_points(run, "loss", [0.7, 0.6])
    add_lines(run, "Hello.")
    storages["default"].save(f"{run.files}/claim/step-000002/progress.json", ContentFile(b"{}"))
    (run.folder / "step-000002").mkdir(parents=True)
    with django_capture_on_commit_callbacks(execute=True):
        assert delete_runs(ids=[run.pk], actor=user) == 1
    assert not MetricPoint.objects.exists() and not LogLine.objects.exists()
    assert not run.folder.exists() and not any(name.startswith("runs/") for name in stored_files())
    assert Adapter.objects.visible().get() == adapter and adapter.is_active


def test_one_unfinished_or_unknown_run_refuses_the_deletion_of_all(user, experiment):
    done = TrainingRunFactory(experiment=experiment, completed=True)
    for trait in ({}, {"running": True}):
        busy = TrainingRunFactory(experiment=experiment, **trait)
        with pytest.raises(RunIsUnfinished, match=busy.name):
            delete_runs(ids=[done.pk, busy.pk], actor=user)
    with pytest.raises(RunNotFound):
        delete_runs(ids=[done.pk, uuid.uuid4()], actor=user)
    assert TrainingRun.objects.count() == 3


# -- datasets ----------------------------------------------------------------------------------------------------------


def test_a_dataset_in_use_is_not_deleted_and_its_users_are_named(curator, experiment):
    dataset = experiment.dataset
    with pytest.raises(DatasetInUse, match="the experiment “warm”"):
        delete_dataset(dataset=dataset, actor=curator)
    adapter = AdapterFactory(name="warm-run-1")
    TrainingRunFactory(experiment=experiment, completed=True, adapter=adapter)
    archive_experiment(experiment=experiment, actor=curator)
    with pytest.raises(DatasetInUse, match="the adapter “warm-run-1@") as refused:
        delete_dataset(dataset=dataset, actor=curator)
    assert "experiment" not in refused.value.message
    delete_adapter(adapter=adapter, actor=curator)
    delete_dataset(dataset=dataset, actor=curator)
    assert dataset.is_deleted


# -- the database ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "lost"},
        {"state": "failed", "error": ""},
        {"error": "no failure"},
        {"step": 301},
        {"name": ""},
        {"finished_at": None},
        {"step": 0},
    ],
)
def test_the_database_holds_the_invariants(experiment, changes):
    run = TrainingRunFactory(experiment=experiment, completed=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        TrainingRun.objects.filter(pk=run.pk).update(**changes)
