"""Wrap values as producers and connectors do, to see them unwrapped; and settings of the shop that unwrap."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from producers.events import EVENTS
from producers.shop.settings import SHIPPED

BOM = b"\xef\xbb\xbf"
CLOUD_EVENT = '{"specversion": "1.0", "id": "1", "source": "/", "type": "click", %s}'


def _member(frame: str, value: bytes) -> bytes:
    return frame.encode() % value.removeprefix(BOM)


WRAPS: dict[str, Callable[[bytes], bytes]] = {
    "schema_registry": lambda value: b"\x00\x00\x00\x00\x2a" + value,
    "gzip": lambda value: gzip.compress(value, 1),
    "double_encoding": lambda value: json.dumps(value.decode()).encode(),
    "connect": lambda value: _member('{"schema": {"type": "struct", "payload": 1}, "payload": %s }', value),
    "cloud_event": lambda value: _member(CLOUD_EVENT % '"data": %s', value),
    "cloud_event ": lambda value: _member(CLOUD_EVENT % '"data_base64": "%s"', base64.b64encode(value)),
}
"""What wraps a value, by the name that unwraps it, trimmed."""

ALL = ("schema_registry", "connect", "cloud_event", "double_encoding", "gzip")


def unwrap(
    monkeypatch: pytest.MonkeyPatch, folder: Path, kinds: tuple[str, ...] = ALL, topics: Iterable[str] = EVENTS
) -> None:
    """Let this process unwrap these of these topics."""
    file = folder / f"{len(list(folder.iterdir()))}" / "shop.toml"  # settings are read once
    file.parent.mkdir()
    shipped = (SHIPPED / "shop.toml").read_text(encoding="utf-8")
    above = shipped[: shipped.index("[envelopes]")]
    file.write_text(above + "[envelopes]\n" + "".join(f"{name} = {json.dumps(kinds)}\n" for name in topics))
    monkeypatch.setenv("CLICKSTREAM_CONF", str(file.parent))
