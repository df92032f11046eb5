"""Base models: found by key; and for curators, made the active one, added from folders, fetched, removed."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.utils.text import slugify
from django.utils.translation import gettext

from generation.base_models.catalogue import known_model
from generation.base_models.folder import BrokenModelFolder, content_revision, inspect_model_folder
from generation.exceptions import FetchInProgress, ModelExists, ModelFolderRefused, ModelInUse, UnknownModel
from generation.models import BaseModel, GenerationJob, ModelFetch
from generation.specs import ModelFacts
from text2song.exceptions import Forbidden, Refused
from text2song.retelling import retold


def model_for(key: str | None) -> BaseModel:
    """The base model called `key`, or the active one; an unknown key is refused with the known ones."""
    models = {model.key: model for model in BaseModel.objects.all()}
    if key:
        if key not in models:
            raise UnknownModel(key, sorted(models))
        return models[key]
    active = next((model for model in models.values() if model.is_active), None)
    if active is None:
        raise UnknownModel(gettext("(none active)"), sorted(models))
    return active


def activate_model(*, model: BaseModel, actor: User) -> None:
    """Make `model` the one new jobs use. Raises `ModelNotReady` when its files are missing."""
    curators_only(actor)
    model.activate()


def add_folder_model(
    *,
    path: str,
    actor: User,
    display_name: str = "",
    max_duration: int | None = None,
    of_its_own: bool = False,
) -> BaseModel:
    """Register a local folder in MusicGen's format; a broken one is refused with what is wrong in it.

    A folder with the sizes of a known hub model whose files are not here becomes that model, and `display_name` is not
    used; `of_its_own` says that it is another one, such as a fine-tuned one. `max_duration` may be shorter than the
    window the folder names, never longer. Raises `ModelFolderRefused`, `ModelExists`.
    """
    curators_only(actor)
    if not Path(path).is_absolute():
        raise ModelFolderRefused(
            gettext("Give the folder's absolute path."), fields={"path": [gettext("Give the absolute path.")]}
        )
    try:
        folder = Path(path).resolve()
        facts, revision = inspect_model_folder(folder), content_revision(folder)
    except (BrokenModelFolder, OSError) as error:
        reason = retold(str(error)) if isinstance(error, BrokenModelFolder) else gettext("The folder cannot be read.")
        raise ModelFolderRefused(reason, fields={"path": [reason]}) from error
    _refuse_fetched(known_model(facts.architecture), revision)
    window = max(1, int(facts.max_duration))
    max_duration = min(max_duration or window, window)
    with transaction.atomic():
        _refuse_twice(folder, revision)
        known = known_model(facts.architecture)
        if known is not None and not known.is_ready and not of_its_own:
            known.take_copy(folder, revision, max_duration)
            return known
        return _new_model(folder, facts, revision, display_name.strip() or Path(path).name, max_duration)


def _refuse_fetched(known: BaseModel | None, revision: str) -> None:
    """Raise `ModelExists` when the hub's files of `known` are here, and are of this content."""
    if known is None or known.copy_path or not known.is_ready:
        return
    try:
        fetched = content_revision(known.folder)
    except (BrokenModelFolder, OSError):
        return
    if fetched == revision:
        raise ModelExists(known.display_name, str(known.folder), removable=known.is_removable)


def _refuse_twice(folder: Path, revision: str) -> None:
    """Raise `ModelExists` when a model has this folder, or its content.

    Whoever adds one at the same moment waits until the transaction ends, and then sees what it added.
    """
    list(BaseModel.objects.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    for model in BaseModel.objects.all():
        if model.is_ready and (model.revision == revision or model.folder == folder):
            raise ModelExists(model.display_name, str(model.folder), removable=model.is_removable)


def _new_model(folder: Path, facts: ModelFacts, revision: str, name: str, max_duration: int) -> BaseModel:
    model = BaseModel(
        key=free_key(BaseModel, name, "model"),
        display_name=name,
        source=BaseModel.Source.FOLDER,
        location=str(folder),
        hub_revision="",
        family=facts.family,
        description="Added from a local folder.",
        sample_rate=facts.sample_rate,
        channels=facts.channels,
        codebooks=facts.codebooks,
        frame_rate=facts.frame_rate,
        max_duration=max_duration,
        recommended_duration=min(10, max_duration),
        memory_gb=round(2 * facts.weights_bytes / 1e9 + 0.3, 1),
        quality=15,
        revision=revision,
    )
    model.full_clean()
    model.save(force_insert=True)
    return model


def remove_model(*, model: BaseModel, actor: User) -> None:
    """Remove a model added from a folder that nothing needs; its files stay where they are.

    A known hub model that the folder had become is listed still, as one whose files are not here.
    """
    curators_only(actor)
    if not model.is_removable:
        raise Refused(gettext("Only models added from a local folder can be removed."))
    if model.is_active:
        raise ModelInUse(
            gettext("%(model_display_name)s is the active model. Make another one active first.")
            % {"model_display_name": model.display_name}
        )
    unfinished = model.jobs.filter(state__in=GenerationJob.UNFINISHED).count()
    if unfinished:
        raise ModelInUse(
            gettext("%(model_display_name)s has %(unfinished)s unfinished jobs. Wait for them, or cancel them.")
            % {"model_display_name": model.display_name, "unfinished": unfinished}
        )
    if model.copy_path:
        model.forget_copy()
        return
    if model.jobs.exists():
        raise ModelInUse(
            gettext("%(model_display_name)s made samples that are kept, so its entry has to stay.")
            % {"model_display_name": model.display_name}
        )
    model.delete()


def request_fetch(*, model: BaseModel, actor: User) -> ModelFetch:
    """Queue the fetching of a hub model's files. Raises `FetchInProgress` while one is under way."""
    curators_only(actor)
    if model.source != BaseModel.Source.HUB:
        raise Refused(
            gettext("%(model_display_name)s is not a hub model; there is nothing to fetch.")
            % {"model_display_name": model.display_name}
        )
    if model.is_ready:
        raise Refused(
            gettext("The files of %(model_display_name)s are here already.")
            % {"model_display_name": model.display_name}
        )
    try:
        with transaction.atomic():
            fetch = ModelFetch.objects.create(base_model=model, requested_by=actor)
            fetch.wake_worker()
    except IntegrityError as error:
        active = model.fetches.unfinished().first()
        raise FetchInProgress(model.display_name, active.percent if active else 0) from error
    return fetch


def cancel_fetch(*, fetch: ModelFetch, actor: User) -> None:
    """Stop a fetch; what is here already is kept for the next one."""
    curators_only(actor)
    fetch.cancel()


def free_key(model: type[models.Model], name: str, otherwise: str) -> str:
    """A key made of `name` that no row of `model` has; of `otherwise` for a name without letters."""
    base = slugify(name)[:70] or otherwise
    key, number = base, 2
    while model._default_manager.filter(key=key).exists():
        key, number = f"{base}-{number}", number + 1
    return key


def curators_only(actor: User) -> None:
    """Raise `Forbidden` for others."""
    if not actor.is_staff:
        raise Forbidden(gettext("Only curators can change models."))
