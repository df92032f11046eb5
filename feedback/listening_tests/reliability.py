"""How far a rater is trusted: evidence gathered from all their trials, weighed by `feedback.statistics.reliability`."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from feedback.listening_tests.access import profile_of
from feedback.listening_tests.services.trials import winner_of
from feedback.models import ClipPair, RaterProfile, Trial
from feedback.statistics.agreement import Judgement, pair_agreement
from feedback.statistics.reliability import Evidence, peer_reliability, reliability

DECIDED = (Trial.Choice.FIRST, Trial.Choice.SECOND)
Answers = dict[UUID, dict[int, str]]
"""Decided answers, "x" or "y", by pair and rater."""


def refresh_reliability(rater: User) -> RaterProfile:
    """Compute the rater's weight anew from everything they answered, and store it with what it rests on."""
    profile = profile_of(rater)
    others = _others_on_the_same_pairs(rater)
    judgements = [Judgement(who, pair, said) for pair, answers in others.items() for who, said in answers.items()]
    found = reliability(_evidence(rater, others), peer_reliability(pair_agreement(judgements)))
    bias = found.position_bias
    evidence = asdict(found.evidence) | {
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "first_share": bias.share,
        "is_biased": bias.is_biased,
    }
    changes = {"weight": found.weight, "evidence": evidence, "computed_at": timezone.now()}
    RaterProfile.objects.filter(pk=profile.pk).update(**changes)
    for name, value in changes.items():
        setattr(profile, name, value)
    return profile


def refresh_outdated() -> int:
    """Recompute raters in whose tests somebody has voted since; returns how many.

    A vote recomputes its own rater at once; others on the same pairs now agree or disagree with one more.
    """
    voted_since = Trial.objects.voted().filter(
        test__trials__rater=OuterRef("user"), voted_at__gt=OuterRef("computed_at")
    )
    outdated = RaterProfile.objects.filter(user__trials__voted_at__isnull=False)
    outdated = outdated.filter(Q(computed_at__isnull=True) | Exists(voted_since)).select_related("user").distinct()
    raters = [profile.user for profile in outdated]
    for rater in raters:
        refresh_reliability(rater)
    return len(raters)


def _evidence(rater: User, others: Answers) -> Evidence:
    mine = list(Trial.objects.voted().filter(rater=rater).select_related("pair", "repeat_of"))
    decided = [trial for trial in mine if trial.choice in DECIDED]
    repeats = [(trial, earlier) for trial in decided if (earlier := trial.repeat_of) and earlier.choice in DECIDED]
    gold = [trial for trial in mine if trial.pair.kind == ClipPair.Kind.GOLD]
    compared = [trial for trial in decided if not trial.is_control and _majority(others.get(trial.pair_id, {}))]
    return Evidence(
        repeats_same=sum(trial.winner == earlier.winner for trial, earlier in repeats),
        repeats=len(repeats),
        gold_right=sum(trial.winner == "x" for trial in gold),
        gold=len(gold),
        agreements=sum(trial.winner == _majority(others[trial.pair_id]) for trial in compared),
        comparisons=len(compared),
        first_chosen=sum(trial.choice == Trial.Choice.FIRST for trial in decided),
        second_chosen=sum(trial.choice == Trial.Choice.SECOND for trial in decided),
    )


def _others_on_the_same_pairs(rater: User) -> Answers:
    mine = Trial.objects.counted().filter(rater=rater).order_by().values("pair")
    rows = Trial.objects.counted().filter(pair__in=mine, choice__in=DECIDED, rater__isnull=False).exclude(rater=rater)
    answers: Answers = defaultdict(dict)
    for pair, who, choice, x_is_first in rows.order_by().values_list("pair", "rater", "choice", "x_is_first"):
        answers[pair][who] = winner_of(choice, x_is_first)
    return answers


def _majority(answers: dict[int, str]) -> str:
    """What most others said; "" when nobody did or they are split."""
    counts = Counter(answers.values())
    if counts["x"] == counts["y"]:
        return ""
    return "x" if counts["x"] > counts["y"] else "y"
