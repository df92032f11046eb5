"""Examine the studio, and say what is wrong and how to mend it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from text2song.doctor.examination import Examined, carry_out, wait_briefly_for_the_database
from text2song.doctor.examinations import examinations
from text2song.doctor.finding import Finding, Level

WIDTH = 20
INDENT = " " * (9 + WIDTH)


class Command(BaseCommand):
    help = "Examine every part of the studio. Exit status: 0 when nothing is wrong (warnings count as well), else 1."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--deep", action="store_true", help="read model and adapter files in full, however long")
        parser.add_argument("--json", action="store_true", help="one JSON object, for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        wait_briefly_for_the_database()
        course = carry_out(examinations(deep=options["deep"]))
        report = list(course) if options["json"] else self._tell(course)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(report), indent=2, ensure_ascii=False))
        if any(examined.is_wrong for examined in report):
            sys.exit(1)

    def _tell(self, course: Iterable[Examined]) -> list[Examined]:
        """Write each as soon as it is known, and the sum at the end."""
        report = []
        for examined in course:
            report.append(examined)
            for finding in examined.findings:
                self._line(examined.subject, finding)
        levels = [finding.level for examined in report for finding in examined.findings]
        counts = f"{levels.count(Level.WRONG)} wrong, {levels.count(Level.WARNING)} warnings"
        self.stdout.write(f"\n{counts}, {levels.count(Level.OK)} well.")
        return report

    def _line(self, subject: str, finding: Finding) -> None:
        styles = {Level.OK: self.style.SUCCESS, Level.WARNING: self.style.WARNING, Level.WRONG: self.style.ERROR}
        level = styles[finding.level](f"{finding.level:9}")
        self.stdout.write(f"{level}{subject:{WIDTH}}{finding.found}")
        if finding.mend:
            self.stdout.write(f"{INDENT}{finding.mend}")
        self.stdout.flush()


def _as_json(report: list[Examined]) -> dict[str, Any]:
    findings = [
        {"subject": examined.subject, "level": finding.level, "found": finding.found, "mend": finding.mend}
        for examined in report
        for finding in examined.findings
    ]
    return {"well": not any(examined.is_wrong for examined in report), "findings": findings}
