"""What a worker does to fit a taste: hear the clips, fit, try, keep the files, list it, and score every clip."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.utils.translation import gettext_noop

from adapters.models import Taste
from feedback.models import RaterProfile
from generation.jobs.hearing import features_of, hear, kinds_for, kinds_of, score
from generation.models import AudioSample, ClipFeatures
from generation.sound.taste import join_all
from text2song.exceptions import DomainError
from text2song.outages import write_refused
from text2song.work import patiently, raise_if_stopping
from training.exceptions import NoTaste
from training.models import TasteFit
from training.tastes.votes import Said, spec_of, votes_in, votes_of

if TYPE_CHECKING:
    from generation.engine import EngineCache
    from training.trainer.taste import Fitted, Report, Share

SCORED_AT_ONCE = 500
ALMOST_ALL = 0.9
"""Of the clips that were judged, how many must have all kinds that a taste reads: votes on the others are lost."""


def fit_waiting(engines: EngineCache, worker: str) -> None:
    """Fit every taste that waits."""
    while fit := TasteFit.objects.claim_next(worker):
        run_fit(fit, engines)


def run_fit(fit: TasteFit, engines: EngineCache) -> None:
    """Fit a claimed taste to its end: completed with a taste, or failed with a sentence and nothing half-made."""
    fit.perform(lambda fit: _fit(fit, engines), sentence_for)


def sentence_for(error: Exception) -> str:
    """What the owner of a fit is told of an error."""
    if isinstance(error, DomainError):
        return error.message
    return write_refused(error, TasteFit.BROKEN)


def _fit(fit: TasteFit, engines: EngineCache) -> None:
    from training.trainer.taste import fit as fit_votes
    from training.trainer.votes import NothingToLearn, Vote

    said = votes_in(fit.dataset) if fit.dataset else votes_of(spec_of(fit.filters, fit.base_model.key))
    if not said:
        raise NoTaste(
            gettext_noop(
                "Nobody has compared or rated clips of this model that fit. Judge some under Listen first. Not counted "
                "are raters who are excluded, and those whose reliability is 0."
            )
        )
    features, kinds, kinds_left_out = _heard(fit, said, engines)
    usable = [vote for vote in said if vote.left in features and vote.right in features]
    if not usable:
        raise NoTaste(
            gettext_noop("None of the clips that were judged can be read any more: their audio or codes are gone.")
        )
    places = {pk: place for place, pk in enumerate(features)}
    votes = [
        Vote(places[v.left], places[v.right], (1 + v.lead) / 2, v.prompt, v.rater, v.weight, v.groups) for v in usable
    ]
    sizes = [(kind, len(next(iter(features.values()))[kind])) for kind in kinds]
    raise_if_stopping()
    try:
        fitted = fit_votes(join_all(kinds, list(features.values())), sizes, votes, seed=fit.seed)
    except NothingToLearn as error:
        raise NoTaste(str(error)) from error
    taste = _keep(fit, fitted, {"left_out": len(said) - len(usable), "kinds_left_out": kinds_left_out})
    score_all(taste)


def _heard(
    fit: TasteFit, said: Sequence[Said], engines: EngineCache
) -> tuple[dict[UUID, dict[str, Any]], list[str], list[dict[str, Any]]]:
    """Features of the clips that were judged, their kinds, and the kinds that too few clips have."""
    ids = list(dict.fromkeys(pk for vote in said for pk in (vote.left, vote.right)))
    kinds = kinds_for(fit.base_model)
    samples = AudioSample.objects.filter(pk__in=ids, job__base_model=fit.base_model)
    have = features_of(ids, kinds)
    missing = samples.exclude(pk__in=list(have)).select_related("job__base_model")
    hear(list(missing), engines)
    found = kinds_of(samples.values_list("pk", flat=True))
    kept = in_common(list(found.values()), kinds)
    left_out = [
        {"kind": kind, "clips": sum(kind in of for of in found.values()), "of": len(ids)}
        for kind in kinds
        if kind not in kept
    ]
    return features_of(list(found), kept), kept, left_out


def in_common(clips: Sequence[Collection[str]], kinds: Sequence[str]) -> list[str]:
    """Those of `kinds` that almost all of the clips have together, in their order, by the kinds that each clip has.

    As long as too few have all of them, the kind that the fewest have is given up, of several the last. The first is
    never: it is heard of every clip that can be read.
    """
    kept = list(kinds)
    counts = {kind: sum(kind in of for of in clips) for kind in kinds}
    while len(kept) > 1 and sum(all(kind in of for kind in kept) for of in clips) < ALMOST_ALL * counts[kinds[0]]:
        kept.remove(min(reversed(kept[1:]), key=counts.__getitem__))
    return kept


def _keep(fit: TasteFit, fitted: Fitted, told: Mapping[str, Any]) -> Taste:
    """Store the files, then list the taste as the next version of its name; all of it or nothing.

    `told` goes into its report: `left_out` counts votes that could not be used, `kinds_left_out` names features.
    """
    content = fitted.heads.to_bytes()
    taste = Taste(
        name=fit.name,
        base_model=fit.base_model,
        base_revision=fit.base_model.revision,
        filters=fit.chosen_by,
        refit_every=fit.refit_every,
        created_by=fit.created_by,
        sha256=hashlib.sha256(content).hexdigest(),
        described=fitted.heads.to_mapping(),
        report={**to_mapping(fitted.report), **told, "consistency": _consistency(fit)},
        votes=fitted.report.votes,
        is_usable=fitted.report.is_usable,
    )
    taste.weights.save(f"{fit.claimed_name('weights')}.safetensors", ContentFile(content), save=False)
    try:
        patiently(lambda: _list(fit, taste))
    except BaseException:
        taste.weights.delete(save=False)
        raise
    return taste


def _list(fit: TasteFit, taste: Taste) -> None:
    with fit.held():
        newest = Taste.objects.filter(name=fit.name).order_by("-version").first()
        taste.version = newest.version + 1 if newest else 1
        taste.save(force_insert=True)
        fit.complete(taste=taste)


def score_all(taste: Taste) -> int:
    """Score every clip of its base model that was heard; returns how many."""
    heard = ClipFeatures.objects.filter(kind=taste.kinds[0], sample__job__base_model=taste.base_model_id)
    ids = list(heard.order_by().values_list("sample", flat=True))
    return sum(score(taste, ids[start : start + SCORED_AT_ONCE]) for start in range(0, len(ids), SCORED_AT_ONCE))


def _consistency(fit: TasteFit) -> dict[str, float] | None:
    """How often the rater gave a hidden repeat the same answer: no taste can foretell somebody better than that."""
    raters = fit.filters.get("raters", [])
    if len(raters) != 1:
        return None
    profile = RaterProfile.objects.filter(user__username=raters[0]).first()
    evidence = profile.evidence if profile else {}
    if not evidence.get("repeats"):
        return None
    return {"same": evidence["repeats_same"], "repeats": evidence["repeats"]}


def to_mapping(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "votes": report.votes,
        "prompts": report.prompts,
        "raters": report.raters,
        "accuracy": _share(report.accuracy),
        "lower": report.lower,
        "wealth": min(report.wealth, 1e300),
        "votes_wanted": report.votes_wanted,
        "penalty": report.penalty,
        "calibration_error": report.calibration_error,
        "groups": {name: _share(share) for name, share in report.groups.items()},
        "by_rater": {str(rater): _share(share) for rater, share in report.by_rater.items()},
        "agreements": [
            {"rater": str(each.rater), "other": str(each.other), **_share(each.share)} for each in report.agreements
        ],
    }


def _share(share: Share) -> Mapping[str, Any]:
    return {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in asdict(share).items()}
