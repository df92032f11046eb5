"""Asking a studio whether its API keeps what its OpenAPI schema promises: schemathesis against a real web process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from text2song.tests import contract_checks
from text2song.tests.live_web import LiveWeb

NO_LIMITS = {"API_RATE": "1000000/s", "API_GENERATE_RATE": "1000000/s", "MAX_ACTIVE_JOBS_PER_USER": "1000000"}
LEFT_OUT = ("ignored_auth", "positive_data_acceptance")
"""The first takes the session's cookie for a key; of the second `contract_checks` is the form that knows rules."""


def keep_contract(
    folder: Path, *, phases: str, examples: int, seconds: int, seed: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run schemathesis with a full key; `returncode` 0 means nothing was found, `stdout` tells what was.

    `phases` are schemathesis's (examples, coverage, fuzzing), `examples` the cases of an operation in fuzzing.
    """
    with LiveWeb(folder, LOG_LEVEL="CRITICAL", **NO_LIMITS) as studio:
        studio.manage(
            "shell", "--no-imports", "-c", "from text2song.tests.fuzzing import rows_to_throw_at as make; make()"
        )
        return subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                *("run", f"{studio.url}/api/schema/?format=json", "--url", studio.url),
                *("--header", f"Authorization:Api-Key {studio.key}"),
                *("--phases", phases, "--max-examples", str(examples), "--seed", str(seed)),
                *("--exclude-checks", ",".join(LEFT_OUT), "--continue-on-failure", "--no-shrink", "--warnings", "off"),
                *("--generation-database", "none"),
            ],
            cwd=folder,
            env=os.environ | {"SCHEMATHESIS_HOOKS": contract_checks.__name__, "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
