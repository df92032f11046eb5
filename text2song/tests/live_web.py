"""The web process alone, served by gunicorn as in production, with no workers behind it."""

from __future__ import annotations

import httpx

from text2song.tests.live import ROOT, LiveStudio, wait_until

__all__ = ["ROOT", "LiveWeb"]


class LiveWeb(LiveStudio):
    """As `LiveStudio`, but only the web process is started. `key` is a key of the first user's, a curator."""

    key: str

    def __enter__(self) -> LiveWeb:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.manage("setup")
        self.key = self.manage("create_api_key", "studio", "--name", "tests").strip().splitlines()[-1]
        try:
            self.start("web", "-m", "gunicorn", "text2song.wsgi:application")
            wait_until(self._is_ready, 60, f"the start of the web process (log in {self.folder})")
        except BaseException:
            self.__exit__()
            raise
        self.api = httpx.Client(base_url=f"{self.url}/api/v1", headers=self.authorization, timeout=30)
        return self

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Api-Key {self.key}"}

    def log(self) -> str:
        """What the web process has written so far."""
        return (self.folder / "web.log").read_text()

    def _is_ready(self) -> bool:
        if self.processes["web"].poll() is not None:
            raise RuntimeError(f"the web process ended:\n{self.log()[-3000:]}")
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False
