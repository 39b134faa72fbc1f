"""Installations that are killed, filled up and cut off; each with a broker of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """An installation with a running broker."""
    made = Installation(tmp_path)
    try:
        made.start_broker()
        yield made
    finally:
        made.close()
