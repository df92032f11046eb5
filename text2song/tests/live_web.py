"""The web process alone, served by gunicorn as in production, with no workers behind it."""

from __future__ import annotations

import subprocess
import sys

import httpx

from text2song.tests.live import ROOT, LiveStudio


class LiveWeb(LiveStudio):
    """As `LiveStudio`, but only the web process is started."""

    def start(self) -> None:
        self.supervisor = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "text2song.wsgi:application"],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def is_ready(self) -> bool:
        assert self.supervisor is not None
        if self.supervisor.poll() is not None:
            raise RuntimeError(f"the web process ended:\n{self.log.read_text()[-3000:]}")
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": self.api.headers["Authorization"]}

    @property
    def key(self) -> str:
        """An API key of the first user's, a curator."""
        return self.authorization["Authorization"].split()[1]
