"""Fitting tastes, fitting them anew, and deleting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext

from adapters.models import Taste
from adapters.models.tastes import DATASET
from datasets_app.building.filters import FilterSpec
from datasets_app.exceptions import DatasetNotReady
from datasets_app.models import Dataset
from datasets_app.report.telling import require_answers
from generation.models import BaseModel
from generation.services import model_for
from text2song.exceptions import Conflict, Forbidden, NotFound, Refused
from text2song.workers import presence
from training.exceptions import FitIsRunning
from training.models import TasteFit
from training.models.tastes import MOST_REFIT


def fit_taste(
    *,
    actor: User | None,
    name: str,
    raters: Sequence[str] = (),
    filters: Mapping[str, Any] | None = None,
    dataset: Dataset | None = None,
    base_model: BaseModel | str | None = None,
    refit_every: int = 0,
    seed: int = 0,
    now: bool = False,
) -> TasteFit:
    """Store a fit and wake a worker; with `now` it is done here, by a process that has a presence.

    `raters` (user names) are whose taste it is, everybody's without. People may learn from their own votes and from
    everybody's; only curators from those of others, by further `filters` or from a dataset. A name that is taken by
    tastes of the same votes gets the next version, if the actor may change these; it stays its maker's. Raises
    `Forbidden`, `Refused`, `ValidationError` (name), `InvalidFilters`, `DatasetNotReady`, `FitIsRunning`, `Conflict` (a
    name of other votes), `UnknownModel`, `ModelNotReady`.
    """
    model = base_model if isinstance(base_model, BaseModel) else model_for(base_model)
    chosen = {**(filters or {}), **({"raters": list(raters)} if raters else {})}
    _require_may_learn(actor, chosen, dataset)
    spec = FilterSpec.from_mapping(chosen, Dataset.Kind.PREFERENCE)
    if spec.taste:
        message = gettext("A taste learns from what people said, never from what another taste labelled.")
        raise Refused(message, fields={"taste": [message]})
    stored = spec.to_mapping()
    if dataset is not None:
        _require_votes(actor, dataset, chosen, refit_every)
    if refit_every > MOST_REFIT:
        message = gettext("Say how many new votes, from 0 (never) to %(most_refit)s.") % {"most_refit": MOST_REFIT}
        raise Refused(message, fields={"refit_every": [message]})
    fit = TasteFit(
        name=name.strip(),
        base_model=model,
        filters=stored,
        dataset=dataset,
        refit_every=refit_every,
        seed=seed,
        created_by=actor,
    )
    fit.full_clean(exclude=["created_by", "filters", "dataset"], validate_constraints=False)
    if earlier := _earlier(fit, actor):
        fit.created_by = earlier.created_by
    model.spec()  # raises when the files are not here
    if now:
        with presence("command") as worker:
            fit.be_claimed(worker)
            _store(fit)
            _run_here(fit)
        return fit
    _store(fit, wake=True)
    return fit


def fit_again(*, actor: User | None, taste: Taste, now: bool = False) -> TasteFit:
    """Fit a taste anew on the votes that there are by now: a new version of it, its maker's as before.

    Raises as `fit_taste` does, and `NotFound` when its dataset is gone.
    """
    if actor is not None and not may_change(actor, taste):
        raise Forbidden(gettext("Only the person who made a taste, or a curator, can fit it anew."))
    return fit_taste(
        actor=actor,
        name=taste.name,
        filters={} if taste.is_of_dataset else taste.filters,
        dataset=dataset_of(taste) if taste.is_of_dataset else None,
        base_model=taste.base_model,
        refit_every=taste.refit_every,
        now=now,
    )


def dataset_of(taste: Taste) -> Dataset:
    """The dataset it learned from. Raises `NotFound` when it was deleted since."""
    dataset = Dataset.objects.visible().filter(pk=taste.filters[DATASET]).first()
    if dataset is None:
        raise NotFound(
            gettext("The dataset that “%(taste_name)s” learned from was deleted. Learn a taste from another one.")
            % {"taste_name": taste.name}
        )
    return dataset


def delete_taste(*, actor: User, taste: Taste) -> None:
    """Hide all versions of a taste; what it labelled stays labelled. Raises `Forbidden` and `NotFound`."""
    if not may_change(actor, taste):
        raise Forbidden(gettext("Only the person who made a taste, or a curator, can delete it."))
    if not Taste.objects.visible().filter(name=taste.name).update(deleted_at=timezone.now()):
        raise NotFound(gettext("This taste is deleted already."))


def may_change(user: User, taste: Taste) -> bool:
    """Whether `user` may fit it anew or delete it: who made it, and curators."""
    return bool(user.is_staff or (taste.created_by_id is not None and taste.created_by_id == user.pk))


def _require_may_learn(actor: User | None, filters: Mapping[str, Any], dataset: Dataset | None) -> None:
    if actor is None or actor.is_staff:
        return
    others = set(filters) - {"raters"} or filters.get("raters", []) not in ([], [actor.get_username()])
    if dataset is not None or others:
        raise Forbidden(
            gettext("You can learn a taste from your own votes, or from everybody's. Curators can choose others.")
        )


def _require_votes(actor: User | None, dataset: Dataset, filters: Mapping[str, Any], refit_every: int) -> None:
    require_answers(actor, dataset)
    if filters:
        message = gettext("A dataset's rows are taken as they are: choose a dataset, or raters, but not both.")
        raise Refused(message, fields={"dataset": [message]})
    if dataset.kind != Dataset.Kind.PREFERENCE:
        message = gettext("A taste learns from comparisons: choose a preference dataset.")
        raise Refused(message, fields={"dataset": [message]})
    if not dataset.is_ready:
        raise DatasetNotReady(dataset.name, dataset.state)
    if refit_every:
        message = gettext("A dataset never changes, so there are no new votes to fit it anew on: say 0.")
        raise Refused(message, fields={"refit_every": [message]})


def _earlier(fit: TasteFit, actor: User | None) -> Taste | None:
    """The newest taste of its name, if one is left; the actor may make the next version.

    A name stands for one taste, even when it was deleted: what it labelled stays labelled, and somebody else's votes
    under it would be a surprise to whoever uses it.
    """
    versions = Taste.objects.filter(name=fit.name).order_by("-version")
    last = versions.select_related("created_by").first()
    if last is None:
        return None
    if (last.filters, last.base_model_id) != (fit.chosen_by, fit.base_model_id):
        told = actor is None or actor.is_staff or last.is_of(actor) or not (last.is_of_dataset or last.raters)
        of_whom = f" ({last.whose}, {last.base_model.display_name})" if told else ""
        message = gettext("“%(fit_name)s” is the taste of other votes%(of_whom)s. Choose another name.") % {
            "fit_name": fit.name,
            "of_whom": of_whom,
        }
        raise Conflict(message, fields={"name": [message]})
    newest = versions.visible().select_related("created_by").first()
    if newest and actor is not None and not may_change(actor, newest):
        message = gettext("“%(fit_name)s” was made by somebody else. Choose another name.") % {"fit_name": fit.name}
        raise Conflict(message, fields={"name": [message]})
    return newest


def _store(fit: TasteFit, *, wake: bool = False) -> None:
    try:
        with transaction.atomic():
            fit.save(force_insert=True)
            if wake:
                fit.wake_worker()
    except IntegrityError as error:
        if TasteFit.objects.unfinished().filter(name=fit.name).exists():
            raise FitIsRunning(fit.name) from error
        raise


def _run_here(fit: TasteFit) -> None:
    from generation.engine import EngineCache
    from training.tastes.fitting import run_fit

    engines = EngineCache()
    try:
        run_fit(fit, engines)
    finally:
        engines.clear()
