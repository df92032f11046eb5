"""Examining parts one after the other: each within its time, whatever happens to the others."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog
from django.db import connections

from text2song.doctor.finding import Finding, Level, in_words, warning, wrong

log = structlog.get_logger(__name__)

SECONDS = 10.0
"""What an examination may take unless it says otherwise: what has not answered by then hangs."""
CONNECT_SECONDS = 5
"""For the database to answer, or to give a lock: less than an examination has, so that the reason is told."""


@dataclass(frozen=True, slots=True)
class Examination:
    """One subject, how it is examined, and the subjects without which it cannot be."""

    subject: str
    examine: Callable[[], Iterable[Finding]]
    needs: tuple[str, ...] = ()
    seconds: float = SECONDS
    overdue: Finding | None = None
    """What its time running out means, where it does not mean that something hangs."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A subject and all that was found."""

    subject: str
    findings: list[Finding]

    @property
    def is_wrong(self) -> bool:
        return any(finding.level is Level.WRONG for finding in self.findings)


def carry_out(examinations: Iterable[Examination]) -> Iterator[Examined]:
    """Each in turn. What needs a subject that is wrong, or was not examined itself, is not examined."""
    out_of_reach: set[str] = set()
    for examination in examinations:
        missing = [subject for subject in examination.needs if subject in out_of_reach]
        if missing:
            findings = [warning(f"Not examined: {missing[0]} first has to be mended, or examined.", "")]
        else:
            findings = _in_time(examination)
        examined = Examined(examination.subject, findings)
        if missing or examined.is_wrong:
            out_of_reach.add(examination.subject)
        yield examined


def _in_time(examination: Examination) -> list[Finding]:
    """What it finds within its time. A thread that hangs is left behind; it ends with the process."""
    findings: list[Finding] = []
    thread = threading.Thread(target=_collect, args=(examination, findings), daemon=True)
    thread.start()
    thread.join(examination.seconds)
    if thread.is_alive():
        return [*findings, examination.overdue or _hangs(examination.seconds)]
    return findings


def _hangs(seconds: float) -> Finding:
    return wrong(
        f"It did not answer within {seconds:.0f} seconds.",
        "See what it waits for: network, disk, or another process that holds it.",
    )


def _collect(examination: Examination, findings: list[Finding]) -> None:
    try:
        findings.extend(examination.examine())
    except Exception as error:
        log.debug("examination_failed", subject=examination.subject, exc_info=True)
        sentence = f"Examining it failed: {type(error).__name__}: {in_words(error)}."
        findings.append(wrong(sentence, "LOG_LEVEL=DEBUG tells where."))
    finally:
        connections.close_all()


def wait_briefly_for_the_database() -> None:
    """Let this process wait a few seconds for a database that is away or locked, not minutes."""
    os.environ.setdefault("PGCONNECT_TIMEOUT", str(CONNECT_SECONDS))
    database = connections.settings["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"] = {**database["OPTIONS"], "timeout": CONNECT_SECONDS}
