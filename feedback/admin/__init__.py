"""The curators' desk for feedback, one module a subject."""

from feedback.admin import listening_tests  # noqa: F401
