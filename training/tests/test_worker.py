"""A training worker with a real tiny model: completed, cancelled, resumed elsewhere, failed with a sentence."""

from __future__ import annotations

import shutil

import pytest
from django_q.models import OrmQ

from adapters.files import local_folder
from adapters.models import Adapter, AdapterRegistration
from training import recorder, worker
from training.checkpoint_store import stored_checkpoints
from training.config import Method
from training.models import TrainingRun
from training.recovery import recover_runs
from training.services import cancel_run, create_experiment, create_run, resume_run, start_run
from training.tests.trainable import SETTINGS, preference_rows, rated_rows
from training.worker import drain, failure_sentence, train_run

pytestmark = pytest.mark.django_db
WORKER = "host:1:1"


@pytest.fixture(autouse=True)
def write_at_once(monkeypatch):
    monkeypatch.setattr(recorder, "WRITE_SECONDS", 0.0)


def claimed(experiment, user, **values) -> TrainingRun:
    run = create_run(experiment=experiment, actor=user, **values)
    assert run.claim(WORKER)
    return run


def values_of(run, name):
    return dict(run.metric_points.filter(name=name).values_list("step", "value"))


def said(run):
    return "\n".join(run.log_lines.values_list("text", flat=True))


def test_a_run_ends_as_a_registered_adapter(experiment, user, django_capture_on_commit_callbacks):
    run = start_run(experiment=experiment, actor=user, overrides={"beta": 0.2})
    assert (run.state, run.name, run.overrides) == ("queued", "run-1", {"beta": 0.2})
    assert OrmQ.objects.filter(key="training").count() == 1
    assert drain(WORKER) == 1
    run.refresh_from_db()
    experiment.refresh_from_db()
    assert (run.state, run.error, run.step, run.total_steps, run.attempts) == ("completed", "", 6, 6, 1)
    assert (experiment.state, experiment.best_run) == ("completed", run)

    held_out, losses = values_of(run, "eval_loss"), values_of(run, "loss")
    assert sorted(held_out) == [0, 2, 4, 6] and sorted(losses) == [1, 2, 3, 4, 5, 6]
    assert run.best_value == min(list(held_out.values())[1:]) == held_out[run.best_step]
    assert run.final_loss == losses[6] and run.result == run.best_value and run.seconds > 0
    assert {"learning_rate", "grad_norm", "rewards/margins", "rewards/accuracies", "logps/chosen"} <= set(
        run.metric_points.values_list("name", flat=True)
    )

    adapter = run.adapter
    assert (adapter.name, adapter.version, adapter.source) == ("warm-run-1", "1.0.0", "training")
    assert (adapter.base_model, adapter.base_revision, adapter.parent) == (run.base_model, "r1", None)
    assert adapter.training_config["run"] == str(run.pk) and adapter.training_config["beta"] == 0.2
    assert adapter.training_config["dataset"] == str(run.dataset_id)
    assert adapter.training_config["final_loss"] == run.final_loss
    assert (local_folder(adapter) / "adapter_model.safetensors").is_file()

    best = f"step-{run.best_step:06d}"
    assert stored_checkpoints(run) == {"step-000006", best}, "the newest one, and the best beside it"
    assert "Checkpoint of step 6 stored." in said(run) and "The adapter warm-run-1@1.0.0 is registered." in said(run)
    assert list(run.log_lines.values_list("number", flat=True)) == list(range(1, run.log_lines.count() + 1))

    # The worker died between registering and completing: finishing again registers nothing new.
    TrainingRun.objects.filter(pk=run.pk).update(state="running", worker=WORKER, adapter=None, finished_at=None)
    run.refresh_from_db()
    train_run(run, WORKER)
    run.refresh_from_db()
    assert run.adapter == adapter and Adapter.objects.count() == AdapterRegistration.objects.count() == 1


def test_cancelled_and_resumed_on_another_machine_equals_uninterrupted(experiment, user):
    whole = claimed(experiment, user, name="whole")
    train_run(whole, WORKER)
    broken = claimed(experiment, user, name="broken")

    def cancel_at_five(report):
        if report.step == 5:
            cancel_run(run=TrainingRun.objects.get(pk=broken.pk), actor=user)

    train_run(broken, WORKER, cancel_at_five)
    broken.refresh_from_db()
    assert (broken.state, broken.adapter, broken.step) == ("cancelled", None, 4) and broken.finished_at
    assert "step-000004" in stored_checkpoints(broken) and Adapter.objects.count() == 1
    assert "Cancelled by rita." in said(broken)

    shutil.rmtree(broken.folder)
    resume_run(run=broken, actor=user)
    assert drain("other:2:2") == 1
    broken.refresh_from_db()
    whole.refresh_from_db()
    assert broken.state == "completed", broken.error
    assert broken.adapter.sha256 == whole.adapter.sha256
    assert (broken.best_step, broken.best_value, broken.final_loss) == (
        whole.best_step,
        whole.best_value,
        whole.final_loss,
    )
    assert values_of(broken, "loss") == values_of(whole, "loss")
    assert "Going on after step 4 of 6." in said(broken)


def test_a_run_whose_worker_died_goes_on_from_its_checkpoint(experiment, user):
    run = claimed(experiment, user)

    class Killed(BaseException):
        pass

    def die_at_three(report):
        if report.step == 3:
            raise Killed

    with pytest.raises(Killed):
        train_run(run, WORKER, die_at_three)
    run.refresh_from_db()
    assert run.state == "running"
    recover_runs()
    run.refresh_from_db()
    assert (run.state, run.worker) == ("queued", "") and OrmQ.objects.filter(key="training").exists()
    drain("other:2:2")
    run.refresh_from_db()
    assert (run.state, run.attempts, run.step) == ("completed", 2, 6)
    assert "Going on after step 2 of 6." in said(run)


def test_an_adapter_that_changes_nothing_is_a_failure(experiment, user):
    run = claimed(experiment, user, overrides={"learning_rate": 1e-30, "max_steps": 2, "weight_decay": 0.0})
    train_run(run, WORKER)
    run.refresh_from_db()
    experiment.refresh_from_db()
    assert run.state == "failed" and "changes nothing" in run.error
    assert not Adapter.objects.exists() and run.adapter is None and stored_checkpoints(run)
    assert (experiment.state, experiment.error, experiment.best_run) == ("failed", run.error, None)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "“Batch size”"),
        (RuntimeError("secret detail"), "Something unexpected went wrong while training"),
    ],
)
def test_failures_say_what_to_change_and_never_show_the_trace(experiment, user, error, sentence):
    run = claimed(experiment, user)

    def fail(report):
        raise error

    train_run(run, WORKER, fail)
    run.refresh_from_db()
    assert run.state == "failed" and sentence in run.error and "secret" not in run.error
    assert run.log_lines.last().level == "error" and run.log_lines.last().text == run.error
    assert not Adapter.objects.exists()


def test_clips_of_another_codec_are_refused(user, tiny, import_rows):
    dataset = import_rows(preference_rows(train=2, validation=0, top=128))
    experiment = create_experiment(actor=user, name="odd", dataset=dataset, config=SETTINGS)
    run = claimed(experiment, user)
    train_run(run, WORKER)
    run.refresh_from_db()
    assert run.state == "failed" and "another codec" in run.error


def test_without_a_liked_clip_there_is_nothing_to_imitate(user, tiny, import_rows):
    experiment = create_experiment(actor=user, name="sad", dataset=import_rows(rated_rows([1.0, 2.0])))
    assert experiment.config["method"] == Method.SFT
    run = claimed(experiment, user)
    train_run(run, WORKER)
    run.refresh_from_db()
    assert run.state == "failed" and "four stars or more" in run.error


def test_changed_base_files_are_refused(experiment, user, tiny):
    run = claimed(experiment, user)
    tiny.revision = "r2"
    tiny.save()
    train_run(run, WORKER)
    run.refresh_from_db()
    assert run.state == "failed" and "files of Tiny have changed" in run.error


def test_a_cancelled_run_is_never_claimed_and_another_workers_run_is_left_alone(experiment, user):
    run = create_run(experiment=experiment, actor=user)
    cancel_run(run=run, actor=user)
    assert drain(WORKER) == 0
    other = claimed(experiment, user)
    TrainingRun.objects.filter(pk=other.pk).update(worker="other:2:2")
    watching = recorder.RunRecorder(other, WORKER)
    assert watching.should_stop()
    assert not other.report(WORKER, step=1, total_steps=2)
    assert not other.complete(WORKER) and not other.fail("no", WORKER)
    other.refresh_from_db()
    assert (other.state, other.step) == ("running", 0)


def test_domain_errors_are_said_as_they_stand():
    from training.exceptions import NothingToTrainOn
    from training.trainer import TrainingError

    assert failure_sentence(TrainingError("Lower it.")) == "Lower it."
    assert "four stars" in failure_sentence(NothingToTrainOn("sft"))
    assert worker.failure_sentence(KeyError("x")).startswith("Something unexpected")
