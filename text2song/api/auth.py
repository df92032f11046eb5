"""Who calls the API, and whether their key may do this."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticated
from rest_framework.request import Request

from text2song.models import ApiKey

if TYPE_CHECKING:
    # The views import their authentication classes from here.
    from rest_framework.views import APIView

KEY_CHARACTERS = re.compile(rb"[!-~]+")
"""Anything else in a key cannot be one, and some of it cannot be looked up either."""


class ApiKeyAuthentication(TokenAuthentication):
    """`Authorization: Api-Key <key>`; a wrong, revoked or expired key is refused with 401."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, ApiKey]:
        try:
            if not KEY_CHARACTERS.fullmatch(token):
                raise AuthenticationFailed
            return super().authenticate_credentials(token)
        except AuthenticationFailed as error:
            raise AuthenticationFailed("This API key is not valid: it is wrong, expired or revoked.") from error

    def validate_user(self, auth_token: ApiKey) -> tuple[Any, ApiKey]:
        user, key = super().validate_user(auth_token)
        key.mark_used()
        return user, key


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "text2song.api.auth.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Api-Key <key>`; make one with `manage.py create_api_key <user> --name <name>`.",
        }


class IsSignedInWithScope(IsAuthenticated):
    """Signed in, and a key has the scope the method needs: "read" for safe methods, "write" for the others."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        if not isinstance(request.auth, ApiKey):
            return True
        needed = ApiKey.READ if request.method in SAFE_METHODS else ApiKey.WRITE
        self.message = f"This API key lacks the scope “{needed}”. Make a key that has it."
        return needed in request.auth.scopes


class IsCurator(BasePermission):
    """Staff: they manage models, system templates and suites."""

    message = "Only curators can do this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user and request.user.is_staff)
