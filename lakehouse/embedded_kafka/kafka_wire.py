"""The one sentence of Kafka's protocol that is spoken here, 'who are you, and are you ready'."""

from __future__ import annotations

import socket
import struct
from typing import Any

_METADATA, _VERSION, _CORRELATION, _NO_TOPICS = 3, 2, 7, 0


def cluster_at(host: str, port: int, timeout: float = 2) -> str | None:
    """The id of the Kafka cluster that answers there, once it has a broker that takes records; else None.

    It asks for metadata: an open port or a list of API versions comes earlier than that.
    """
    request = struct.pack(">hhihi", _METADATA, _VERSION, _CORRELATION, -1, _NO_TOPICS)
    try:
        with socket.create_connection((host, port), timeout=timeout) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answer:
                return _cluster(answer)
    except (OSError, struct.error, UnicodeDecodeError):
        return None


def _cluster(answer: Any) -> str | None:
    _, correlation, brokers = _read(answer, ">iii")
    if correlation != _CORRELATION or brokers < 1:
        return None
    for _ in range(brokers):
        _read(answer, ">i")
        _text(answer)
        _read(answer, ">i")
        _text(answer)
    return _text(answer) or None


def _text(answer: Any) -> str:
    length = _read(answer, ">h")[0]
    return answer.read(max(length, 0)).decode() if length > 0 else ""


def _read(answer: Any, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, answer.read(struct.calcsize(layout)))
