"""What pages cost: with many clips whoever looks at them, with many votes the database.

    .venv/bin/python -m bench.pages [--json FILE] --clips 2400 10000     as told in `bench.looks`
    .venv/bin/python -m bench.pages [--json FILE] [--votes 20000 200000]

The file of figures names the machine. With votes, the studio is that of `bench.datasets`: a throw-away one on a
PostgreSQL of its own, two clips to seven votes, all votes of one rater. Each page is fetched twice, in a process that
runs nothing else, as that rater, as a newcomer and as a curator; told are the queries, the seconds of the second time
and how many of them the database took.

**Measured** (two cores, shared with other work): at 20,000 votes every page takes at most 0.3 s, the statistics of the
API 0.8 s; at 200,000 votes on 57,000 clips every page at most 1.6 s, the statistics 4 to 8 s.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import looks
from bench.datasets import run_step, studio

PAGES = {
    "overview": "/",
    "library": "/library/",
    "library, not judged": "/library/?feedback=not_mine",
    "jobs": "/jobs/",
    "prompts": "/prompts/",
    "listening queue": "/listen/",
    "feedback": "/feedback/",
    "datasets": "/datasets/",
    "new dataset": "/datasets/new/",
    "leaderboard": "/leaderboard/",
    "statistics (API)": "/api/v1/feedback/stats/",
}
HEADER = f"{'votes':>8}  {'page':<22}{'reader':<10}{'queries':>8}{'seconds':>9}{'database':>9}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--votes", nargs="+", type=int, default=[20_000, 200_000])
    parser.add_argument("--clips", nargs="+", type=int, help="look at pages of a studio with so many clips instead")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(fetch_all()))
        return
    figures = _looked_at(options.clips) if options.clips else _with_votes(options.votes)
    if options.json:
        content = {"machine": looks.machine(), "pages": figures}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _looked_at(sizes: list[int]) -> list[dict[str, Any]]:
    print(looks.machine(), looks.HEADER, sep="\n")
    figures = []
    for clips in sizes:
        for page in looks.measure(clips):
            figures.append(page)
            print(looks.line(page), flush=True)
    return figures


def _with_votes(sizes: list[int]) -> list[dict[str, Any]]:
    print(HEADER)
    figures = []
    for votes in sizes:
        with studio() as environment:
            for name in ("migrate", "fill"):
                run_step(name, votes, environment)
            command = [sys.executable, "-m", "bench.pages", "--inside"]
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        for line in json.loads(done.stdout.splitlines()[-1]):
            figures.append({"votes": votes, **line})
            print(_line(figures[-1]), flush=True)
    return figures


def _line(figures: dict[str, Any]) -> str:
    where = f"{figures['votes']:>8}  {figures['page']:<22}{figures['reader']:<10}{figures['queries']:>8}"
    return f"{where}{figures['seconds']:>9.2f}{figures['database']:>9.2f}"


def fetch_all() -> list[dict[str, Any]]:
    """Every page as every reader, in this process."""
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client
    from django.test.utils import setup_test_environment

    setup_test_environment()
    call_command("collectstatic", interactive=False, verbosity=0)
    users = get_user_model().objects
    readers = (users.get(username="rater"), users.create(username="newcomer"), users.create_superuser("curator"))
    lines = []
    for reader in readers:
        client = Client()
        client.force_login(reader)
        for page, address in PAGES.items():
            fetch(client, address)
            lines.append({"page": page, "reader": reader.username, **fetch(client, address)})
    return lines


def fetch(client: Any, address: str) -> dict[str, Any]:
    """What one request costs."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    began = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    seconds = time.perf_counter() - began
    if answer.status_code != 200:
        raise SystemExit(f"{address} answered {answer.status_code}.")
    database = sum(float(query["time"]) for query in queries.captured_queries)
    return {"queries": len(queries), "seconds": seconds, "database": database}


if __name__ == "__main__":
    main()
