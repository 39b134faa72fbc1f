"""A TCP server that speaks as much of Kafka's protocol as it needs to send a client what no honest broker sends."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random

_API_VERSIONS, _METADATA = 18, 3
_MILLIONS = 10_000_000


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads, block_on_close, allow_reuse_address = True, False, True
    answer: Callable[[int], bytes]
    pause: float = 0


@contextmanager
def hostile_broker(how: str) -> Iterator[str]:
    """Within, it listens on the loopback, and answers as ``how`` says: one of ``WAYS``. Gives its address."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        port = server.server_address[1]
        server.answer, server.pause = lambda correlation: WAYS[how](correlation, port), 0.2 if how == "a drip" else 0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.shutdown()


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        never = threading.Event()
        with suppress(OSError, struct.error):
            while True:
                (size,) = struct.unpack(">i", self.rfile.read(4))
                request = self.rfile.read(size)
                kind, version, correlation = struct.unpack(">hhi", request[:8])
                if kind == _API_VERSIONS:
                    self.wfile.write(_framed(struct.pack(">i", correlation) + _versions(version)))
                    continue
                answer = self.server.answer(correlation)
                if not self.server.pause:
                    self.wfile.write(answer)
                    continue
                for byte in answer:
                    self.wfile.write(bytes([byte]))
                    never.wait(self.server.pause)


def _framed(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def _versions(version: int) -> bytes:
    """That it knows these two requests, in old versions, whose answers are easily written."""
    known = [(_METADATA, 0, 1), (_API_VERSIONS, 0, 3)]
    if version == 0:
        return struct.pack(">hi", 0, len(known)) + b"".join(struct.pack(">hhh", *one) for one in known)
    listed = b"".join(struct.pack(">hhh", *one) + b"\0" for one in known)
    return struct.pack(">hb", 0, len(known) + 1) + listed + struct.pack(">i", 0) + b"\0"


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _brokers(count: int, port: int) -> bytes:
    return struct.pack(">i", count) + b"".join(
        struct.pack(">i", node) + _text("127.0.0.1") + struct.pack(">ih", port if node == 0 else 1, -1)
        for node in range(count)
    )


def _metadata(correlation: int, brokers: bytes, topics: bytes) -> bytes:
    return _framed(struct.pack(">i", correlation) + brokers + struct.pack(">i", 0) + topics)


def _topic(name: str, partitions: int, said: int) -> bytes:
    one = struct.pack(">hii", 0, 0, 0) + struct.pack(">ii", 1, 0) * 2
    told = b"".join(one[:2] + struct.pack(">i", number) + one[6:] for number in range(partitions))
    return struct.pack(">h", 0) + _text(name) + b"\0" + struct.pack(">i", said) + told


WAYS: dict[str, Callable[[int, int], bytes]] = {
    "random bytes": lambda correlation, _: _framed(struct.pack(">i", correlation) + Random(1).randbytes(100_000)),
    "no protocol": lambda *_: b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "two gigabytes": lambda correlation, _: struct.pack(">ii", 2**31 - 1, correlation) + bytes(1_000_000),
    "a negative length": lambda correlation, _: struct.pack(">ii", -5, correlation) + bytes(1_000),
    "ten million brokers": lambda correlation, _: _metadata(
        correlation, struct.pack(">i", _MILLIONS) + bytes(1_000), b""
    ),
    "ten million topics": lambda correlation, port: _metadata(
        correlation, _brokers(1, port), struct.pack(">i", _MILLIONS) + bytes(1_000)
    ),
    "ten million partitions": lambda correlation, port: _metadata(
        correlation, _brokers(1, port), struct.pack(">i", 1) + _topic("clicks", 10, _MILLIONS)
    ),
    "a drip": lambda correlation, port: _metadata(correlation, _brokers(1, port), struct.pack(">i", 0)),
}
"""What it answers to whoever asks for brokers and topics."""


@contextmanager
def hostile_to_java(servers: str) -> Iterator[str]:
    """Within, a way to the broker at ``servers`` that is honest to librdkafka, and gives Java a length of 2 GB."""

    class Way(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                first = self.request.recv(4_096)
                if b"apache-kafka-java" in first:
                    self.request.sendall(struct.pack(">ii", 2**31 - 1, 0) + bytes(1_000_000))
                    while self.request.recv(4_096):
                        pass
                    return
                host, _, port = servers.rpartition(":")
                with socket.create_connection((host, int(port))) as broker:
                    broker.sendall(first)
                    back = threading.Thread(target=_carry, args=(broker, self.request), daemon=True)
                    back.start()
                    _carry(self.request, broker)

    with _Server(("127.0.0.1", 0), Way) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(65_536):
            target.sendall(some)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
