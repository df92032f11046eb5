"""The curators' desk for feedback, one module a subject."""

from feedback.admin import judgements, listening_tests, vocabulary  # noqa: F401
