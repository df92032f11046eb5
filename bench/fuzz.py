"""Whether the API answers anything with a server error, or an error outside of its one shape: it should not.

    .venv/bin/python -m bench.fuzz [--requests 5000] [--seed 0] [--json FILE]

Starts the web process on a throw-away data folder and throws requests at it with a valid key of a curator's: examples
and counter-examples of every operation in the OpenAPI schema (schemathesis), and garbage. Ends with 1 on any fault.

**Measured** (two cores, shared with much other work; SQLite, seed 0):

    kind               requests    2xx    3xx    4xx    5xx   none
    examples               1143    217      0    926      0      0
    counter-examples       1035     51      0    984      0      0
    garbage                2822    101     12   2709      0      0

    0 server errors, 0 errors outside of the shape, in 362 s
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from text2song.tests.fuzzing import Tally, Thrower, lines
from text2song.tests.live_web import LiveWeb

NO_LIMITS = {"API_RATE": "1000000/s", "API_GENERATE_RATE": "1000000/s", "MAX_ACTIVE_JOBS_PER_USER": "1000000"}
ROWS = "from text2song.tests.fuzzing import rows_to_throw_at; rows_to_throw_at()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    began = time.perf_counter()
    tally = measure(options.requests, options.seed)
    figures = summary(tally, options.seed, time.perf_counter() - began)
    print("\n".join(lines(tally)))
    print(
        f"\n{figures['server_errors']} server errors, {figures['outside_the_shape']} errors outside of the shape, "
        f"in {figures['seconds']:.0f} s on {figures['machine']}"
    )
    print("\n".join(tally.faults))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    sys.exit(bool(tally.faults))


def measure(count: int, number: int) -> Tally:
    """Throw `count` requests at a studio of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="studio-fuzz-") as folder,
        LiveWeb(Path(folder), LOG_LEVEL="ERROR", **NO_LIMITS) as studio,
    ):
        studio.manage("shell", "--no-imports", "-c", ROWS)
        return Thrower(studio.url, studio.key, number).throw(count)


def summary(tally: Tally, number: int, seconds: float) -> dict[str, Any]:
    """The figures with what is needed to compare them later."""
    return {
        "machine": f"{os.cpu_count()} × {platform.processor() or platform.machine()}",
        "seed": number,
        "seconds": round(seconds, 1),
        "requests": tally.requests,
        "server_errors": tally.server_errors,
        "outside_the_shape": tally.outside,
        "statuses": {kind: dict(sorted(counter.items())) for kind, counter in tally.statuses.items()},
        "faults": tally.faults,
    }


if __name__ == "__main__":
    main()
