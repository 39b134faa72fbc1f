"""The glossary leads from each word to the code that does it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| word |")
]


def test_every_row_has_a_word_a_meaning_and_a_place():
    assert [row for row in ROWS if len(row) != 3 or not all(row)] == []


def test_no_word_has_two_meanings():
    words = Counter(word for row in ROWS for word in row[0].split(", "))
    assert [word for word, count in words.items() if count > 1] == []


def test_every_place_exists():
    places = {place for row in ROWS for place in re.findall(r"`([^`]+)`", row[2])}
    assert sorted(place for place in places if not (ROOT / place).exists()) == []
