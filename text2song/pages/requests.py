"""A request as pages get it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class StudioRequest(HttpRequest):
    """What the middleware makes of a request: somebody is signed in, and htmx says whether it wants a fragment.

    A page that is open to everybody takes a plain `HttpRequest`.
    """

    user: User
    htmx: HtmxDetails
