"""Code, messages and pages use the field's words, which docs/glossary.md has."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("lakehouse", "producers", "bronze", "silver", "gold", "pipelines", "conf", "docs")

BANNED = re.compile(
    r"(?<![a-z])(fates?|verdicts?|witness(es|ed)?|judg(e|es|ed|ing)|mend(s|ed|ing)?|anew|fast[ _-]lane|visitors?|visits?)(?![a-z])",  # noqa: E501
    re.IGNORECASE,
)
STORED = re.compile(r"(first|last)_judged_at|[\"`]visitors[\"`]|every_record_has_one_fate")
"""Columns and rules of tables, which keep their names."""

ALLOWED = {
    "docs/glossary.md": "it says which word replaces which",
    "docs/adr/0009-the-fields-words.md": "the decision quotes the old words",
    "pipelines/operations/verification/records.py": "a key of --json",
    "pipelines/operations/quarantine.py": "a key of --json",
    "pipelines/operations/quality.py": "a key of --json",
    "producers/replay/formats/ga4.py": "the word of that format",
    "producers/replay/formats/retailrocket.py": "the word of that format",
    "docs/reference/tables.md": "generated from the contract",
    "pipelines/bi/semantic/measures/sales.py": "names of measures, which reports refer to",
    "pipelines/bi/semantic/measures/sessions.py": "names of measures, which reports refer to",
    "pipelines/bi/semantic/measures/trends.py": "names of measures, which reports refer to",
    "pipelines/bi/semantic/pages.py": "names of measures, which reports refer to",
}


def test_code_and_pages_have_none_of_the_old_words():
    files = [
        path
        for folder in PACKAGES
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".py", ".md", ".toml", ".conf", ".js", ".html"}
    ]
    offences = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in [*files, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
        if str(path.relative_to(ROOT)) not in ALLOWED
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if BANNED.search(STORED.sub("", line))
    ]
    assert offences == []
