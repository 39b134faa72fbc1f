"""Write files atomically: a killed process never leaves one half written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
    """Writes a file as a whole or not at all, even where the process dies or another one writes it too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft_of(path, f"{path.name}.{os.getpid()}.new") as draft:
        draft.write_text(json.dumps(value), encoding="utf-8")
