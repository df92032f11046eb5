"""The OpenAPI schema is a promise: schemathesis finds nothing that the API does otherwise."""

from __future__ import annotations

import re

import pytest

from text2song.tests.contract import keep_contract

pytestmark = [pytest.mark.worker, pytest.mark.slow]


def test_the_api_keeps_what_its_schema_promises(tmp_path):
    run = keep_contract(tmp_path, phases="examples,fuzzing", examples=5, seconds=500)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    cases = int(re.search(r"(\d+) generated", run.stdout)[1])
    assert cases > 600, run.stdout[-3_000:]
