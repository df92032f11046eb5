"""Promotion: a new adapter becomes its base model's default by winning a blind test against what it goes on from.

The test is an ordinary listening test on a frozen suite. When it is over, a training worker measures the guards and
decides: promoted if the votes are evidence enough (`feedback.listening_tests.evidence`) and the guards hold, declined
with the reasons otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from adapters.exceptions import AdapterFilesUnavailable, AdapterNotActive, AdapterNotFound, AdapterNotSelectable
from adapters.models import Adapter, DefaultChange
from adapters.services import make_default
from adapters.services.selection import require_selectable
from datasets_app.models import DatasetItem
from feedback.listening_tests.evidence import WANTED, evidence
from feedback.listening_tests.services.creation import ArmSpec, create_test
from feedback.listening_tests.services.lifecycle import start_test
from feedback.listening_tests.services.results import Duel, results, trusted_votes
from feedback.models import Arm, ListeningTest, RaterProfile
from feedback.statistics.win_rate import Claim
from generation.exceptions import StorageUnavailable
from generation.jobs.worker import adapter_spec, sentence_for
from generation.models import AudioSample
from prompts.models import PromptSuite
from prompts.services.starter_suite import starter_suite
from text2song.exceptions import Conflict, DomainError, Forbidden, Refused
from training.models import Promotion, PromotionPolicy
from training.quality.guards import Guards
from training.quality.measuring import measure

log = structlog.get_logger(__name__)

LONGEST_CLIP = 10
"""Seconds of a test's clips, where the model can make as much: what a rater compares without tiring."""

ASKED_AGAIN_AFTER = timedelta(minutes=10)
Outcome = Promotion.Outcome


# -- what adapters are tested on -------------------------------------------------------------------------------------


def current_policy() -> PromotionPolicy:
    """What new adapters are tested on: the starter suite until a curator chooses."""
    policy = PromotionPolicy.objects.select_related("suite", "set_by").first()
    if policy is None:
        policy, _ = PromotionPolicy.objects.get_or_create(defaults={"suite": starter_suite()})
    return policy


def set_policy(*, actor: User, suite: PromptSuite | None, votes_wanted: int) -> PromotionPolicy:
    """Choose the suite and the votes of tests opened from now on; without a suite none opens by itself.

    For curators. Raises `ValidationError` for an open suite, or one too small for so many votes.
    """
    if not actor.is_staff:
        raise Forbidden(gettext("Only curators choose what new adapters are tested on."))
    policy = PromotionPolicy(suite=suite, votes_wanted=votes_wanted, set_by=actor)
    policy.full_clean(validate_unique=False, validate_constraints=False)
    values = {"suite": suite, "votes_wanted": votes_wanted, "set_by": actor, "updated_at": timezone.now()}
    return PromotionPolicy.objects.update_or_create(pk=policy.pk, defaults=values)[0]


# -- opening ---------------------------------------------------------------------------------------------------------


def open_promotion(
    *, adapter: Adapter, actor: User | None, policy: PromotionPolicy | None = None, **values: Any
) -> Promotion:
    """Start a blind test of `adapter` against its parent, or its base alone where the parent cannot be used.

    For curators; `actor` None is the studio itself. `values` are fields of the test (`duration`, `seed`) that differ
    from the usual. Raises `Conflict` when the adapter is the default already, a test of it goes on, or it learned from
    the suite's texts, `Refused` without a suite, `AdapterNotSelectable`, and what `start_test` raises.
    """
    if actor is not None and not actor.is_staff:
        raise Forbidden(gettext("Only curators open a test for promotion."))
    policy = policy or current_policy()
    if policy.suite is None:
        raise Refused(gettext("Choose a frozen suite for such tests first: Training, What new adapters are tested on."))
    require_selectable(adapter, adapter.base_model)
    if adapter.is_default:
        raise Conflict(gettext("“%(adapter)s” is the default already.") % {"adapter": adapter.label})
    _require_untaught(adapter, policy.suite)
    opponent = opponent_of(adapter)
    with transaction.atomic():
        Adapter.objects.select_for_update(of=("self",)).get(pk=adapter.pk)  # a second request waits, then sees this one
        if adapter.promotions.open().exists():
            words = gettext("A test of “%(adapter)s” goes on already; its page shows how far it is.")
            raise Conflict(words % {"adapter": adapter.label})
        test = create_test(
            actor=actor,
            name=_test_name(adapter, opponent),
            suite=policy.suite,
            arms=[ArmSpec(adapter.base_model, adapter), ArmSpec(adapter.base_model, opponent)],
            samples_per_prompt=policy.samples_per_prompt,
            votes_wanted=policy.votes_wanted,
            sealed=True,
            **{"duration": min(LONGEST_CLIP, adapter.base_model.max_duration), **values},
        )
        promotion = Promotion.objects.create(adapter=adapter, opponent=opponent, test=test, opened_by=actor)
        start_test(actor=actor, test=test)
    log.info("promotion_opened", adapter_id=str(adapter.pk), test_id=str(test.pk))
    return promotion


def _require_untaught(adapter: Adapter, suite: PromptSuite) -> None:
    """Refuse a suite of which the adapter, or one it goes on from, learned a text; datasets may be older than it."""
    lineage = [adapter]
    while lineage[-1].parent is not None:
        lineage.append(lineage[-1].parent)
    taught = DatasetItem.objects.filter(dataset__runs__adapter__in=lineage).exclude(split=DatasetItem.Split.TEST)
    shared = suite.prompts.filter(text_key__in=taught.order_by().values("text_key"))
    known = shared.order_by().values("text_key").distinct().count()
    if known:
        words = gettext(
            "“%(adapter)s” learned from %(known)s of the texts of “%(suite)s”: its dataset was built before the suite "
            "was frozen. Choose another suite under Training, or train on a dataset that is built anew."
        )
        raise Conflict(words % {"adapter": adapter.label, "known": known, "suite": suite})


def open_for_new(adapter: Adapter) -> str:
    """Test an adapter that was just trained, if the policy says so; a sentence on what was done, empty for nothing."""
    policy = current_policy()
    if policy.suite is None:
        return ""
    try:
        promotion = open_promotion(adapter=adapter, actor=None, policy=policy)
    except (DomainError, ValidationError) as error:
        log.warning("promotion_not_opened", adapter_id=str(adapter.pk), exc_info=True)
        reason = error.message if isinstance(error, DomainError) else " ".join(error.messages)
        return f"No blind test was opened: {reason}"
    votes = f"at most {policy.votes_wanted} votes"
    return f"A blind test against {promotion.opponent_name} is open; after {votes} it decides about the default."


def opponent_of(adapter: Adapter) -> Adapter | None:
    """The parent where it can be used, else None for the base model alone."""
    if adapter.parent is None:
        return None
    try:
        require_selectable(adapter.parent, adapter.base_model)
    except AdapterNotSelectable:
        return None
    return adapter.parent


def _test_name(adapter: Adapter, opponent: Adapter | None) -> str:
    most = ListeningTest._meta.get_field("name").max_length
    return f"{adapter.label} against {opponent.label if opponent else adapter.base_model.display_name}"[:most]


# -- deciding --------------------------------------------------------------------------------------------------------


def decide_waiting(worker: str) -> None:
    """Decide every promotion whose test is over."""
    while promotion := Promotion.objects.claim_next(worker):
        decide_claimed(promotion)


def decide_claimed(promotion: Promotion) -> None:
    """End a claimed promotion. One whose clips or weights cannot be read is looked at again later."""
    promotion.perform(_decide_or_put_off, lambda error: sentence_for(error, doing="deciding"))


def _decide_or_put_off(promotion: Promotion) -> None:
    try:
        decide(promotion)
    except (StorageUnavailable, AdapterFilesUnavailable) as error:
        log.warning("promotion_not_decided", promotion_id=str(promotion.pk), reason=error.message)
        promotion.hand_back(queued_at=timezone.now() + ASKED_AGAIN_AFTER)


def decide(promotion: Promotion) -> None:
    """Decide a claimed promotion whose test is over. A lost claim changes nothing.

    Raises `StorageUnavailable` or `AdapterFilesUnavailable` when what the guards are measured on cannot be read.
    """
    test, adapter = promotion.test, promotion.adapter
    if test.is_deleted or not adapter.is_active:
        gone = (
            gettext_noop("The test was deleted.")
            if test.is_deleted
            else gettext_noop("The adapter was switched off before the test was over.")
        )
        promotion.end(Outcome.WITHDRAWN, gone)
        return
    (duel,) = results(actor=None, test=test).duels
    guards = measure_guards(promotion)
    objections = [*_objections(promotion, duel), *guards.problems]
    figures = {
        "win_rate": duel.rate.rate,
        "win_rate_low": duel.rate.low,
        "win_rate_high": duel.rate.high,
        "votes": duel.rate.votes,
        "guards": guards.to_mapping(),
    }
    if objections:
        promotion.end(Outcome.DECLINED, " ".join(objections), **figures)
        return
    won = gettext_noop("Preferred in %(percent)s of %(votes)s votes (%(interval)s), and the guards hold.") % {
        "percent": duel.percent,
        "votes": duel.rate.votes,
        "interval": duel.interval,
    }
    try:
        with transaction.atomic():
            if promotion.end(Outcome.PROMOTED, won, **figures):
                make_default(adapter=adapter, actor=None, reason=DefaultChange.Reason.PROMOTED)
    except (AdapterNotActive, AdapterNotFound):
        promotion.end(
            Outcome.WITHDRAWN,
            gettext_noop("The adapter was switched off before it could become the default."),
            **figures,
        )


def measure_guards(promotion: Promotion) -> Guards:
    """What the adapter's clips cost, beside its opponent's, and how far it moved from it."""
    adapter, opponent = promotion.adapter, promotion.opponent
    made, rival = (_clips_of(arm) for arm in promotion.test.arms.order_by("position"))
    measured = measure(
        made=made,
        rival=rival,
        base=adapter.base_model.spec(),
        adapter=adapter_spec(adapter),
        opponent=adapter_spec(opponent) if opponent else None,
    )
    return replace(measured, used_before=used_by(opponent))


def used_by(adapter: Adapter | None) -> dict[str, float]:
    """What of the guards the adapter used up against its base model, by the last test that measured it, or else by that
    of the nearest it goes on from: what no test measured counts as nothing.
    """
    for each in [adapter, *_ancestors(adapter)] if adapter else []:
        measured = each.promotions.exclude(guards={}).order_by("-decided_at").first()
        if measured is not None:
            return Guards.from_mapping(measured.guards).used_with()
    return {}


def _clips_of(arm: Arm) -> list[AudioSample]:
    clips = AudioSample.objects.filter(job__arm_job__arm=arm, deleted_at__isnull=True, job__deleted_at__isnull=True)
    return list(clips.select_related("job__prompt").order_by("job__seed", "index"))


def _objections(promotion: Promotion, duel: Duel) -> list[str]:
    """What the votes say against a promotion, in sentences; empty when nothing does."""
    found = []
    likelier = evidence(promotion.test)
    if likelier < WANTED:
        found.append(
            gettext_noop("The votes are %(ratio)s evidence that it is better; %(wanted)s is wanted.")
            % {"ratio": _ratio(likelier), "wanted": _ratio(WANTED)}
        )
    if duel.rate.claim != Claim.BETTER:
        found.append(
            gettext_noop("The win rate's interval (%(interval)s) does not clear 50 %%. %(sentence)s")
            % {"interval": duel.interval, "sentence": duel.sentence}
        )
    votes = trusted_votes(promotion.test.trials.counted())
    if votes.filter(rater__rater_profile__kind=RaterProfile.Kind.SYNTHETIC).exists():
        found.append(
            gettext_noop("Its votes are a program's: they show that training works, and choose no default for people.")
        )
    default = Adapter.objects.default_of(promotion.adapter.base_model)
    if default is not None and default != promotion.opponent and default not in _ancestors(promotion.adapter):
        found.append(
            gettext_noop("“%(label)s” is the default and was not compared with it. Make a listening test of the two.")
            % {"label": default.label}
        )
    return found


def _ratio(likelier: float) -> str:
    return f"{likelier:,.0f} to 1" if likelier >= 1 else "no"


def _ancestors(adapter: Adapter) -> list[Adapter]:
    """Parent, its parent and so on."""
    found: list[Adapter] = []
    parent = adapter.parent
    while parent is not None and parent not in found:
        found.append(parent)
        parent = parent.parent
    return found
