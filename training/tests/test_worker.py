"""A training worker with a real tiny model: completed, cancelled, resumed elsewhere, failed with a sentence."""

from __future__ import annotations

import shutil
import threading

import pytest
from django.urls import reverse
from django_q.models import OrmQ

from adapters.files.keeping import local_folder
from adapters.models import Adapter, AdapterRegistration
from generation.engine import OutOfMemory
from generation.jobs import adapter_check
from text2song import work, workers
from text2song.models import WorkerPresence
from training.config import Method
from training.models import TrainingRun
from training.runs import recorder, worker
from training.runs.worker import drain, failure_sentence, train_run
from training.services import cancel_run, create_experiment, create_run, resume_run, start_run
from training.tests.trainable import SETTINGS, preference_rows, rated_rows
from training.trainer import strength

pytestmark = pytest.mark.django_db
NO_EFFECT = {"learning_rate": 1e-30, "max_steps": 2, "weight_decay": 0.0}
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


def curves(run):
    """All that was measured, but for the clock."""
    return sorted(run.metric_points.values_list("name", "step", "value"))


def said(run):
    return "\n".join(run.log_lines.values_list("text", flat=True))


def test_a_run_ends_as_a_registered_adapter(experiment, user, django_capture_on_commit_callbacks):
    run = start_run(experiment=experiment, actor=user, overrides={"beta": 0.2})
    assert (run.state, run.name, run.overrides) == ("queued", "run-1", {"beta": 0.2})
    assert OrmQ.objects.filter(key="training").count() == 1
    assert drain(WORKER) == 1
    run.refresh_from_db()
    experiment.refresh_from_db()
    assert (run.state, run.error, run.step, run.total_steps, run.attempts) == ("completed", "", 6, 6, 0)
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
    assert set(run.checkpoints) == {"step-000006", best}, "the newest one, and the best beside it"
    assert all(prefix.startswith(f"{run.files}/") for prefix in run.checkpoints.values())
    assert "Checkpoint of step 6 stored." in said(run) and "The adapter warm-run-1@1.0.0 is registered." in said(run)
    assert list(run.log_lines.values_list("number", flat=True)) == list(range(1, run.log_lines.count() + 1))


def test_a_run_keeps_what_the_sound_bears_and_says_so(experiment, user, client, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(recorder.RunRecorder, "at", lambda self, line: told.append(line))
    monkeypatch.setattr(strength, "used_up", lambda figures: {"Noise": 0.1})
    whole = claimed(experiment, user, name="whole", overrides={"guard_clips": 4})
    train_run(whole)
    whole.refresh_from_db()
    assert (whole.state, whole.kept_share) == ("completed", 1.0), whole.error
    assert "All of it is kept. Of what guards allow, “" in said(whole)
    assert told == [f"Clip {n} of 4 {of}" for of in ("of the base alone", "with all of it") for n in range(1, 5)]
    monkeypatch.setattr(strength, "used_up", lambda figures: {"Noise": 9.0})
    part = claimed(experiment, user, name="part", overrides={"guard_clips": 4})
    train_run(part)
    part.refresh_from_db()
    assert (part.state, part.kept_share) == ("completed", strength.WEAKEST), part.error
    assert (
        part.adapter.training_config["kept_share"] == strength.WEAKEST and part.adapter.sha256 != whole.adapter.sha256
    )
    assert "40 % of it is kept. Of what guards allow, “Noise” used up 900 % with all of it" in said(part)
    client.force_login(user)
    page = client.get(reverse("run-detail", args=[part.pk])).content.decode()
    assert "40 % of what it had learned by then" in page
    assert "of what it had learned" not in client.get(reverse("run-detail", args=[whole.pk])).content.decode()
    assert client.get(reverse("api-run-detail", args=[part.pk])).json()["kept_share"] == strength.WEAKEST


def test_without_memory_to_hear_it_all_of_it_is_kept(experiment, user, monkeypatch):
    def full(*heard):
        raise OutOfMemory("There is not enough memory.")

    monkeypatch.setattr(strength._Player, "hear", full)
    run = claimed(experiment, user, overrides={"guard_clips": 4})
    train_run(run)
    run.refresh_from_db()
    assert (run.state, run.kept_share) == ("completed", 1.0)
    assert "It could not be heard: There is not enough memory. All of it is kept." in said(run)


def test_cancelled_while_it_is_heard_and_resumed_it_is_the_same_adapter(experiment, user, monkeypatch):
    whole = claimed(experiment, user, name="whole", overrides={"guard_clips": 4})
    train_run(whole)
    broken = claimed(experiment, user, name="broken", overrides={"guard_clips": 4})
    with monkeypatch.context() as interrupted:
        hear = strength._Player.hear

        def cancelled(*heard):
            cancel_run(run=TrainingRun.objects.get(pk=broken.pk), actor=user)
            return hear(*heard)

        interrupted.setattr(strength._Player, "hear", cancelled)
        train_run(broken)
    broken.refresh_from_db()
    assert (broken.state, broken.adapter, broken.step) == ("cancelled", None, 6)
    shutil.rmtree(broken.folder)
    resume_run(run=broken, actor=user)
    assert drain("other:2:2") == 1
    broken.refresh_from_db()
    whole.refresh_from_db()
    assert broken.state == "completed", broken.error
    assert broken.adapter.sha256 == whole.adapter.sha256


class Killed(BaseException):
    """The worker is gone, and nothing after this line happens."""


def die(*args):
    raise Killed


def test_a_worker_that_dies_while_it_registers_leaves_one_adapter_in_the_end(
    experiment, user, monkeypatch, stored_files, django_capture_on_commit_callbacks
):
    run = claimed(experiment, user)
    with monkeypatch.context() as broken:
        broken.setattr(adapter_check, "measure_effect", die)
        with pytest.raises(Killed):
            train_run(run)
    assert (AdapterRegistration.objects.get().state, Adapter.objects.count()) == ("checking", 0)
    with django_capture_on_commit_callbacks(execute=True):
        assert work.take_up_left_behind() == 2
    assert AdapterRegistration.objects.get().state == "refused" and stored_files("adapters") == []
    assert drain("other:2:2") == 1
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("completed", 0), "its checkpoints were progress"
    assert Adapter.objects.get() == run.adapter and run.adapter.label == "warm-run-1@1.0.0"
    assert sorted(AdapterRegistration.objects.values_list("state", flat=True)) == ["refused", "registered"]


def test_a_worker_that_lost_its_run_while_it_registered_lists_nothing(
    experiment, user, monkeypatch, stored_files, django_capture_on_commit_callbacks
):
    late = claimed(experiment, user)
    measure = adapter_check.measure_effect

    def taken_over_meanwhile(registration, engines):
        WorkerPresence.objects.create(name=registration.worker, cluster="training")  # only the run was left behind
        assert work.take_up_left_behind() == 1 and TrainingRun.objects.get().claim("other:2:2")
        return measure(registration, engines)

    with monkeypatch.context() as slow, django_capture_on_commit_callbacks(execute=True):
        slow.setattr(adapter_check, "measure_effect", taken_over_meanwhile)
        train_run(late)
    run = TrainingRun.objects.get()
    assert (run.state, run.worker, run.adapter) == ("running", "other:2:2", None)
    assert not Adapter.objects.exists() and AdapterRegistration.objects.get().state == "refused"
    assert stored_files("adapters") == [] and "is registered" not in said(run)
    work.take_up_left_behind()
    assert drain("third:3:3") == 1
    run.refresh_from_db()
    assert run.state == "completed" and Adapter.objects.get() == run.adapter


def test_a_run_given_back_in_mid_step_goes_on_with_that_step(experiment, user, monkeypatch):
    whole = claimed(experiment, user, name="whole")
    train_run(whole)
    given_back = claimed(experiment, user, name="given back")
    queued_at = given_back.queued_at
    with monkeypatch.context() as stopping:
        asked = threading.Event()
        stopping.setattr(workers, "_stopping", asked)
        train_run(given_back, lambda report: asked.set() if report.step == 3 else None)
    given_back.refresh_from_db()
    assert (given_back.state, given_back.worker, given_back.attempts, given_back.step) == ("queued", "", 0, 3)
    assert "step-000003" in given_back.checkpoints and given_back.queued_at == queued_at
    shutil.rmtree(given_back.folder)
    assert drain("other:2:2") == 1
    given_back.refresh_from_db()
    whole.refresh_from_db()
    assert (given_back.state, given_back.attempts) == ("completed", 0), given_back.error
    assert given_back.adapter.sha256 == whole.adapter.sha256
    assert curves(given_back) == curves(whole) and "Going on after step 3 of 6." in said(given_back)


def test_cancelled_and_resumed_on_another_machine_equals_uninterrupted(experiment, user):
    whole = claimed(experiment, user, name="whole")
    train_run(whole)
    broken = claimed(experiment, user, name="broken")

    def cancel_at_five(report):
        if report.step == 5:
            cancel_run(run=TrainingRun.objects.get(pk=broken.pk), actor=user)

    train_run(broken, cancel_at_five)
    broken.refresh_from_db()
    assert (broken.state, broken.adapter, broken.step) == ("cancelled", None, 4) and broken.finished_at
    assert max(broken.checkpoints) == "step-000004" and Adapter.objects.count() == 1
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
    assert curves(broken) == curves(whole)
    assert "Going on after step 4 of 6." in said(broken)


def test_cancelled_and_resumed_on_the_same_machine_lacks_no_measurement(experiment, user, monkeypatch):
    """What was made after the last look at the database is kept here, and so is what was measured of it."""
    whole = claimed(experiment, user, name="whole")
    train_run(whole)
    broken = claimed(experiment, user, name="broken")

    def cancel_at_five(report):
        if report.step == 5:
            TrainingRun.objects.get(pk=broken.pk).cancel()

    train_run(broken, cancel_at_five)
    broken.refresh_from_db()
    assert broken.state == "cancelled"
    resume_run(run=broken, actor=user)
    assert drain(WORKER) == 1
    broken.refresh_from_db()
    whole.refresh_from_db()
    assert broken.state == "completed" and broken.adapter.sha256 == whole.adapter.sha256
    assert curves(broken) == curves(whole)


def test_a_run_resumed_before_its_worker_noticed_the_cancel_lacks_no_measurement(experiment, user, monkeypatch):
    whole = claimed(experiment, user, name="whole")
    train_run(whole)
    broken = claimed(experiment, user, name="broken")

    def cancel_and_resume_at_five(report):
        if report.step == 5:
            cancel_run(run=TrainingRun.objects.get(pk=broken.pk), actor=user)
            resume_run(run=TrainingRun.objects.get(pk=broken.pk), actor=user)

    train_run(broken, cancel_and_resume_at_five)
    broken.refresh_from_db()
    assert broken.state == "queued"
    assert max(broken.metric_points.values_list("step", flat=True)) == 5, "made after the cancel was asked for"
    assert drain(WORKER) == 1
    broken.refresh_from_db()
    whole.refresh_from_db()
    assert broken.state == "completed" and broken.adapter.sha256 == whole.adapter.sha256
    assert curves(broken) == curves(whole)


def test_what_a_command_made_before_it_was_interrupted_is_kept(experiment, user):
    run = claimed(experiment, user)

    def interrupt_at_three(report):
        if report.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_run(run, interrupt_at_three)
    assert set(run.metric_points.filter(name="loss").values_list("step", flat=True)) == {1, 2, 3}


def test_metrics_of_a_claim_that_another_worker_took_are_not_written(experiment, user):
    run = claimed(experiment, user)

    def lose_it_at_five(report):
        if report.step == 5:
            other = TrainingRun.objects.get(pk=run.pk)
            cancel_run(run=other, actor=user)
            resume_run(run=other, actor=user)
            assert other.claim("other:2:2")

    train_run(run, lose_it_at_five)
    assert 5 not in run.metric_points.values_list("step", flat=True)


def test_a_run_whose_worker_died_goes_on_from_its_checkpoint(experiment, user):
    run = claimed(experiment, user)

    def die_at_three(report):
        if report.step == 3:
            raise Killed

    with pytest.raises(Killed):
        train_run(run, die_at_three)
    run.refresh_from_db()
    assert run.state == "running" and run.progressed
    TrainingRun.objects.filter(pk=run.pk).update(attempts=TrainingRun.MAX_ATTEMPTS - 1)
    work.take_up_left_behind()
    run.refresh_from_db()
    assert (run.state, run.worker, run.attempts) == ("queued", "", 0) and OrmQ.objects.filter(key="training").exists()
    drain("other:2:2")
    run.refresh_from_db()
    assert (run.state, run.attempts, run.step) == ("completed", 0, 6)
    assert "Going on after step 2 of 6." in said(run)


def test_a_run_that_learned_nothing_says_what_to_change(experiment, user):
    run = claimed(experiment, user, overrides=NO_EFFECT)
    train_run(run)
    run.refresh_from_db()
    assert run.state == "failed" and run.adapter is None and not Adapter.objects.exists()
    assert "better than the model without training" in run.error and "learning rate" in run.error
    assert "Only if better" in run.error


def test_an_adapter_that_changes_nothing_is_a_failure(experiment, user):
    run = claimed(experiment, user, overrides=NO_EFFECT | {"only_if_better": False})
    train_run(run)
    run.refresh_from_db()
    experiment.refresh_from_db()
    assert run.state == "failed" and "changes nothing" in run.error
    assert "raise the setting “Learning rate” or “Epochs”" in run.error and "start a new run" in run.error
    assert not Adapter.objects.exists() and run.adapter is None and run.checkpoints
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

    train_run(run, fail)
    run.refresh_from_db()
    assert run.state == "failed" and sentence in run.error and "secret" not in run.error
    assert run.log_lines.last().level == "error" and run.log_lines.last().text == run.error
    assert not Adapter.objects.exists()


def test_clips_of_another_codec_are_refused(user, tiny, import_rows):
    dataset = import_rows(preference_rows(train=2, validation=0, top=128))
    experiment = create_experiment(actor=user, name="odd", dataset=dataset, config=SETTINGS)
    run = claimed(experiment, user)
    train_run(run)
    run.refresh_from_db()
    assert run.state == "failed" and "another codec" in run.error


def test_without_a_liked_clip_there_is_nothing_to_imitate(user, tiny, import_rows):
    experiment = create_experiment(actor=user, name="sad", dataset=import_rows(rated_rows([1.0, 2.0])))
    assert experiment.config["method"] == Method.SFT
    run = claimed(experiment, user)
    train_run(run)
    run.refresh_from_db()
    assert run.state == "failed" and "four stars or more" in run.error


def test_changed_base_files_are_refused(experiment, user, tiny):
    run = claimed(experiment, user)
    tiny.revision = "r2"
    tiny.save()
    train_run(run)
    run.refresh_from_db()
    assert run.state == "failed" and "files of Tiny have changed" in run.error


def test_a_cancelled_run_is_never_claimed_and_another_workers_run_is_left_alone(experiment, user):
    run = create_run(experiment=experiment, actor=user)
    cancel_run(run=run, actor=user)
    assert drain(WORKER) == 0
    other = claimed(experiment, user)
    watching = recorder.RunRecorder(other)
    assert not watching.should_stop()
    assert work.take_up_left_behind() == 1 and TrainingRun.objects.get(pk=other.pk).claim("other:2:2")
    watching.say("Too late.")
    assert watching.should_stop()
    assert not other.report(step=1, total_steps=2)
    assert not other.complete() and not other.fail("no")
    other.refresh_from_db()
    assert (other.state, other.worker, other.step) == ("running", "other:2:2", 0) and "Too late." not in said(other)


def test_domain_errors_are_said_as_they_stand():
    from training.exceptions import NothingToTrainOn
    from training.trainer.exceptions import TrainingError

    assert failure_sentence(TrainingError("Lower it.")) == "Lower it."
    assert "four stars" in failure_sentence(NothingToTrainOn("sft"))
    assert worker.failure_sentence(KeyError("x")).startswith("Something unexpected")


def test_a_full_disk_beside_the_worker_is_named(experiment, user, monkeypatch):
    """Checkpoints are written on this machine first."""

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.trainer.loop.save_checkpoint", full)
    run = claimed(experiment, user)
    train_run(run)
    run.refresh_from_db()
    assert run.state == "failed" and "disk that holds the studio's data is full" in run.error
