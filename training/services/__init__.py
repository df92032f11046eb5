"""What people do with experiments and runs. Pages, API, admin and commands call these; the actor is always named."""

from training.services.defaults import set_training_defaults, starting_config
from training.services.experiments import (
    archive_experiment,
    create_experiment,
    may_change,
    unarchive_experiment,
    update_experiment,
)
from training.services.runs import cancel_run, create_run, delete_runs, resume_run, start_run

__all__ = [
    "archive_experiment",
    "cancel_run",
    "create_experiment",
    "create_run",
    "delete_runs",
    "may_change",
    "resume_run",
    "set_training_defaults",
    "start_run",
    "starting_config",
    "unarchive_experiment",
    "update_experiment",
]
