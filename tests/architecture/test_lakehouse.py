"""The package `lakehouse` would serve any business: it names no command and no thing of this one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = re.compile(r"clickstream|\b(shops?|session_id|price|visits?|visitors?)\b", re.IGNORECASE)
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "lakehouse").rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_lakehouse_names_no_command_and_no_business(module):
    assert WORDS.findall((ROOT / module).read_text(encoding="utf-8")) == []
