"""Audio encoders: added from folders of this machine, listened with or not, and removed; by curators."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from generation.base_models.encoder_folder import EncoderFacts, encoder_revision, inspect_encoder_folder
from generation.base_models.folder import BrokenModelFolder
from generation.exceptions import EncoderExists, ModelFolderRefused
from generation.models import ClipFeatures, Encoder, HearingFailure
from generation.services.base_models import curators_only, free_key
from text2song.queue import enqueue
from text2song.retelling import retold


def add_encoder(*, path: str, actor: User, display_name: str = "") -> Encoder:
    """Register a local folder that `transformers` loads; clips are heard with it from now on, old ones in idle time.

    Only configurations and weights are read, and nothing is run. Raises `Forbidden`, `ModelFolderRefused` with what is
    wrong in it, `EncoderExists`, `ValidationError`.
    """
    curators_only(actor)
    if not Path(path).is_absolute():
        raise ModelFolderRefused(
            gettext("Give the folder's absolute path."), fields={"path": [gettext("Give the absolute path.")]}
        )
    try:
        folder = Path(path).resolve()
        facts, revision = inspect_encoder_folder(folder), encoder_revision(folder)
    except (BrokenModelFolder, OSError, ValueError) as error:
        reason = retold(str(error)) if isinstance(error, BrokenModelFolder) else gettext("The folder cannot be read.")
        raise ModelFolderRefused(reason, fields={"path": [reason]}) from error
    return _listed(folder, facts, revision, display_name.strip() or Path(path).name)


def _listed(folder: Path, facts: EncoderFacts, revision: str, name: str) -> Encoder:
    _refuse_twice(revision)
    encoder = Encoder(
        key=free_key(Encoder, name, "encoder"),
        display_name=name,
        path=str(folder),
        architecture=facts.architecture,
        sample_rate=facts.sample_rate,
        size=facts.size,
        licence=facts.licence,
        revision=revision,
    )
    encoder.full_clean()
    try:
        with transaction.atomic():
            encoder.save(force_insert=True)
            _hear_old_clips(encoder)
    except IntegrityError:
        _refuse_twice(revision)
        raise
    return encoder


def _refuse_twice(revision: str) -> None:
    there = Encoder.objects.filter(revision=revision).first()
    if there is not None:
        raise EncoderExists(there.display_name, there.path)


def activate_encoder(*, encoder: Encoder, actor: User) -> None:
    """Listen with it, also where a worker could not load it before. Raises `Forbidden`."""
    curators_only(actor)
    with transaction.atomic():
        encoder.activate()
        _hear_old_clips(encoder)


def deactivate_encoder(*, encoder: Encoder, actor: User) -> None:
    """Hear no further clips with it; what it heard stays. Raises `Forbidden`."""
    curators_only(actor)
    encoder.deactivate()


def remove_encoder(*, encoder: Encoder, actor: User) -> None:
    """Forget the encoder and what it heard; its files stay where they are. Raises `Forbidden`.

    Scores of tastes that listened with it stay; they score no further clips.
    """
    curators_only(actor)
    with transaction.atomic():
        # Whoever stores what it heard holds the same lock: nothing of it is stored after this.
        list(Encoder.objects.select_for_update().filter(pk=encoder.pk))
        ClipFeatures.objects.filter(kind=encoder.kind).delete()
        HearingFailure.objects.filter(kind=encoder.kind).delete()
        encoder.delete()


def _hear_old_clips(encoder: Encoder) -> None:
    """Wake a worker for them. Should it not wake, the next job's worker hears them."""
    enqueue("generation.tasks.hear_clips", encoder.pk, cluster="generation")
