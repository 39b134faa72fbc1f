"""Write files atomically: a killed process never leaves one half written."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def draft_of(path: Path, name: str) -> Iterator[Path]:
    """A file called ``name`` beside the path; it takes the path's place at the end, and is deleted after an error."""
    draft = path.with_name(name)
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Writes a file as a whole or not at all, even where the process dies, or another thread or process writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft_of(path, f"{path.name}.{os.getpid()}.{threading.get_native_id()}.new") as draft:
        draft.write_text(json.dumps(value), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none or a crash left half of one."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
