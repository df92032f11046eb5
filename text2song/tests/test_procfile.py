"""`make run` starts the Procfile with honcho: it says where to go, and Ctrl-C leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from text2song.tests.live import ROOT, LiveStudio, wait_until

pytestmark = pytest.mark.worker


def test_ctrl_c_stops_everything(tmp_path):
    studio = LiveStudio(tmp_path)
    studio.manage("setup")
    log = tmp_path / "honcho.log"
    environment = {**studio.environment, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "honcho", "start", "--no-prefix"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until(lambda: _ready(studio), 120, f"start (see {log})")
            started = psutil.Process(process.pid).children(recursive=True)
            assert len(started) >= 5, "web, two clusters and their workers"
            process.send_signal(signal.SIGINT)
            process.wait(timeout=20)
            _, alive = psutil.wait_procs(started, timeout=10)
            assert not alive
        finally:
            os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    said = log.read_text()
    assert f"http://localhost:{studio.port}/" in said
    assert "Traceback" not in said
    assert "SIGKILL" not in said, "every process ended by itself"


def test_setup_can_be_run_again_and_keeps_the_password(tmp_path):
    studio = LiveStudio(tmp_path, STUDIO_PASSWORD="")
    first = studio.manage("setup")
    assert "password" in first
    again = studio.manage("setup")
    assert "password" not in again


def _ready(studio: LiveStudio) -> bool:
    try:
        return httpx.get(f"{studio.url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
