"""What people do with generation. Pages, API, admin and commands call these; the actor is always named."""

from generation.services.base_models import (
    activate_model,
    add_folder_model,
    cancel_fetch,
    model_for,
    remove_model,
    request_fetch,
)
from generation.services.encoders import activate_encoder, add_encoder, deactivate_encoder, remove_encoder
from generation.services.favorites import add_favorite, annotate_favorite, toggle_favorite
from generation.services.jobs import cancel_job, delete_job, requeue_job, retry_job
from generation.services.music import make_music
from generation.services.samples import delete_sample, extend_sample, vary_sample
from generation.services.set_aside import forget_set_aside, keep_sample

__all__ = [
    "activate_encoder",
    "activate_model",
    "add_encoder",
    "add_favorite",
    "add_folder_model",
    "annotate_favorite",
    "cancel_fetch",
    "cancel_job",
    "deactivate_encoder",
    "delete_job",
    "delete_sample",
    "extend_sample",
    "forget_set_aside",
    "keep_sample",
    "make_music",
    "model_for",
    "remove_encoder",
    "remove_model",
    "request_fetch",
    "requeue_job",
    "retry_job",
    "toggle_favorite",
    "vary_sample",
]
