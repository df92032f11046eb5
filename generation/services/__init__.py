"""What people do with generation. Pages, API, admin and commands call these; the actor is always named."""

from generation.services.jobs import (
    build_job,
    cancel_job,
    delete_job,
    delete_sample,
    extend_sample,
    first_of_key,
    job_of_key,
    lock_submissions,
    model_for,
    requeue_job,
    retry_job,
    submit_job,
    vary_sample,
)

__all__ = [
    "build_job",
    "cancel_job",
    "delete_job",
    "delete_sample",
    "extend_sample",
    "first_of_key",
    "job_of_key",
    "lock_submissions",
    "model_for",
    "requeue_job",
    "retry_job",
    "submit_job",
    "vary_sample",
]
