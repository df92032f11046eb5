"""How the web process is served. PORT and HOST come from the environment."""

import os

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
    print(f"\n  Text2Song Studio is ready:  http://{shown}:{port}/  (stop with Ctrl-C)\n", flush=True)  # noqa: T201
