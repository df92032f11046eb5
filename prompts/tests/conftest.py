"""Callers of the API: a session of an ordinary user, of a second one, and of a curator."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from text2song.tests.factories import UserFactory


def signed_in(user: Any) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


@pytest.fixture
def api(user: Any) -> APIClient:
    return signed_in(user)


@pytest.fixture
def other_user(db: None) -> Any:
    return UserFactory(username="olga")


@pytest.fixture
def other_api(other_user: Any) -> APIClient:
    return signed_in(other_user)


@pytest.fixture
def curator_api(curator: Any) -> APIClient:
    return signed_in(curator)
