"""The command: runs faults one after the other, prints a line for each figure, and ends with 1 where one is amiss."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import bench.faults
from bench.faults import clients, disk, outages, processes, restarts
from bench.faults.figures import HEADER, Fault, Line

FAULTS: dict[str, Fault] = {
    "kills": processes.kills,
    "idle": processes.idle,
    "paused": processes.paused,
    "restarts": restarts.restarts,
    "postgres": outages.postgres,
    "s3": outages.s3,
    "redis": outages.redis,
    "clients": clients.clients,
    "disk": disk.disk,
}


def main() -> int:
    options = _options()
    print(HEADER, flush=True)
    lines = []
    for name in options.names or FAULTS:
        for line in _lines(name, options.short):
            print(line, flush=True)
            lines.append(line)
    if options.json:
        write_json(options.json, lines, options.short)
    return 0 if all(line.ok for line in lines) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=bench.faults.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*FAULTS, []], metavar="name", help=", ".join(FAULTS))
    parser.add_argument("--short", action="store_true", help="smaller sizes")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


def _lines(name: str, short: bool) -> Iterator[Line]:
    """The lines of a fault; one that breaks off is a line too."""
    began = time.monotonic()
    try:
        yield from FAULTS[name](short)
    except Exception as error:
        traceback.print_exc()
        yield Line(name, f"broke off: {error}"[:60], type(error).__name__, "the end", False)
    yield Line(name, "seconds it took", time.monotonic() - began)


def write_json(target: Path, lines: list[Line], short: bool) -> None:
    """The figures with what is needed to compare them later."""
    machine = {"cpus": os.cpu_count(), "processor": platform.processor() or platform.machine()}
    content = {**machine, "short": short, "lines": [asdict(line) for line in lines]}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
