"""Throwing requests at the API over HTTP and judging the answers: what the schema allows, what it forbids, garbage.

Examples and counter-examples of every operation come from schemathesis; most ids are exchanged for those of things that
exist, so that requests get past the first look-up.
"""

from __future__ import annotations

import contextlib
import random
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import HypothesisException
from schemathesis.errors import SchemathesisError

API = "/api/"
KINDS = ("examples", "counter-examples", "garbage")
SHAPE = {"code", "detail", "fields"}
LONGEST_ERROR = 20_000
RANGE_NOT_SATISFIABLE = 416

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND")
CONTENT_TYPES = (
    "application/json",
    "application/json; charset=utf-7",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "text/plain",
    ";;",
    "x" * 300,
)
WORDS = (
    "",
    " ",
    "-1",
    "0",
    "1e400",
    "NaN",
    "null",
    "\x00",
    "%00",
    "💥",
    "\u202e",
    "x" * 3000,
    "..",
    "'\"<>",
    "9" * 400,
)
BODIES: tuple[bytes, ...] = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b'{"text": NaN}',
    b'{"seed": ' + b"9" * 5000 + b"}",
    b'{"text": "\\ud800"}',
    b'{"prompt": "a\\u0000b", "text": "a\\u0000b", "name": "a\\u0000b"}',
    b"--x\r\nContent-Disposition: form-data\r\n\r\nhello\r\n--x--",
    b"--x\r\nbroken",
    b"\x00" * 3_000_000,
)
HEADERS = (
    "Accept",
    "Range",
    "If-None-Match",
    "If-Modified-Since",
    "Idempotency-Key",
    "Accept-Language",
    "Cookie",
    "Host",
)


@dataclass(slots=True)
class Tally:
    """Answers by kind of request; `faults` are server errors, no answers, and errors outside of the one shape."""

    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    faults: list[str] = field(default_factory=list)
    server_errors: int = 0
    outside: int = 0

    @property
    def requests(self) -> int:
        return sum(counter.total() for counter in self.statuses.values())


class Chunks:
    """A body that is sent in chunks, without its length."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return iter([self._body])


class Thrower:
    """Sends requests with a valid key to the studio at `url` and keeps the tally."""

    def __init__(self, url: str, key: str, number: int = 0) -> None:
        self.url = url
        self.tally = Tally()
        self._seed = number
        self._chance = random.Random(number)
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Api-Key {key}"
        raw = self._session.get(f"{url}/api/schema/?format=json", timeout=60).json()
        self._operations = [found.ok() for found in schemathesis.openapi.from_dict(raw).get_all_operations()]
        self._ids = self._existing()

    def throw(self, count: int) -> Tally:
        """A quarter examples, a quarter counter-examples where there are so many, the rest garbage.

        With fewer requests than operations, some of these get neither.
        """
        each = max(1, count // 4 // len(self._operations))
        for operation in self._chance.sample(self._operations, min(len(self._operations), count // 4)):
            self._throw_cases(operation, schemathesis.GenerationMode.POSITIVE, each, KINDS[0])
            self._throw_cases(operation, schemathesis.GenerationMode.NEGATIVE, each, KINDS[1])
        while self.tally.requests < count:
            self._send(self._garbage(), KINDS[2])
        return self.tally

    def _throw_cases(self, operation: Any, mode: Any, count: int, kind: str) -> None:
        quiet = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}

        @seed(self._seed)
        @settings(max_examples=count, phases=[Phase.generate], verbosity=Verbosity.quiet, **quiet)
        @given(operation.as_strategy(generation_mode=mode))
        def throw(case: Any) -> None:
            if case.path_parameters and self._chance.random() < 0.7:
                case.path_parameters.update(self._known_path(operation.path, case.path_parameters))
            if self._chance.random() < 0.7:
                case.body = self._with_known_ids(case.body)
            arguments = case.as_transport_kwargs(base_url=self.url)
            arguments["headers"].pop("Authorization", None)  # ours is the one that is valid
            self._send({name: value for name, value in arguments.items() if value is not None}, kind)

        with contextlib.suppress(SchemathesisError, HypothesisException):  # without input there is no counter-example
            throw()

    # -- what exists --------------------------------------------------------------------------------------------------

    def _existing(self) -> dict[str, list[str]]:
        """Ids by the first part of the address, as the lists tell them."""
        found: dict[str, list[str]] = {}
        for operation in self._operations:
            if operation.method == "get" and "{" not in operation.path and operation.path.count("/") == 4:
                answer = self._session.get(self.url + operation.path, timeout=60).json()
                rows = answer.get("results", []) if isinstance(answer, dict) else []
                known = [str(row.get("key") or row.get("id")) for row in rows if isinstance(row, dict)]
                found[operation.path.split("/")[3]] = known
        return found

    def _known_path(self, path: str, parameters: dict[str, Any]) -> dict[str, Any]:
        known = self._ids.get(path.split("/")[3])
        return {name: self._chance.choice(known) for name in parameters if known and name in ("id", "key")}

    def _with_known_ids(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self._with_known_ids(item, str(key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._with_known_ids(item, name) for item in value]
        return self._chance.choice(self._candidates(name)) if _is_uuid(value) else value

    def _candidates(self, name: str) -> list[str]:
        bare = re.sub(r"(^source_|_[ab]$|s$)", "", name)
        fitting = self._ids.get({"sample": "audio", "test": "listening-tests"}.get(bare, f"{bare}s"))
        return fitting or [known for ids in self._ids.values() for known in ids]

    # -- garbage ------------------------------------------------------------------------------------------------------

    def _garbage(self) -> dict[str, Any]:
        chance = self._chance
        operation = chance.choice(self._operations)
        path = re.sub(r"\{\w+\}", lambda _: self._some_id(operation.path), operation.path)
        path = chance.choice(
            [path, path, path, path.rstrip("/"), path + chance.choice(WORDS), f"{API}{chance.choice(WORDS)}"]
        )
        headers = {"Content-Type": chance.choice(CONTENT_TYPES)} | self._headers()
        names = [parameter.name for parameter in operation.query] + ["page", "page_size", "ordering", "format", "ids"]
        query = [(chance.choice(names), chance.choice(WORDS)) for _ in range(chance.randrange(4))]
        method = chance.choice((operation.method.upper(), operation.method.upper(), chance.choice(METHODS)))
        body: Any = chance.choice(BODIES)
        if chance.random() < 0.05:
            body = Chunks(body or b"x")
        return {"method": method, "url": self.url + path, "params": query, "headers": headers, "data": body}

    def _some_id(self, path: str) -> str:
        known = self._ids.get(path.split("/")[3]) or [str(uuid.uuid4())]
        return self._chance.choice(
            [self._chance.choice(known), self._chance.choice(WORDS).replace("\x00", "%00") or "x"]
        )

    def _headers(self) -> dict[str, str]:
        if self._chance.random() < 0.6:
            return {}
        value = self._chance.choice(
            ["", "x" * 300, "é", "bytes=9-1", "*/*;q=x", "text/xml", '"', "a=b; " * 100, "x" * 9000]
        )
        return {self._chance.choice(HEADERS): value.encode("latin1").decode("latin1")}

    # -- sending and judging ------------------------------------------------------------------------------------------

    def _send(self, arguments: dict[str, Any], kind: str) -> None:
        try:
            answer = self._answer(arguments)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError, ValueError):
            return  # cannot be sent by any client
        except requests.RequestException as error:
            self.tally.statuses[kind][0] += 1
            self.tally.server_errors += 1
            self.tally.faults.append(f"no answer ({type(error).__name__}): {_told(arguments)}")
            return
        self.tally.statuses[kind][answer.status_code] += 1
        self._judge(answer, arguments)
        answer.close()

    def _answer(self, arguments: dict[str, Any]) -> requests.Response:
        """What the studio says, at the second attempt if need be: a kept connection may just have been closed."""
        options = {"allow_redirects": False, "timeout": 60}
        try:
            return self._session.request(**arguments, **options)
        except requests.ConnectionError:
            self._session.close()
            return self._session.request(**arguments, **options)

    def _judge(self, answer: requests.Response, arguments: dict[str, Any]) -> None:
        if answer.status_code >= 500:
            self.tally.server_errors += 1
            self.tally.faults.append(f"{answer.status_code}: {_told(arguments)}")
        is_error = answer.status_code >= 400 and answer.status_code != RANGE_NOT_SATISFIABLE
        is_judged = answer.request.path_url.startswith(API) and answer.request.method != "HEAD"
        if is_error and is_judged and not _in_shape(answer):
            self.tally.outside += 1
            self.tally.faults.append(f"{answer.status_code} {answer.content[:100]!r}: {_told(arguments)}")


def rows_to_throw_at() -> None:
    """One of most things, for `manage.py shell` in the studio that is thrown at."""
    from django.contrib.auth import get_user_model

    from feedback.tests.factories import RatingFactory, TrialFactory
    from generation.tests.factories import AudioSampleFactory, GenerationJobFactory
    from prompts.tests.factories import PromptFactory, PromptSuiteFactory, PromptTemplateFactory

    owner = get_user_model().objects.get(username="studio")
    sample = AudioSampleFactory(job=GenerationJobFactory(completed=True, requested_by=owner))
    AudioSampleFactory(job=sample.job)
    RatingFactory(sample=sample)
    TrialFactory()
    PromptFactory(author=owner)
    PromptTemplateFactory()
    PromptSuiteFactory()


def _in_shape(answer: requests.Response) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    if not isinstance(body, dict) or not {"code", "detail"} <= set(body) <= SHAPE:
        return False
    return isinstance(body["detail"], str) and bool(body["detail"]) and len(answer.content) < LONGEST_ERROR


def _is_uuid(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) is not None


def _told(arguments: dict[str, Any]) -> str:
    """The request, short enough to be read and whole enough to be sent again."""
    parts = {name: value for name, value in arguments.items() if name not in ("url", "method") and value}
    return f"{arguments['method']} {arguments['url'][-200:]} {str(parts)[:600]}"


def lines(tally: Tally) -> Iterator[str]:
    """A table of answers by kind of request."""
    yield f"{'kind':<18}{'requests':>9}{'2xx':>7}{'3xx':>7}{'4xx':>7}{'5xx':>7}{'none':>7}"
    for kind in KINDS:
        statuses = tally.statuses[kind]
        classes = [sum(count for status, count in statuses.items() if status // 100 == c) for c in (2, 3, 4, 5, 0)]
        yield f"{kind:<18}{statuses.total():>9}" + "".join(f"{count:>7}" for count in classes)
