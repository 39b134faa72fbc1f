"""What the README and the pages tell people to type."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))

ON_THE_DEMO = (
    "clickstream status",
    "clickstream status --five-vs",
    "clickstream models list",
    'clickstream sql "SELECT referrer_kind, count(*) AS visits, sum(revenue) FROM sessions GROUP BY 1 ORDER BY 2 DESC"',
    'clickstream sql "SHOW TABLES"',
    'clickstream sql "DESCRIBE silver.clicks"',
    'clickstream sql --csv "FROM gold.users" > users.csv',
    "clickstream contract interactions",
    "clickstream export gold.sessions --format csv --out sessions.csv",
    "clickstream export gold.sessions --format xlsx --out sessions.xlsx",
    "clickstream report --out report.html",
    r"clickstream powerbi --out powerbi --path 'C:\lake\gold'",
)
"""The lines that tests/kafka/test_demo.py runs just as they stand there, on what the demo has made."""


def blocks(text):
    """The commands in the fenced blocks of shell, without comments; a line that goes on is one with the next."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.sub(r"(^|\s+)#.*", "", line).strip()
            if command:
                yield " ".join(command.split())


def spoken(text):
    """The commands in the midst of the text, between backticks."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for words in re.findall(r"`([^`]+)`", outside):
        command = words.removesuffix("\\").strip()
        if re.match(r"(clickstream|make|spark-submit|(\.venv/bin/)?python)(\s|$)", command):
            yield command
