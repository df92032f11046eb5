"""The whole studio as real processes on a data folder of its own: web, queue and generation workers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "listen-closely"
READY_SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll `condition` until it is true; returns its value, raises `TimeoutError` naming `what`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not happen within {seconds} s")


class LiveStudio:
    """Started by `with`; every process and its children are gone at the end."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        dropped = ("DJANGO_SETTINGS_MODULE", "TEST_DATABASE", "DATABASE_URL", "SECRET_KEY", "LOG_LEVEL")
        inherited = {name: value for name, value in os.environ.items() if name not in dropped}
        self.environment = {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "text2song.settings",
            "STUDIO_ENV_FILE": os.devnull,
            "STUDIO_DATA_DIR": str(folder / "var"),
            "STUDIO_PASSWORD": PASSWORD,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            "API_RATE": "6000/min",
            **environment,
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.api: httpx.Client

    def __enter__(self) -> LiveStudio:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.manage("setup")
        try:
            self.start("web", "-m", "gunicorn", "text2song.wsgi:application")
            self.start_queue()
            self.start_generation()
            self.start_training()
            wait_until(self._is_ready, READY_SECONDS, f"the studio's start (logs in {self.folder})")
            key = self.manage("create_api_key", "studio", "--name", "tests").strip().splitlines()[-1]
            self.api = httpx.Client(
                base_url=f"{self.url}/api/v1", headers={"Authorization": f"Api-Key {key}"}, timeout=30
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for name in list(self.processes):
            self.stop(name)

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a manage.py command; returns what it printed on stdout."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        if check and done.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout if check else done.stdout + done.stderr

    def start_queue(self) -> None:
        self.start("queue", "manage.py", "qcluster", Q_CLUSTER_NAME="default")

    def start_generation(self) -> None:
        self.start("generation", "manage.py", "qcluster", Q_CLUSTER_NAME="generation")

    def start_training(self) -> None:
        self.start("training", "manage.py", "qcluster", Q_CLUSTER_NAME="training")

    def start(self, name: str, *arguments: str, **environment: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def stop(self, name: str) -> None:
        """End a process with everything it started, at once."""
        process = self.processes.pop(name)
        with_children = [process.pid, *(child.pid for child in self.children(process))]
        for pid in with_children:
            _send(pid, signal.SIGKILL)
        process.wait(timeout=20)

    def kill_worker(self, cluster: str = "generation") -> int:
        """SIGKILL the process that works, and only that one; its cluster starts another. Returns its pid."""
        pid = self.worker_pid(cluster)
        os.kill(pid, signal.SIGKILL)
        return pid

    def worker_pid(self, cluster: str = "generation") -> int:
        """The process that has announced itself as the cluster's worker."""
        script = (
            "from text2song.models import WorkerPresence as W;"
            f"print('\\n'.join(W.objects.alive().filter(cluster='{cluster}').values_list('name', flat=True)))"
        )
        names = self.manage("shell", "--no-imports", "-c", script).split()
        pids = [int(name.split(":")[1]) for name in names]
        return next(pid for pid in pids if psutil.pid_exists(pid))

    @staticmethod
    def children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        try:
            return psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def files(self) -> list[Path]:
        """Audio and codes stored so far (local storage)."""
        folder = self.folder / "var" / "media" / "samples"
        return sorted(folder.glob("*")) if folder.exists() else []

    # -- the API, as a script would use it ------------------------------------------------------------------------

    def generate(self, text: str, **settings: Any) -> dict[str, Any]:
        prompt = self.api.post("/prompts/", json={"text": text}).raise_for_status().json()
        answer = self.api.post("/generate/", json={"prompt": prompt["id"], **settings})
        assert answer.status_code == 202, answer.text
        return answer.json()

    def job(self, job_id: str) -> dict[str, Any]:
        return self.api.get(f"/generate/{job_id}/").raise_for_status().json()

    def wait_for(self, job_id: str, state: str, seconds: float = 180) -> dict[str, Any]:
        """Poll the job until it is in `state`; ending in another one is an error."""

        def reached() -> dict[str, Any] | None:
            job = self.job(job_id)
            if job["state"] == state:
                return job
            if job["state"] in {"completed", "failed", "cancelled"}:
                raise AssertionError(f"the job ended {job['state']}: {job}")
            return None

        return wait_until(reached, seconds, f"job state {state}")

    def _is_ready(self) -> bool:
        for name, process in self.processes.items():
            if process.poll() is not None:
                log = (self.folder / f"{name}.log").read_text()[-3000:]
                raise RuntimeError(f"{name} ended with {process.returncode}:\n{log}")
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
