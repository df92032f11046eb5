"""Rounds that have come some way."""

from __future__ import annotations

from typing import Any

import pytest

from training.models import Round
from training.rounds.tests.factories import begun, fitted, judge, make_clips


@pytest.fixture
def judged(user: Any) -> Round:
    return judge(make_clips(begun(user)))


@pytest.fixture
def understood(judged: Round) -> Round:
    """Its taste is usable and its dataset waits to be built."""
    return fitted(judged)
