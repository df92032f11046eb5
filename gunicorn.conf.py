"""How the web process is served. PORT and HOST come from the environment."""

import os
import signal
import threading
import time

from gunicorn.arbiter import Arbiter

host = os.environ.get("HOST", "127.0.0.1")
port = os.environ.get("PORT", "8000")

bind = f"{host}:{port}"
workers = int(os.environ.get("WEB_WORKERS", "1"))
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60
graceful_timeout = 5
control_socket_disable = True
accesslog = None
loglevel = "warning"


def when_ready(server: Arbiter) -> None:
    """Say where to go, once there is somewhere to go."""
    shown = "localhost" if host in {"127.0.0.1", "0.0.0.0"} else host
    if "SUPERVISOR_ENABLED" in os.environ:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    print(f"\n  Text2Song Studio is ready:  http://{shown}:{port}/  (stop with Ctrl-C)\n", flush=True)  # noqa: T201


def _end_with(parent: int) -> None:
    """End when what started this process is gone, rather than hold the port as an orphan."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
