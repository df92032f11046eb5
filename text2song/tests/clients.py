"""Callers of the API, for tests."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from rest_framework.test import APIClient

from text2song.models import ApiKey


def caller(user: User) -> APIClient:
    """A script of `user`'s, let in without a key."""
    client = APIClient()
    client.force_authenticate(user)
    return client


def caller_with_key(user: User, *scopes: str, **values: Any) -> APIClient:
    """A script that sends a real key of `user`'s."""
    _, key = ApiKey.objects.create(user=user, name=values.pop("name", "test"), scopes=list(scopes), **values)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client
