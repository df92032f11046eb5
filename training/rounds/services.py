"""What people do with rounds: begin one, go on, give more votes, pause, cancel."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext, gettext_noop

from adapters.models import Adapter
from feedback.services import prefer
from generation.models import BaseModel
from generation.services import model_for
from prompts.models import Prompt, PromptSuite
from text2song.exceptions import Forbidden, Refused
from training.models import Round
from training.rounds.exceptions import NothingToMake, NotNow, RoundIsOver, RoundUnderWay
from training.rounds.models import (
    CLIPS_PER_PROMPT,
    FEWEST_IN_SUITE,
    MOST_CLIPS,
    MOST_PROMPTS,
    MOST_VOTES,
    clips_of_test,
)
from training.rounds.pairs import answers, clips_of, open_count, votes_given
from training.rounds.progress import advance, locked
from training.rounds.prompts import HELD_OUT, distinct, draw_prompts, hold_out, own_prompts, suite_of
from training.rounds.steps import choose_source, forget_failure
from training.rounds.stopping import cut_off

Step, State = Round.Step, Round.State


def start_round(
    *,
    actor: User,
    prompts: Sequence[Prompt] | None = None,
    drawn: int = 0,
    suite: PromptSuite | None = None,
    base_model: BaseModel | None = None,
    votes_wanted: int = 100,
    clips_per_prompt: int = CLIPS_PER_PROMPT,
    seconds: int | None = None,
    max_clips: int = MOST_CLIPS,
    max_minutes: int = 240,
    by_itself: bool = True,
) -> Round:
    """Begin a round for the actor's own taste; its clips are on their way when this returns.

    `prompts` are what it is for; without, `drawn` so many from the templates, else all that the actor wrote. Without a
    frozen `suite` it is judged on that of their last round, and in the first on a part of the prompts, held out.

    Raises `RoundUnderWay`, `NothingToMake`, `TooFewPrompts`, `Refused` (a suite, a budget or pairs that do not suffice)
    and `ValidationError`.
    """
    model = base_model or model_for(None)
    with transaction.atomic():
        get_user_model().objects.select_for_update(no_key=True).get(pk=actor.pk)  # a second request sees this round
        if Round.objects.unfinished().filter(owner=actor).exists():
            raise RoundUnderWay
        last = Round.objects.filter(owner=actor).aggregate(last=Max("number"))["last"] or 0
        suite = suite or _last_suite(actor, model)
        chosen = _chosen(actor, prompts, drawn, last + 1, held_out=suite is None)
        held_out = HELD_OUT if drawn and prompts is None else 0
        taught, suite = _divided(
            chosen,
            suite,
            held_out,
            f"Held out: {actor.get_username()}, round {last + 1}",
        )
        round_ = Round(
            owner=actor,
            number=last + 1,
            base_model=model,
            goes_on_from=Adapter.objects.default_of(model),
            suite=suite,
            votes_wanted=votes_wanted,
            clips_per_prompt=clips_per_prompt,
            seconds=min(10, model.max_duration) if seconds is None else seconds,
            max_clips=max_clips,
            max_minutes=max_minutes,
            by_itself=by_itself,
        )
        round_.full_clean(exclude=["owner"], validate_constraints=False)
        round_.earlier_taste = round_.own_tastes().first()
        _require_enough(round_, len(taught))
        round_.save(force_insert=True)
        round_.prompts.set(taught)
    return advance(round_.pk)


def begins_with() -> str:
    """What makes the clips of a round that is begun now, in words; empty while no base model is active."""
    model = BaseModel.objects.filter(is_active=True).first()
    return Round(base_model=model, goes_on_from=Adapter.objects.default_of(model)).begins_with if model else ""


def _last_suite(actor: User, model: BaseModel) -> PromptSuite | None:
    """What their last round was judged on, so that rounds can be compared."""
    last = Round.objects.filter(owner=actor, base_model=model).select_related("suite").order_by("-number").first()
    return last.suite if last else None


def _chosen(actor: User, prompts: Sequence[Prompt] | None, drawn: int, number: int, *, held_out: bool) -> list[Prompt]:
    """What it is for, each text once, and none that models are evaluated on."""
    if prompts is not None:
        usable = set(
            Prompt.objects.outside_suites().filter(pk__in=[p.pk for p in prompts]).values_list("pk", flat=True)
        )
        found = distinct(prompt for prompt in prompts if prompt.pk in usable and not prompt.is_deleted)
    elif drawn:
        seed = random.SystemRandom().randrange(2**31)
        found = draw_prompts(actor, drawn + (HELD_OUT if held_out else 0), seed)
    else:
        found = distinct(own_prompts(actor)[: 2 * MOST_PROMPTS])[:MOST_PROMPTS]
    if not found:
        message = gettext("There is no prompt to make clips of. Write some, or let them be drawn from the templates.")
        raise NothingToMake(message, fields={"prompts": [message]})
    if len(found) > MOST_PROMPTS:
        message = gettext("A round takes at most %(most_prompts)s prompts, not %(found)s.") % {
            "most_prompts": MOST_PROMPTS,
            "found": len(found),
        }
        raise Refused(message, fields={"prompts": [message]})
    return found


def _divided(
    chosen: list[Prompt], suite: PromptSuite | None, held_out: int, name: str
) -> tuple[list[Prompt], PromptSuite]:
    """What is taught with, and the suite that is judged on."""
    if suite is None:
        taught, held = hold_out(chosen, held_out)
        return taught, suite_of(held, name)
    if not suite.is_frozen or suite.items.count() < FEWEST_IN_SUITE:
        message = gettext("Choose a frozen suite of %(fewest_in_suite)s or more prompts, or none.") % {
            "fewest_in_suite": FEWEST_IN_SUITE
        }
        raise Refused(message, fields={"suite": [message]})
    return chosen, suite


def _require_enough(round_: Round, prompts: int) -> None:
    """Enough pairs for the votes, and a budget that the clips fit into."""
    each = round_.clips_per_prompt
    pairs = prompts * each * (each - 1) // 2
    if pairs < round_.votes_wanted:
        message = gettext(
            "%(prompts)s prompts with %(each)s clips each give %(pairs)s pairs, fewer than "
            "%(votes_wanted)s votes. Choose more prompts, more clips of each, or fewer votes."
        ) % {"prompts": prompts, "each": each, "pairs": pairs, "votes_wanted": round_.votes_wanted}
        raise Refused(message, fields={"votes_wanted": [message]})
    needed = prompts * each + clips_of_test(round_.suite)
    if needed > round_.max_clips:
        message = gettext(
            "It needs %(needed)s clips: %(value)s to judge and %(value2)s for the blind test. Allow "
            "as many, or choose fewer prompts."
        ) % {"needed": needed, "value": prompts * each, "value2": needed - prompts * each}
        raise Refused(message, fields={"max_clips": [message]})


# -- under way -------------------------------------------------------------------------------------------------------


def vote(*, actor: User, round_: Round, first: UUID, second: UUID, winner: str, strength: int | None = None) -> Round:
    """Say which of two of the round's clips is better; the owner alone does. Raises what `prefer` does."""
    if round_.owner_id != actor.pk:
        raise Forbidden(gettext("A round learns the taste of its owner: only they judge its pairs."))
    clips = clips_of(round_).with_context().in_bulk([first, second])
    if len(clips) < 2:
        raise NotNow(gettext("One of these clips is not among the round's any more. Judge the next pair."))
    prefer(sample_a=clips[first], sample_b=clips[second], winner=winner, strength=strength, rater=actor)
    return advance(round_.pk)


def go_on(
    *,
    actor: User,
    round_: Round,
    trains_on: str = "",
    max_clips: int | None = None,
    max_minutes: int | None = None,
) -> Round:
    """Do what it waits for: begin the next step, try again what failed, or end a pause; with more budget where given.

    `trains_on` says what it trains on ("taste" or "votes"), once it is known what it understood. Raises `RoundIsOver`,
    `NotNow`, `ValidationError` (budget).
    """
    with _changing(actor, round_, "continued") as current:
        current.max_clips = current.max_clips if max_clips is None else max_clips
        current.max_minutes = current.max_minutes if max_minutes is None else max_minutes
        current.clean_fields(exclude=[f.name for f in Round._meta.fields if f.name not in ("max_clips", "max_minutes")])
        if trains_on:
            choose_source(current, trains_on)
        if current.state != State.ACTIVE:
            forget_failure(current)
        current.state, current.told, current.agreed = State.ACTIVE, "", True
    return advance(round_.pk)


def give_more_votes(*, actor: User, round_: Round, votes: int) -> Round:
    """Go back to judging for so many more votes; where the pairs do not suffice, more clips are made of each prompt.

    Possible until a dataset is trained on. Raises `NotNow`, `RoundIsOver`, `Refused`.
    """
    with _changing(actor, round_, gettext("given more votes")) as current:
        if current.run_id or current.step in (Step.TESTING, Step.DECIDED):
            raise NotNow(gettext("It is being trained already. Give more votes in the next round."))
        given = votes_given(current)
        if not 1 <= votes <= MOST_VOTES - given:
            raise Refused(
                gettext("Give from 1 to %(value)s more votes.") % {"value": MOST_VOTES - given},
                fields={"votes": [gettext("Out of range.")]},
            )
        current.votes_wanted = given + votes
        if open_count(current) < votes:
            current.batches = _batches_for(current, answers(current).count() + votes)
        current.fit, current.dataset, current.trains_on = None, None, ""
        current.go_to(Step.MAKING)
    return advance(round_.pk)


def _batches_for(round_: Round, pairs: int) -> int:
    """How often clips must be made of each prompt to have so many pairs, at least as often as now."""
    batches = round_.batches
    while round_.prompts.count() * math.comb(batches * round_.clips_per_prompt, 2) < pairs:
        batches += 1
    return batches


def pause_round(*, actor: User, round_: Round) -> Round:
    """Begin nothing more; what is under way comes to its end. Raises `RoundIsOver`."""
    with _changing(actor, round_, "paused") as current:
        current.stop(State.PAUSED, gettext_noop("Paused. What was under way comes to its end, and nothing new begins."))
    return current


def cancel_round(*, actor: User, round_: Round) -> Round:
    """End it: what works for it is stopped, and what was made stays. Raises `RoundIsOver`."""
    with _changing(actor, round_, "cancelled") as current:
        cut_off(current)
        current.finish(State.CANCELLED, gettext_noop("Cancelled by %(name)s.") % {"name": actor.get_username()})
    return current


@contextmanager
def _changing(actor: User, round_: Round, doing: str) -> Iterator[Round]:
    """Its row, locked, to be stored when the block ends."""
    with transaction.atomic():
        current = locked(round_.pk)
        if not may_change(actor, current):
            raise Forbidden(gettext("Only the person whose round it is, or a curator, can change it."))
        if not current.is_unfinished:
            raise RoundIsOver(doing)
        yield current
        current.save()


def may_change(user: User, round_: Round) -> bool:
    """Whether `user` may pause, continue and cancel it: its owner, and curators."""
    return bool(user.is_staff or (round_.owner_id is not None and round_.owner_id == user.pk))
