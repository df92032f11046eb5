"""The one shape of API errors: a code for machines, a sentence for people, the fields at fault.

{"code": "invalid", "detail": "Tempo must be a whole number from 40 to 200 BPM, not 20.",
 "fields": {"tempo": ["Tempo must be ..."]}}
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from text2song.api.throttles import give_back_submission
from text2song.exceptions import DomainError
from text2song.outages import Outage, outage_behind

log = structlog.get_logger(__name__)

API_PREFIX = "/api/"
LONGEST_MESSAGE = 1000


class ErrorSerializer(serializers.Serializer):
    """The error shape, for the OpenAPI schema."""

    code = serializers.CharField()
    detail = serializers.CharField()
    fields = serializers.DictField(child=serializers.ListField(child=serializers.CharField()), required=False)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what a view raised into the error shape; None lets an unexpected error become a logged 500."""
    headers: dict[str, str] = {}
    if isinstance(error, DomainError):
        answer = _domain_error(error, headers)
    elif isinstance(error, DjangoValidationError):
        answer = _invalid(_django_fields(error))
    elif isinstance(error, exceptions.ValidationError):
        answer = _invalid(_flatten(error.detail))
    elif isinstance(error, Http404):
        answer = 404, {"code": "not_found", "detail": "There is nothing with this id here."}
    elif isinstance(error, PermissionDenied):
        answer = 403, {"code": "permission_denied", "detail": "You may not do this."}
    elif isinstance(error, RequestDataTooBig):
        limit = f"{settings.DATA_UPLOAD_MAX_MEMORY_SIZE / 1e6:g} MB"
        answer = 413, {"code": "body_too_large", "detail": f"The request body is over the limit of {limit}."}
    elif isinstance(error, exceptions.APIException):
        answer = _api_error(error, headers, context.get("request"))
    elif (outage := outage_behind(error)) is not None:
        answer = _outage(outage, headers)
    else:
        return None
    set_rollback()
    give_back_submission(context.get("request"))
    return Response(_sayable(answer[1]), status=answer[0], headers=headers)


def _sayable(value: Any) -> Any:
    """What a caller sent may be echoed in a message: cut to a readable length, and free of what cannot be encoded."""
    if isinstance(value, dict):
        return {_sayable(key): _sayable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_sayable(item) for item in value]
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}…"


def _domain_error(error: DomainError, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    if retry_after := getattr(error, "retry_after", None):
        headers["Retry-After"] = str(retry_after)
    body: dict[str, Any] = {"code": error.code, "detail": error.message}
    return error.status, body | ({"fields": error.fields} if error.fields else {})


def _outage(outage: Outage, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    log.exception(outage.code)
    headers["Retry-After"] = str(outage.retry_after)
    return status.HTTP_503_SERVICE_UNAVAILABLE, {"code": outage.code, "detail": outage.sentence}


def _api_error(
    error: exceptions.APIException, headers: dict[str, str], request: Request | None
) -> tuple[int, dict[str, Any]]:
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    detail = str(error.detail)
    if isinstance(error, exceptions.Throttled):
        headers["Retry-After"] = str(max(1, int(error.wait or 1)))
        limit = getattr(request, "passed_limit", "reached")
        detail = f"Too many requests: the limit is {limit}. Try again in {headers['Retry-After']} s."
    code = error.get_codes()
    return error.status_code, {"code": code if isinstance(code, str) else "error", "detail": detail}


def _invalid(fields: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
    detail = " ".join(message for messages in fields.values() for message in messages)
    named = {name: messages for name, messages in fields.items() if name != "non_field_errors"}
    body: dict[str, Any] = {"code": "invalid", "detail": detail}
    return status.HTTP_400_BAD_REQUEST, body | ({"fields": named} if named else {})


def _django_fields(error: DjangoValidationError) -> dict[str, list[str]]:
    if hasattr(error, "error_dict"):
        fields = error.message_dict
        general = {"non_field_errors": fields.pop("__all__")} if "__all__" in fields else {}
        return general | {name: [_named(name, message) for message in messages] for name, messages in fields.items()}
    return {"non_field_errors": error.messages}


def _flatten(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Nested serializer errors as `{"items.0.text": [...]}`; messages name their field where they would not else."""
    if isinstance(detail, dict):
        flat: dict[str, list[str]] = {}
        for key, value in detail.items():
            flat |= _flatten(value, f"{path}.{key}" if path else str(key))
        return flat
    if isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        flat = {}
        for index, value in enumerate(detail):
            flat |= _flatten(value, f"{path}.{index}" if path else str(index))
        return flat
    messages = [str(item) for item in (detail if isinstance(detail, list) else [detail])]
    return {path or "non_field_errors": [_named(path, message) for message in messages]}


def _named(path: str, message: str) -> str:
    """The message, after its field's name where it does not say which field it is about."""
    spoken = path.rpartition(".")[2].replace("_", " ")
    return message if spoken in message.lower().replace("_", " ") else f"{path}: {message}"


@csrf_exempt
def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """For API addresses no route knows, whatever is sent there."""
    return error_answer(404, "not_found", f"There is no endpoint at {request.path}.")


def error_answer(status: int, code: str, sentence: str) -> JsonResponse:
    """The error shape outside of REST framework's views."""
    return _json({"code": code, "detail": sentence}, status)


def _json(body: dict[str, Any], status: int) -> JsonResponse:
    return JsonResponse(_sayable(body), status=status, json_dumps_params={"ensure_ascii": False})


SENTENCES = {
    400: "The request cannot be read: its address, host, headers or body are malformed.",
    403: "You may not do this.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    500: "The studio hit an error and has written it to its log. Try again; tell whoever runs it when it happened.",
}


def in_shape(response: HttpResponse) -> JsonResponse:
    """An error that something else than the API has answered, said in the API's shape; its headers are kept."""
    phrase = HTTPStatus(response.status_code).phrase
    code = {400: "bad_request", 403: "permission_denied", 500: "server_error"}.get(response.status_code)
    said = getattr(response, "data", None)  # REST framework's, in another media type than JSON
    if not (isinstance(said, dict) and {"code", "detail"} <= set(said)):
        code = code or phrase.lower().replace(" ", "_").replace("-", "_")
        said = {"code": code, "detail": SENTENCES.get(response.status_code, f"{phrase}.")}
    answer = _json(said, response.status_code)
    for name, value in response.items():
        if name not in ("Content-Type", "Content-Length"):
            answer[name] = value
    return answer
