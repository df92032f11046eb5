"""The curators' desk for feedback, one module a subject."""

from feedback.admin import judgements, vocabulary  # noqa: F401
from feedback.listening_tests import admin as listening_tests  # noqa: F401
