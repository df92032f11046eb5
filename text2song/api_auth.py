"""Who calls the API, and whether their key may do this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticated
from rest_framework.request import Request

from text2song.models import ApiKey

if TYPE_CHECKING:
    # The views import their authentication classes from here.
    from rest_framework.views import APIView


class ApiKeyAuthentication(TokenAuthentication):
    """`Authorization: Api-Key <key>`; a revoked or expired key is refused with 401."""

    def validate_user(self, auth_token: ApiKey) -> tuple[Any, ApiKey]:
        user, key = super().validate_user(auth_token)
        key.mark_used()
        return user, key


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "text2song.api_auth.ApiKeyAuthentication"
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

    message = "This API key lacks the scope for that. Make a key with the scope “write”."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        if not isinstance(request.auth, ApiKey):
            return True
        needed = ApiKey.READ if request.method in SAFE_METHODS else ApiKey.WRITE
        return needed in request.auth.scopes


class IsCurator(BasePermission):
    """Staff: they manage models, system templates and suites."""

    message = "Only curators can do this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user and request.user.is_staff)
