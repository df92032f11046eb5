"""What can go wrong in training, as sentences that say what to change."""

from __future__ import annotations


class TrainingError(Exception):
    """A run that cannot go on; its message may be shown to users as it stands."""
