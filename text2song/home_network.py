"""Where other machines of the same network reach the studio: one setting, HOST=0.0.0.0, lets them.

No Django here: gunicorn asks before there is any.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]", "::1"}
EVERYWHERE = "0.0.0.0"
"""The HOST with which every network of this machine is listened to."""
NOT_A_NETWORK = ("docker", "br-", "veth", "virbr", "tun", "tap", "lo")
"""How interfaces begin that lead to containers and tunnels, not to a phone in the same room."""


@dataclass(frozen=True, slots=True)
class Reach:
    """`addresses` of the studio for other machines, the likeliest first; empty where it listens to this one only."""

    addresses: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        return bool(self.addresses)


def is_local(host: str) -> bool:
    """Whether a name, with its port or without, means the machine itself."""
    name = host.rsplit(":", 1)[0] if host.rpartition(":")[2].isdecimal() and not host.endswith("]") else host
    return name in LOCAL_NAMES


def reach(host: str, port: str | int) -> Reach:
    """Who reaches a server that listens on `host` and `port`."""
    if not host or host in LOCAL_NAMES:
        return Reach()
    if host != EVERYWHERE:
        return Reach((f"http://{host}:{port}/",))
    return Reach(tuple(f"http://{address}:{port}/" for address in own_addresses()))


def own_addresses() -> list[str]:
    """IPv4 addresses of this machine in its networks, those of homes first. None in a container: they lead nowhere."""
    if Path("/.dockerenv").exists():
        return []
    found = [
        ipaddress.IPv4Address(entry.address)
        for name, entries in psutil.net_if_addrs().items()
        if not name.startswith(NOT_A_NETWORK)
        for entry in entries
        if entry.family == socket.AF_INET
    ]
    usable = [address for address in found if not (address.is_loopback or address.is_link_local)]
    return [str(address) for address in sorted(usable, key=lambda address: not address.is_private)]
