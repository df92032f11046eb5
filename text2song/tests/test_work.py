"""The one life of all queued work: every kind keeps the same promises to those who wait and those who come late."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import django.db
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import DataError, OperationalError, connection
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from adapters.models import KEPT_FILES, Adapter, AdapterRegistration
from adapters.tests.factories import AdapterFactory, AdapterRegistrationFactory, TasteFactory
from datasets_app.models import Dataset, Export
from feedback.models import ListeningTest
from feedback.tests.factories import ListeningTestFactory
from generation.base_models import fetching
from generation.exceptions import ModelFolderRefused
from generation.jobs import adapter_check
from generation.jobs import worker as generation_worker
from generation.models import GenerationJob, ModelFetch
from generation.tests.factories import GenerationJobFactory, ModelFetchFactory
from text2song import work, workers
from text2song.models import WorkerPresence
from text2song.work import ClaimLost, HandedBack, Work
from training.models import Promotion, TasteFit, TrainingRun
from training.runs.worker import failure_sentence
from training.tastes.fitting import sentence_for
from training.tests.factories import DatasetFactory, TasteFitFactory, TrainingRunFactory

pytestmark = pytest.mark.django_db
ME, OTHER, DEAD = "here:1:1", "there:2:2", "dead:3:3"
AWAY = OperationalError("server closed the connection unexpectedly")
DATABASE_AWAY = [
    kind("server closed the connection unexpectedly")
    for module in (django.db, connection.Database)
    for kind in (module.OperationalError, module.InterfaceError, module.DatabaseError)
]
Sentence = Callable[[Exception], str]


# -- the table -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A kind of work: how a waiting row is made, what completes one, and what its owner is told of an error."""

    model: type[Work]
    wait: Callable[[], Any]
    results: Callable[[], dict[str, Any]] = dict
    sentence_of: Callable[[Any], Sentence] = field(default=lambda row: row.sentence)

    def waiting(self) -> Any:
        """A waiting row, as it comes from the database."""
        return fresh(self.wait())


def waiting_dataset() -> Dataset:
    return Dataset.objects.create(name="Liked", kind="supervised")


def waiting_export() -> Export:
    return Export.objects.create(dataset=DatasetFactory(), format="jsonl")


def waiting_promotion() -> Promotion:
    over = ListeningTestFactory(state=ListeningTest.State.COMPLETED)
    return Promotion.objects.create(adapter=AdapterFactory(stored=False), test=over)


def registered() -> dict[str, Any]:
    return {"adapter": AdapterFactory(stored=False)}


def fitted() -> dict[str, Any]:
    return {"taste": TasteFactory(stored=False)}


KINDS = [
    Kind(GenerationJob, GenerationJobFactory, sentence_of=lambda job: generation_worker.sentence_for),
    Kind(
        ModelFetch,
        ModelFetchFactory,
        sentence_of=lambda fetch: lambda error: fetching.sentence_for(error, fetch.base_model),
    ),
    Kind(
        AdapterRegistration,
        AdapterRegistrationFactory,
        results=registered,
        sentence_of=lambda registration: adapter_check.check_sentence,
    ),
    Kind(Dataset, waiting_dataset, results=lambda: {"content_hash": "f" * 64, "train_rows": 1}),
    Kind(Export, waiting_export, results=lambda: {"file": "exports/some.jsonl", "sha256": "f" * 64}),
    Kind(
        TrainingRun,
        TrainingRunFactory,
        results=lambda: {"step": 1, "total_steps": 1},
        sentence_of=lambda run: failure_sentence,
    ),
    Kind(
        Promotion,
        waiting_promotion,
        results=lambda: {"outcome": "declined", "reason": "Too few votes."},
        sentence_of=lambda promotion: generation_worker.sentence_for,
    ),
    Kind(TasteFit, TasteFitFactory, results=fitted, sentence_of=lambda fit: sentence_for),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.model.__name__)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set it, and this process is asked to end."""
    asked = threading.Event()
    monkeypatch.setattr(workers, "_stopping", asked)
    return asked


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept, instead of sleeping."""
    slept: list[float] = []
    monkeypatch.setattr(work.time, "sleep", slept.append)
    return slept


def fresh(row: Any) -> Any:
    """The row as another process reads it: without a claim of its own."""
    return type(row)._base_manager.get(pk=row.pk)


def columns(row: Any) -> dict[str, Any]:
    return type(row)._base_manager.filter(pk=row.pk).values().get()


def claimed(row: Any, worker: str = ME) -> Any:
    """The row as an object that holds its claim."""
    mine = fresh(row)
    assert mine.claim(worker)
    return mine


def die_over(row: Any) -> None:
    """A worker claims it and is never heard of again."""
    claimed(row, DEAD)
    work.take_up_left_behind()


def raising(error: BaseException) -> Callable[[Any], None]:
    def do(row: Any) -> None:
        raise error

    return do


def losing(action: Callable[[], Any], *, before: int = 0, after: int = 0) -> Callable[[], Any]:
    """`action`, the connection lost before it so many times, then after it so many times."""
    lost = iter([True] * before + [False] * after)

    def flaky() -> Any:
        never_arrived = next(lost, None)
        if never_arrived:
            raise AWAY
        answer = action()
        if never_arrived is False:
            raise AWAY
        return answer

    return flaky


def test_the_table_covers_every_kind() -> None:
    assert {kind.model for kind in KINDS} == set(work.kinds())
    by_cluster = [work.kinds(cluster) for cluster in ("default", "generation", "training")]
    assert sum(map(len, by_cluster)) == len(KINDS) == len(work.kinds()) and all(by_cluster)


# -- taking it -------------------------------------------------------------------------------------------------------


def test_it_is_claimed_once(kind: Kind) -> None:
    first = kind.waiting()
    second = fresh(first)
    assert first.is_waiting and first.is_unfinished
    assert first.claim(ME) and not second.claim(OTHER) and not first.claim(ME)
    assert (second.state, second.worker) == (kind.model.WORKING, ME) and second.started_at
    assert first.is_mine() and not second.is_mine()
    assert first.claim_token == second.claim_token == fresh(first).claim_token


def test_who_holds_no_claim_changes_nothing(kind: Kind) -> None:
    """Not even a row that is marked as claimed and names no claim, as rows of older versions do."""
    row = kind.waiting()
    for state in (kind.model.WAITING, kind.model.WORKING):
        kind.model._base_manager.filter(pk=row.pk).update(state=state, claim_token=None)
        before = columns(row)
        refuses_everything(kind, row)
        assert columns(row) == before


def refuses_everything(kind: Kind, row: Any) -> None:
    """The object has lost its claim, and is told so whatever it tries."""
    results = kind.results()
    assert not row.is_mine()
    assert not row.report() and not row.report(progressed=True)
    assert not row.complete(**results) and not row.fail("Too late.") and not row.hand_back()
    with pytest.raises(ClaimLost), row.held():
        pytest.fail("entered")


def test_a_worker_that_wakes_up_late_changes_nothing(kind: Kind) -> None:
    late = claimed(kind.waiting(), ME)
    name = late.claimed_name("clip", 1)
    assert fresh(late).take_up()
    refuses_everything(kind, late)
    winner = claimed(late, ME)  # the very same process again: names are no claim
    before = columns(winner)
    refuses_everything(kind, late)
    late.perform(lambda row: row.complete(**kind.results()), str)
    late.perform(raising(RuntimeError("x")), str)
    late.perform(raising(HandedBack()), str)
    assert columns(winner) == before
    assert late.claimed_name("clip", 1) == name != winner.claimed_name("clip", 1)
    assert winner.report(progressed=True)
    with winner.held():
        assert winner.complete(**kind.results())
    after = columns(winner)
    assert after["state"] == kind.model.DONE and after["finished_at"]
    refuses_everything(kind, late)
    assert columns(winner) == after


def test_names_of_files_belong_to_a_claim_and_tell_nothing(kind: Kind) -> None:
    mine, other = claimed(kind.waiting()), claimed(kind.waiting())
    names = [mine.claimed_name(), mine.claimed_name(0), mine.claimed_name(1), other.claimed_name(0)]
    assert len(set(names)) == 4 and names[1] == mine.claimed_name(0)
    assert all(name.isalnum() and mine.pk.hex not in name and mine.claim_token.hex not in name for name in names)
    with pytest.raises(AssertionError):
        fresh(mine).claimed_name()


def test_made_as_claimed_it_never_waits(kind: Kind) -> None:
    row = kind.wait()
    row.be_claimed(ME)
    row.save()
    assert row.is_mine() and fresh(row).worker == ME and fresh(row).started_at
    assert not fresh(row).claim(OTHER) and not kind.model.objects.waiting().exists()
    assert row.complete(**kind.results())


def test_a_process_that_is_asked_to_end_takes_nothing(kind: Kind, stopping: threading.Event) -> None:
    row = kind.waiting()
    stopping.set()
    assert kind.model.objects.claim_next(ME) is None and fresh(row).is_waiting
    stopping.clear()
    taken = kind.model.objects.claim_next(ME)
    assert taken == row and taken.is_mine() and kind.model.objects.claim_next(ME) is None


def test_held_now_tells_which_claims_still_hold(kind: Kind) -> None:
    kept, lost, unclaimed = claimed(kind.waiting()), claimed(kind.waiting()), kind.waiting()
    assert fresh(lost).take_up() and claimed(lost, OTHER)
    assert kind.model.objects.held_now([kept, lost, unclaimed]) == {kept.pk}


# -- giving it back --------------------------------------------------------------------------------------------------


def test_given_back_it_costs_no_attempt_and_keeps_its_place(kind: Kind) -> None:
    first, second = kind.waiting(), kind.waiting()
    queued_at = first.queued_at
    taken = kind.model.objects.claim_next(ME)
    assert taken == first and taken.hand_back()
    assert (taken.state, taken.worker, taken.claim_token) == (kind.model.WAITING, "", None)
    assert (taken.attempts, taken.queued_at) == (0, queued_at)
    assert list(kind.model.objects.waiting()) == [first, second]
    assert not taken.is_mine() and not taken.complete(**kind.results())
    assert kind.model.objects.claim_next(OTHER) == first


@pytest.mark.parametrize("model", [GenerationJob, ModelFetch, TrainingRun], ids=lambda model: model.__name__)
def test_cancelled_work_is_nobodys(model: type[Any]) -> None:
    kind = next(kind for kind in KINDS if kind.model is model)
    for make in (kind.waiting, lambda: claimed(kind.waiting())):
        row = make()
        fresh(row).cancel()
        before = columns(row)
        assert before["state"] == model.CANCELLED and before["finished_at"]
        refuses_everything(kind, row)
        assert not row.claim(OTHER) and not fresh(row).take_up() and not work.take_up_left_behind()
        assert columns(row) == before


# -- dead workers ----------------------------------------------------------------------------------------------------


def test_deaths_without_progress_are_counted_until_it_is_given_up(kind: Kind) -> None:
    row = kind.waiting()
    most = kind.model.MAX_ATTEMPTS
    for deaths in range(1, most):
        die_over(row)
        row.refresh_from_db()
        assert (row.state, row.worker, row.attempts) == (kind.model.WAITING, "", deaths)
    die_over(row)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (kind.model.FAILED, most) and row.finished_at
    assert row.error == row.gave_up() and "died" in row.error
    assert not row.claim(ME) and not row.take_up() and not kind.model.objects.waiting().exists()


def test_deaths_after_progress_cost_nothing(kind: Kind) -> None:
    row = kind.waiting()
    for _ in range(kind.model.MAX_ATTEMPTS + 1):
        assert claimed(row, DEAD).report(progressed=True)
        assert work.take_up_left_behind() == 1
        row.refresh_from_db()
        assert (row.state, row.attempts) == (kind.model.WAITING, 0)
    for deaths in (1, 2):
        die_over(row)
        row.refresh_from_db()
        assert row.attempts == deaths, "a new claim has stored nothing yet"
    assert claimed(row, DEAD).report(progressed=True) and work.take_up_left_behind() == 1
    assert fresh(row).attempts == 0


def test_progress_at_the_last_moment_saves_it(kind: Kind) -> None:
    """It is read as hopeless, then its worker stores something and dies: the next look puts it back."""
    row = kind.waiting()
    kind.model._base_manager.filter(pk=row.pk).update(attempts=kind.model.MAX_ATTEMPTS - 1)
    mine = claimed(row, DEAD)
    looked_at = fresh(row)
    assert mine.report(progressed=True)
    assert not looked_at.take_up() and fresh(row).state == kind.model.WORKING
    assert work.take_up_left_behind() == 1
    assert (fresh(row).state, fresh(row).attempts) == (kind.model.WAITING, 0)


def test_what_moved_on_meanwhile_is_not_taken_up(kind: Kind) -> None:
    mine = claimed(kind.waiting(), DEAD)
    looked_at, also = fresh(mine), fresh(mine)
    assert mine.hand_back()
    assert not looked_at.take_up() and fresh(mine).attempts == 0
    again = claimed(mine, DEAD)
    before = columns(again)
    assert not also.take_up() and columns(again) == before
    looked_at = fresh(again)
    assert again.complete(**kind.results())
    before = columns(again)
    assert not looked_at.take_up() and columns(again) == before


def test_a_worker_that_is_alive_keeps_its_work(kind: Kind) -> None:
    presence = WorkerPresence.objects.create(name=ME, cluster="another")
    mine, left = claimed(kind.waiting(), ME), claimed(kind.waiting(), DEAD)
    before = columns(mine)
    assert work.take_up_left_behind() == 1
    assert columns(mine) == before and mine.is_mine()
    assert fresh(left).is_waiting and not left.is_mine()
    presence.seen_at = timezone.now() - WorkerPresence.TIMEOUT - timedelta(seconds=1)
    presence.save()
    assert work.take_up_left_behind() == 1 and fresh(mine).is_waiting
    assert work.take_up_left_behind() == 0


def test_taking_up_wakes_a_worker_of_the_right_cluster(kind: Kind) -> None:
    row = kind.waiting()
    OrmQ.objects.all().delete()
    die_over(row)
    order = OrmQ.objects.get()
    assert (order.key, order.task["func"], order.task["args"]) == (kind.model.CLUSTER, row.task, (str(row.pk),))
    assert callable(import_string(row.task))


def test_an_idle_worker_puts_back_what_is_still_marked_as_its_own(kind: Kind) -> None:
    for name in (ME, OTHER):
        WorkerPresence.objects.create(name=name, cluster=kind.model.CLUSTER)
    mine, theirs = claimed(kind.waiting(), ME), claimed(kind.waiting(), OTHER)
    before = columns(theirs)
    work.release_leftovers(ME)
    assert fresh(mine).is_waiting and columns(theirs) == before and theirs.is_mine()


# -- doing it --------------------------------------------------------------------------------------------------------


def test_done_it_stays_done(kind: Kind) -> None:
    row = claimed(kind.waiting())
    row.perform(lambda row: row.complete(**kind.results()), str)
    after = columns(row)
    assert (after["state"], after["error"], after["attempts"]) == (kind.model.DONE, "", 0) and after["finished_at"]
    assert not row.fail("No.") and not row.claim(ME) and not row.take_up() and work.take_up_left_behind() == 0
    assert columns(row) == after


def test_an_error_of_the_domain_is_told_as_it_stands(kind: Kind) -> None:
    row = claimed(kind.waiting())
    row.perform(raising(ModelFolderRefused("Fetch the model again.")), kind.sentence_of(row))
    told = fresh(row)
    assert (told.state, told.error) == (kind.model.FAILED, "Fetch the model again.") and told.finished_at
    assert told.attempts == 0 and not row.is_mine()


def test_an_unforeseen_error_shows_no_internals(kind: Kind) -> None:
    row = claimed(kind.waiting())
    row.perform(raising(RuntimeError("secret of /home/somebody")), kind.sentence_of(row))
    told = fresh(row)
    assert told.state == kind.model.FAILED and told.error.endswith((".", "!"))
    assert "secret" not in told.error and "RuntimeError" not in told.error


@pytest.mark.parametrize("error", DATABASE_AWAY)
def test_a_database_that_is_away_is_no_failure(kind: Kind, error: Exception) -> None:
    row = claimed(kind.waiting())
    before = columns(row)
    with pytest.raises(type(error)):
        row.perform(raising(error), str)
    assert columns(row) == before and row.is_mine()


def test_what_is_wrong_with_a_query_is_a_failure(kind: Kind) -> None:
    row = claimed(kind.waiting())
    row.perform(raising(DataError("value too long")), kind.sentence_of(row))
    assert fresh(row).state == kind.model.FAILED


def test_handed_back_it_waits(kind: Kind) -> None:
    row = claimed(kind.waiting())
    row.perform(raising(HandedBack()), str)
    assert (fresh(row).state, fresh(row).attempts, fresh(row).error) == (kind.model.WAITING, 0, "")


def test_a_lost_claim_is_left_alone(kind: Kind) -> None:
    row = claimed(kind.waiting())
    before = columns(row)
    row.perform(raising(ClaimLost()), str)
    assert columns(row) == before


def test_long_work_stops_when_it_looks(stopping: threading.Event) -> None:
    work.raise_if_stopping()
    stopping.set()
    with pytest.raises(HandedBack):
        work.raise_if_stopping()


# -- while the database is away --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_finished_work_waits_for_the_database(kind: Kind, pauses: list[float]) -> None:
    row = claimed(kind.waiting())
    results = kind.results()
    assert work.patiently(losing(lambda: row.complete(**results), before=6))
    assert fresh(row).state == kind.model.DONE
    assert pauses == [0.5, 1.0, 2.0, 4.0, work.MOST_PAUSE, work.MOST_PAUSE]


@pytest.mark.django_db(transaction=True)
def test_a_commit_whose_answer_was_lost_is_not_undone(kind: Kind, pauses: list[float]) -> None:
    row = claimed(kind.waiting())
    results = kind.results()
    row.perform(lambda row: work.patiently(losing(lambda: row.complete(**results), after=1)), str)
    after = columns(row)
    assert (after["state"], after["error"]) == (kind.model.DONE, "") and len(pauses) == 1


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_told_once_the_database_is_back(
    kind: Kind, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = claimed(kind.waiting())
    flaky = losing(lambda: type(row).fail(row, "No."), before=1, after=1)
    monkeypatch.setattr(row, "fail", lambda reason: flaky())
    row.perform(raising(RuntimeError("x")), str)
    assert (fresh(row).state, fresh(row).error) == (kind.model.FAILED, "No.") and len(pauses) == 2


@pytest.mark.django_db(transaction=True)
def test_patience_ends(pauses: list[float], stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as hurried, pytest.raises(OperationalError):
        hurried.setattr(work, "PATIENCE", 0.0)
        work.patiently(losing(list, before=1))
    stopping.set()
    with pytest.raises(OperationalError):
        work.patiently(losing(list, before=1))
    stopping.clear()
    with pytest.raises(ValueError, match="no outage"):
        work.patiently(lambda: raising(ValueError("no outage"))(None))
    assert pauses == [] and work.patiently(losing(list, before=1)) == [] and pauses == [0.5]


def test_within_a_transaction_nothing_is_tried_again(pauses: list[float]) -> None:
    calls: list[int] = []

    def lost() -> None:
        calls.append(1)
        raise AWAY

    with pytest.raises(OperationalError):
        work.patiently(lost)
    assert (calls, pauses) == ([1], [])


# -- what waits longest ----------------------------------------------------------------------------------------------


def test_each_kind_is_found_by_the_workers_of_its_cluster(kind: Kind) -> None:
    row = kind.waiting()
    for cluster in ("default", "generation", "training"):
        assert work.oldest_waiting(cluster) == (row if cluster == kind.model.CLUSTER else None)
    assert claimed(row) and work.oldest_waiting(kind.model.CLUSTER) is None


def test_the_longest_waiting_of_all_kinds_comes_first() -> None:
    rows = [kind.waiting() for kind in KINDS if kind.model.CLUSTER == "default"]
    assert len(rows) == 3
    now = timezone.now()
    for order in (rows, rows[::-1]):
        for age, row in enumerate(order):
            type(row).objects.filter(pk=row.pk).update(queued_at=now - timedelta(minutes=age))
        assert work.oldest_waiting("default") == order[-1]


# -- kinds that differ -----------------------------------------------------------------------------------------------


def test_an_import_goes_with_the_process_that_read_the_file() -> None:
    dataset = Dataset(name="Rows", kind="supervised", imported_from="rows.jsonl")
    dataset.be_claimed(DEAD)
    dataset.save(force_insert=True)
    stale = fresh(dataset)
    stale.claim_token = None
    assert not stale.take_up() and dataset.is_mine()
    assert work.take_up_left_behind() == 1
    told = fresh(dataset)
    assert (told.state, told.attempts, told.error) == ("failed", 0, Dataset.CUT_OFF) and told.finished_at
    assert not dataset.complete(content_hash="f" * 64, train_rows=1) and fresh(dataset).state == "failed"


def test_what_a_run_was_registering_goes_with_its_worker(
    stored_files: Any, django_capture_on_commit_callbacks: Any
) -> None:
    registration = AdapterRegistrationFactory(training_config={"run": "some run"})
    for name in KEPT_FILES:
        storages["default"].save(registration.file_name(name), ContentFile(b"x"))
    claimed(registration, DEAD)
    with django_capture_on_commit_callbacks(execute=True):
        assert work.take_up_left_behind() == 1
    told = fresh(registration)
    assert told.state == "refused" and "registers its adapter once more" in told.error
    assert stored_files() == [] and not Adapter.objects.exists()
    AdapterRegistrationFactory(name=registration.name)  # the name is free for the next try


def test_what_failed_leaves_its_files_to_nobody_and_what_is_taken_up_keeps_them(
    stored_files: Any, django_capture_on_commit_callbacks: Any
) -> None:
    registration = AdapterRegistrationFactory()
    storages["default"].save(registration.file_name(KEPT_FILES[0]), ContentFile(b"x"))
    with django_capture_on_commit_callbacks(execute=True):
        die_over(registration)
    assert len(stored_files()) == 1, "another worker tries it"
    with django_capture_on_commit_callbacks(execute=True):
        assert claimed(registration).fail("It changes nothing.")
    assert stored_files() == []


def test_a_promotion_is_work_once_its_test_is_over() -> None:
    test = ListeningTestFactory(state=ListeningTest.State.ACTIVE)
    promotion = Promotion.objects.create(adapter=AdapterFactory(stored=False), test=test)
    waiting = Promotion.objects.waiting
    assert not waiting().exists() and Promotion.objects.claim_next(ME) is None
    ListeningTest.objects.update(state=ListeningTest.State.COMPLETED)
    assert waiting().get() == promotion
    Promotion.objects.update(queued_at=timezone.now() + timedelta(minutes=1))
    assert not waiting().exists(), "it was put off"
    Promotion.objects.update(queued_at=timezone.now())
    ListeningTest.objects.update(state=ListeningTest.State.ACTIVE)
    Adapter.objects.update(is_active=False)
    assert waiting().get() == promotion, "its adapter was taken away"
    Adapter.objects.update(is_active=True)
    ListeningTest.objects.update(deleted_at=timezone.now())
    assert waiting().get() == promotion, "its test was taken away"


def test_a_promotion_given_up_can_be_tested_again() -> None:
    promotion = waiting_promotion()
    for _ in range(Promotion.MAX_ATTEMPTS):
        die_over(promotion)
    promotion.refresh_from_db()
    assert (promotion.state, promotion.outcome) == ("failed", "withdrawn") and promotion.decided_at
    assert "Test it again" in promotion.reason and not promotion.adapter.promotions.open().exists()
