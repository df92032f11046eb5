"""What each step of a round does: look at what it made, make what is missing, and go on when that is done.

Each is called with the round's row locked, changes the object, and is repeated as often as one likes: what exists is
never made again. It raises a `DomainError` or `ValidationError` when it cannot go on, and nothing of it is stored then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext, gettext_noop

from adapters.models import Taste
from datasets_app.building.filters import LONGEST_LIST
from datasets_app.exceptions import NothingLabelled
from datasets_app.models import Dataset
from datasets_app.services import create_dataset
from feedback.listening_tests.services.creation import DEFAULT_PRESET
from feedback.listening_tests.services.lifecycle import close_test, failed_jobs, retry_failed
from feedback.listening_tests.services.trials import rater_progress
from feedback.models import ListeningTest
from generation.jobs.presets import PRESET_BY_KEY
from generation.models import GenerationJob
from generation.services import make_music
from text2song.work import Work
from training.models import Promotion, Round, TasteFit, TrainingRun
from training.promotion.services import open_promotion
from training.rounds.budget import require_clips, require_minutes
from training.rounds.exceptions import NotNow, StepFailed
from training.rounds.models import clips_of_test
from training.rounds.pairs import open_count, votes_given
from training.runs.proposal import proposal
from training.services import create_experiment, resume_run, start_run
from training.services.tastes import fit_taste

Step, State = Round.Step, Round.State
AT_WORK = ("queued", "running", "completed")


def do_step(round_: Round) -> None:
    """Do what the step under way needs now."""
    if round_.owner is None:
        round_.finish(State.CANCELLED, gettext_noop("The account that it was for is gone."))
        return
    _STEPS[round_.step](round_)


def actor_of(round_: Round) -> User | None:
    """Who acts where only curators may: its owner if they are one, else the studio, on the owner's own votes alone."""
    return round_.owner if round_.owner and round_.owner.is_staff else None


def _owner(round_: Round) -> User:
    assert round_.owner is not None, "a round without an owner is over"
    return round_.owner


def _may_begin(round_: Round, doing: str) -> bool:
    """Whether the step may start work: within the budget, and by itself or with the owner's consent."""
    require_minutes(round_)
    if round_.by_itself or round_.agreed:
        return True
    round_.stop(State.WAITING, gettext_noop("%(doing)s is next. It begins when you say so.") % {"doing": doing})
    return False


# -- clips and votes -------------------------------------------------------------------------------------------------


def _make(round_: Round) -> None:
    """Send jobs while there is room for them in the queue; what failed is told."""
    jobs = round_.jobs.filter(deleted_at__isnull=True)
    if lost := jobs.filter(state__in=("failed", "cancelled")).order_by("queued_at").first():
        raise StepFailed(lost.error or gettext_noop("A job for “%(prompt)s” was cancelled.") % {"prompt": lost.prompt})
    require_minutes(round_)
    if missing := _missing(round_):
        require_clips(round_, len(missing) * round_.clips_per_prompt, gettext_noop("Making its clips"))
        for prompt in missing[: _room(_owner(round_))]:
            round_.jobs.add(_send(round_, prompt))
    elif not round_.jobs.filter(state__in=("queued", "running"), deleted_at__isnull=True).exists():
        round_.go_to(Step.JUDGING)


def _missing(round_: Round) -> list[Any]:
    """Prompts for which a job is still to be sent, as often as one is."""
    sent = Counter(round_.jobs.order_by().values_list("prompt", flat=True))
    prompts = round_.prompts.filter(deleted_at__isnull=True).order_by("created_at", "pk")
    return [prompt for number in range(round_.batches) for prompt in prompts if sent[prompt.pk] <= number]


def _room(owner: User) -> int:
    """Jobs that may be sent now: half of what a person may have in the queue is left to them."""
    waiting = GenerationJob.objects.unfinished().filter(requested_by=owner).count()
    return max(0, max(1, settings.MAX_ACTIVE_JOBS_PER_USER // 2) - waiting)


def _send(round_: Round, prompt: Any) -> GenerationJob:
    return make_music(
        actor=round_.owner,
        prompt=prompt,
        base_model=round_.base_model,
        adapter=round_.goes_on_from,
        num_samples=round_.clips_per_prompt,
        duration=round_.seconds,
        preset=PRESET_BY_KEY[DEFAULT_PRESET],  # what is played in the test, and on Create
    )


def _judge(round_: Round) -> None:
    """Done when the votes are there, or there is nothing more to ask."""
    given = votes_given(round_)
    if given < round_.votes_wanted and open_count(round_):
        return
    if not given:
        raise StepFailed(
            gettext_noop("There is no pair of different clips to judge, so nothing can be learned. Make more clips.")
        )
    round_.go_to(Step.FITTING)


# -- the taste -------------------------------------------------------------------------------------------------------


def _fit(round_: Round) -> None:
    if round_.fit is None:
        if _may_begin(round_, gettext_noop("Learning your taste")):
            round_.fit = _new_fit(round_)
        return
    _raise_if_failed(round_.fit)
    if round_.fit.state == TasteFit.State.COMPLETED and round_.taste:
        round_.go_to(Step.UNDERSTOOD)
    elif not round_.fit.is_unfinished:
        raise StepFailed(gettext_noop("The taste was deleted. Let it be learned again."))


def _new_fit(round_: Round) -> TasteFit:
    """A fit of the owner's votes; one that is under way already is taken."""
    owner = _owner(round_)
    name = taste_name(round_)
    under_way = TasteFit.objects.unfinished().filter(name=name).first()
    return under_way or fit_taste(
        actor=owner, name=name, raters=[owner.get_username()], base_model=round_.base_model, seed=round_.number
    )


def taste_name(round_: Round) -> str:
    """That of the owner's newest taste, so that each fit is its next version; else their own, where it is free."""
    owner = _owner(round_).get_username()
    newest = round_.own_tastes().first()
    if newest:
        return newest.name
    free = (owner[:100], f"{owner} on {round_.base_model.key}"[:100], f"{owner[:60]} {str(round_.pk)[:8]}")
    return next(name for name in free if not Taste.objects.filter(name=name).exists())


def _understand(round_: Round) -> None:
    """A taste that can be relied on is used; else the owner says what to do."""
    if not round_.trains_on and round_.taste and round_.taste.may_pick and round_.by_itself:
        round_.trains_on = Round.Source.TASTE
    if not round_.trains_on:
        round_.stop(State.WAITING, gettext_noop("Hear what it understood, then say how to go on."))
        return
    round_.go_to(Step.BUILDING)
    round_.agreed = True  # choosing what it trains on was the consent


# -- dataset, adapter, test ------------------------------------------------------------------------------------------


def _build(round_: Round) -> None:
    if round_.dataset is None:
        if _may_begin(round_, gettext_noop("Building the dataset")):
            round_.dataset = _new_dataset(round_)
        return
    _raise_if_failed(round_.dataset)
    if round_.dataset.is_ready:
        round_.go_to(Step.TRAINING)


def _new_dataset(round_: Round) -> Dataset:
    """With the taste's labels where it has any to add: one that adds none is no reason to stop."""
    made: dict[str, Any] = {"actor": actor_of(round_), "name": round_.title, "kind": Dataset.Kind.PREFERENCE}
    by = "Made by a round of “Teach the studio” from"
    if round_.trains_on == Round.Source.TASTE:
        try:
            description = f"{by} {round_.get_trains_on_display()}."
            return create_dataset(filters=filters_of(round_), description=description, **made)
        except NothingLabelled as error:
            round_.trains_on, round_.told = (
                Round.Source.VOTES,
                gettext_noop("It trains on your votes alone: %(reason)s") % {"reason": error.message},
            )
    description = f"{by} {round_.get_trains_on_display()}. {round_.told}".strip()
    return create_dataset(filters=filters_of(round_), description=description, **made)


def filters_of(round_: Round) -> dict[str, Any]:
    """The owner's votes on the prompts to learn from, and with a taste what it makes of the other pairs."""
    chosen: dict[str, Any] = {
        "raters": [_owner(round_).get_username()],
        "prompts": prompts_to_learn_from(round_),
        "base_models": [round_.base_model.key],
    }
    if round_.trains_on == Round.Source.TASTE and round_.taste:
        chosen["taste"] = str(round_.taste.pk)
    return chosen


def prompts_to_learn_from(round_: Round) -> list[str]:
    """Those of the round, and of earlier ones that began where it begins: what made their clips is what is trained.

    So no vote is lost where a round's adapter was not promoted. The newest rounds' come first where it would be more
    than a dataset can be told.
    """
    alike = Round.objects.filter(owner=round_.owner, base_model=round_.base_model, goes_on_from=round_.goes_on_from)
    found: dict[str, None] = {}
    for each in alike.filter(number__lte=round_.number).order_by("-number"):
        prompts = each.prompts.filter(deleted_at__isnull=True).values_list("pk", flat=True)
        wider = found | dict.fromkeys(map(str, prompts))
        if len(wider) > LONGEST_LIST:
            break
        found = wider
    return sorted(found)


def _train(round_: Round) -> None:
    if round_.run is None:
        if _may_begin(round_, gettext_noop("Training")):
            round_.run = _new_run(round_)
        return
    require_minutes(round_)
    _raise_if_failed(round_.run)
    if round_.run.state == TrainingRun.State.CANCELLED:
        raise StepFailed(gettext_noop("The training was cancelled. It can go on from its newest checkpoint."))
    if round_.run.state == TrainingRun.State.COMPLETED:
        if round_.adapter is None:
            raise StepFailed(gettext_noop("The adapter that was trained is gone. Train again."))
        round_.go_to(Step.TESTING)


def _new_run(round_: Round) -> TrainingRun:
    assert round_.dataset is not None, "training comes after the dataset"
    proposed = proposal(round_.dataset)
    experiment = create_experiment(
        actor=_owner(round_),
        name=round_.title,
        dataset=round_.dataset,
        base_model=round_.base_model,
        config=proposed.values if proposed else None,
    )
    return start_run(experiment=experiment, actor=_owner(round_), parent=round_.goes_on_from, blind_test=False)


def _test(round_: Round) -> None:
    promotion = round_.promotion
    if promotion is None:
        if _may_begin(round_, gettext_noop("The blind test")):
            round_.promotion = _open_test(round_)
        return
    if promotion.outcome == Promotion.Outcome.WITHDRAWN:
        raise StepFailed(promotion.reason)
    if not promotion.is_open:
        round_.go_to(Step.DECIDED)
        round_.finish(State.COMPLETED, promotion.reason)
    elif promotion.test.is_open:
        _see_to(round_, promotion.test)


def _see_to(round_: Round, test: ListeningTest) -> None:
    """Tell when clips of the test were not made. It ends when its owner has judged all there is: who may look at the
    evidence after each vote may stop at any."""
    if lost := failed_jobs(test):
        said = gettext_noop("Clips of the blind test could not be made.")
        raise StepFailed(f"{said} {lost[0].error}".strip())
    progress = rater_progress(rater=_owner(round_), test=test)
    if test.state == ListeningTest.State.ACTIVE and 0 < progress.total <= progress.judged:
        close_test(actor=actor_of(round_), test=test)


def _open_test(round_: Round) -> Promotion:
    """On the round's suite; a test of the adapter that goes on already is taken."""
    adapter = round_.adapter
    assert adapter is not None, "the test comes after training"
    if under_way := adapter.promotions.open().first():
        return under_way
    require_clips(round_, clips_of_test(round_.suite), gettext_noop("The blind test"))
    return open_promotion(
        adapter=adapter, actor=actor_of(round_), policy=round_.policy, duration=min(round_.seconds, 10)
    )


def _raise_if_failed(work: Work) -> None:
    if work.state == work.FAILED:
        raise StepFailed(work.error)


# -- again, and an end -----------------------------------------------------------------------------------------------


def forget_failure(round_: Round) -> None:
    """Let the step begin anew what failed or was cut off, and nothing else; training goes on from its checkpoint."""
    if round_.step == Step.MAKING:
        round_.jobs.remove(*round_.jobs.filter(state__in=("failed", "cancelled")))
    elif round_.step == Step.JUDGING and round_.state == State.FAILED:
        round_.batches += 1
        round_.go_to(Step.MAKING)
    elif round_.step == Step.FITTING and round_.fit and not round_.fit.is_unfinished and not round_.taste:
        round_.fit = None
    elif round_.step == Step.BUILDING and round_.dataset and round_.dataset.state == Dataset.FAILED:
        round_.dataset = None
    elif round_.step == Step.TRAINING and round_.run:
        _again(round_, round_.run)
    elif round_.step == Step.TESTING and round_.promotion:
        _test_again(round_, round_.promotion)


def _test_again(round_: Round, promotion: Promotion) -> None:
    if promotion.outcome == Promotion.Outcome.WITHDRAWN:
        round_.promotion = None
    elif promotion.test.is_open:
        retry_failed(actor=actor_of(round_), test=promotion.test)


def _again(round_: Round, run: TrainingRun) -> None:
    if run.is_resumable and run.checkpoints:
        resume_run(run=run, actor=_owner(round_))
    elif not run.is_unfinished and not run.adapter_id:
        round_.run = None


def choose_source(round_: Round, source: str) -> None:
    """Say what it trains on, once it is known what it understood. Raises `NotNow`."""
    if round_.step != Step.UNDERSTOOD:
        raise NotNow(gettext("What it trains on is chosen when you have heard what it understood."))
    if source == Round.Source.TASTE and round_.taste and round_.taste.why_deaf:
        remedy = gettext("Or train on your votes alone.")
        raise NotNow(f"{round_.taste.why_deaf} {remedy}")
    if source == Round.Source.TASTE and not (round_.taste and round_.taste.is_usable):
        raise NotNow(gettext("This taste cannot be relied on yet. Give more votes, or train on your votes alone."))
    round_.trains_on = source


_STEPS: dict[str, Callable[[Round], None]] = {
    Step.MAKING: _make,
    Step.JUDGING: _judge,
    Step.FITTING: _fit,
    Step.UNDERSTOOD: _understand,
    Step.BUILDING: _build,
    Step.TRAINING: _train,
    Step.TESTING: _test,
}
