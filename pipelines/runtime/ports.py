"""Check that a server can listen on a port of this machine, and who could reach it there."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from lakehouse.errors import UsageError

LOOPBACK = "127.0.0.1"
"""The address that only this machine reaches."""

MAX_PORT = 65_535


def check_port(port: int, example: str, host: str = LOOPBACK) -> None:
    """Raises UsageError where the port is invalid or taken; ``example`` is a command with another one."""
    hint = f"Choose another one with --port, as in `{example}`."
    if not 1 <= port <= MAX_PORT:
        raise UsageError(f"Invalid port {port}: ports go from 1 to {MAX_PORT}.", hint)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(f"Port {port} of {host} cannot be used: {error.strerror}.", hint) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address; a name but localhost may lead anywhere."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
