"""The whole studio as real processes on a data folder of its own, run as `make run` runs them: by supervisor."""

from __future__ import annotations

import atexit
import contextlib
import functools
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "listen-closely"
READY_SECONDS = 120
SERVERS = {"DATABASE_URL", "S3_BUCKET"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int, process: subprocess.Popen[Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with exit code {process.returncode}")
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")


def wait_until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll `condition` until it is true; returns its value, raises `TimeoutError` naming `what`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not happen within {seconds} s")


@functools.cache
def _once_set_up() -> Path:
    """The data folder of a studio that never ran: to set one up takes half a minute."""
    folder = tempfile.mkdtemp(prefix="studio-set-up-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    studio = LiveStudio(Path(folder))
    studio.manage("setup")
    return Path(studio.environment["STUDIO_DATA_DIR"])


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
            "STUDIO_USER": getpass.getuser(),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            "API_RATE": "6000/min",
            **environment,
        }
        self.supervisor: subprocess.Popen[bytes] | None = None
        self.api: httpx.Client

    def __enter__(self) -> LiveStudio:
        self.set_up()
        try:
            self.start()
            wait_until(self.is_ready, READY_SECONDS, f"the studio's start (log in {self.log})")
            key = self.manage("create_api_key", "studio", "--name", "tests").strip().splitlines()[-1]
            self.api = httpx.Client(
                base_url=f"{self.url}/api/v1", headers={"Authorization": f"Api-Key {key}"}, timeout=30
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Everything ends at once."""
        if self.supervisor is None:
            return
        everything = [self.supervisor.pid, *(child.pid for child in self.processes())]
        for pid in everything:
            _send(pid, signal.SIGKILL)
        self.supervisor.wait(timeout=20)

    @property
    def log(self) -> Path:
        return self.folder / "studio.log"

    def set_up(self) -> None:
        """By `manage.py setup`; where everything lies in the data folder, by a copy of one that was set up so."""
        data = Path(self.environment["STUDIO_DATA_DIR"])
        self.folder.mkdir(parents=True, exist_ok=True)
        if data.exists() or SERVERS & self.environment.keys():
            self.manage("setup")
        else:
            shutil.copytree(_once_set_up(), data)

    def start(self) -> None:
        """As `make run` does after its installation."""
        self.supervisor = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", "supervisord.conf"],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def stop(self, number: int = signal.SIGTERM, seconds: float = 40) -> None:
        """End everything as Ctrl-C or a service manager does, and wait for it."""
        assert self.supervisor is not None
        everything = self.processes()
        self.supervisor.send_signal(number)
        self.supervisor.wait(timeout=seconds)
        _, alive = psutil.wait_procs(everything, timeout=5)
        assert not alive, f"left running: {alive}"
        self.supervisor = None

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a command of `manage.py`; returns what it printed on stdout."""
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

    # -- processes ---------------------------------------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """All that supervisor has started, and their children."""
        assert self.supervisor is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.supervisor.pid).children(recursive=True)
        return []

    def main(self, cluster: str) -> psutil.Process | None:
        """The main process of a cluster, or of "web", if it runs."""
        assert self.supervisor is not None
        for process in psutil.Process(self.supervisor.pid).children():
            with contextlib.suppress(psutil.Error):
                is_web = any("gunicorn" in part for part in process.cmdline())
                if cluster == ("web" if is_web else process.environ().get("Q_CLUSTER_NAME")):
                    return process
        return None

    def tree(self, cluster: str = "generation") -> dict[str, psutil.Process]:
        """The processes of a cluster that is complete: main, worker, monitor, pusher; empty while it is not."""
        main = self.main(cluster)
        with contextlib.suppress(psutil.Error):
            children = sorted(main.children(), key=lambda child: child.pid) if main else []
            if main and len(children) == 3:
                return {"main": main, **dict(zip(("worker", "monitor", "pusher"), children, strict=True))}
        return {}

    def kill(self, part: str, cluster: str = "generation", number: int = signal.SIGKILL) -> int:
        """Send a signal to one process of a cluster, "worker" or another; returns its pid."""
        pid = wait_until(lambda: self.tree(cluster), 60, f"a whole cluster {cluster}")[part].pid
        _send(pid, number)
        return pid

    def kill_cluster(self, cluster: str = "generation") -> None:
        """SIGKILL all processes of a cluster at once, as a machine does that loses its power."""
        for process in wait_until(lambda: self.tree(cluster), 60, f"a whole cluster {cluster}").values():
            _send(process.pid, signal.SIGKILL)

    def queue_check(self) -> dict[str, Any]:
        """What /readyz says of the workers."""
        return httpx.get(f"{self.url}/readyz", timeout=10).json()["checks"]["queue"]

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

    def is_ready(self) -> bool:
        if self.supervisor is None or self.supervisor.poll() is not None:
            raise RuntimeError(f"the studio ended:\n{self.log.read_text()[-3000:]}")
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
