"""What people do with generation. Pages, API, admin and commands call these; the actor is always named."""

from generation.services.base_models import (
    activate_model,
    add_folder_model,
    cancel_fetch,
    model_for,
    remove_model,
    request_fetch,
)
from generation.services.collections import (
    change_collection,
    collect,
    collection_samples,
    make_collection,
    move,
    reorder,
)
from generation.services.deletion import (
    delete_collection,
    delete_samples,
    purge_deletions,
    take_out,
    undo_deletion,
)
from generation.services.encoders import activate_encoder, add_encoder, deactivate_encoder, remove_encoder
from generation.services.favorites import add_favorite, add_favorites, annotate_favorite, toggle_favorite
from generation.services.jobs import cancel_job, delete_job, requeue_job, retry_job
from generation.services.music import make_music
from generation.services.samples import delete_sample, extend_sample, rename_sample, vary_sample
from generation.services.set_aside import forget_set_aside, keep_sample
from generation.services.shares import note_opening, revoke_link, revoke_links, share, shareable, shared_samples

__all__ = [
    "activate_encoder",
    "activate_model",
    "add_encoder",
    "add_favorite",
    "add_favorites",
    "add_folder_model",
    "annotate_favorite",
    "cancel_fetch",
    "cancel_job",
    "change_collection",
    "collect",
    "collection_samples",
    "deactivate_encoder",
    "delete_collection",
    "delete_job",
    "delete_sample",
    "delete_samples",
    "extend_sample",
    "forget_set_aside",
    "keep_sample",
    "make_collection",
    "make_music",
    "model_for",
    "move",
    "note_opening",
    "purge_deletions",
    "remove_encoder",
    "remove_model",
    "rename_sample",
    "reorder",
    "request_fetch",
    "requeue_job",
    "retry_job",
    "revoke_link",
    "revoke_links",
    "share",
    "shareable",
    "shared_samples",
    "take_out",
    "toggle_favorite",
    "undo_deletion",
    "vary_sample",
]
