"""How the web process is served. PORT and HOST come from the environment."""

import json
import os
import signal
import threading
import time
from typing import Any

from gunicorn import util
from gunicorn.arbiter import Arbiter

from text2song.home_network import reach

host = os.environ.get("HOST", "127.0.0.1")
port = os.environ.get("PORT", "8000")

bind = f"{host}:{port}"
workers = int(os.environ.get("WEB_WORKERS", "1"))
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60
graceful_timeout = 5
keepalive = 75  # longer than proxies and scripts keep an idle connection: at 2 s who polls every 2 s is cut off
control_socket_disable = True
accesslog = None
loglevel = "warning"
limit_request_line = 8190  # lists of ids stand in addresses


def write_error(sock: Any, status: int, reason: str, message: str) -> None:
    """What cannot be read as HTTP never reaches the application: gunicorn itself has to speak the API's error shape."""
    code = reason.lower().replace(" ", "_")
    body = json.dumps({"code": code, "detail": message[:500] or f"{reason}."}).encode()
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    util.write_nonblock(sock, f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin1") + body)


# There is no setting for this; gunicorn's own would answer in HTML.
util.write_error = write_error


def when_ready(server: Arbiter) -> None:
    """Say where to go, once there is somewhere to go."""
    shown = "localhost" if host in {"127.0.0.1", "0.0.0.0"} else host
    if "SUPERVISOR_ENABLED" in os.environ:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    others = "".join(f"\n  On phones of your network:  {address}" for address in reach(host, port).addresses)
    print(f"\n  Text2Song Studio is ready:  http://{shown}:{port}/  (stop with Ctrl-C){others}\n", flush=True)  # noqa: T201


def _end_with(parent: int) -> None:
    """End when what started this process is gone, rather than hold the port as an orphan."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
