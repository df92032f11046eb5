"""`make run` starts everything under supervisor: it says where to go, and Ctrl-C leaves nothing running."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from text2song.tests.live import LiveStudio, wait_until

pytestmark = pytest.mark.worker


def test_ctrl_c_stops_everything(tmp_path: Path):
    studio = LiveStudio(tmp_path)
    studio.set_up()
    studio.start()
    try:
        wait_until(studio.is_ready, 120, f"start (see {studio.log})")
        assert len(studio.processes()) == 14, "web and its worker; three clusters of four"
        studio.stop(signal.SIGINT, seconds=20)
    finally:
        studio.__exit__()
    said = studio.log.read_text()
    assert f"http://localhost:{studio.port}/" in said
    assert "Traceback" not in said
    assert "SIGKILL" not in said, "every process ended by itself"


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path):
    studio = LiveStudio(tmp_path)
    studio.set_up()
    studio.start()
    wait_until(studio.is_ready, 120, f"start (see {studio.log})")
    everything = studio.processes()
    assert studio.supervisor is not None
    os.kill(studio.supervisor.pid, signal.SIGKILL)
    studio.supervisor.wait()
    _, alive = psutil.wait_procs(everything, timeout=30)
    assert not alive


def test_setup_can_be_run_again_and_keeps_the_password(tmp_path: Path):
    studio = LiveStudio(tmp_path, STUDIO_PASSWORD="")
    first = studio.manage("setup")
    assert "password" in first
    again = studio.manage("setup")
    assert "password" not in again
