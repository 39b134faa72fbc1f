"""Read the commands and the files that README, CONTRIBUTING and docs/ tell people to type."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))

ON_THE_DEMO = (
    "clickstream status",
    "clickstream status --five-vs",
    "clickstream models list",
    "clickstream models list --target next_session",
    'clickstream sql "SELECT referrer_kind, count(*) AS sessions, sum(revenue) FROM sessions GROUP BY 1"',
    'clickstream sql "SELECT page_kind, count(*) FROM silver.page_views GROUP BY ALL ORDER BY 2 DESC"',
    'clickstream sql "SELECT referrer_kind, count(*), sum(purchases) FROM sessions GROUP BY ALL ORDER BY 2 DESC"',
    'clickstream sql "SHOW TABLES"',
    'clickstream sql "DESCRIBE silver.clicks"',
    'clickstream sql --csv "FROM gold.users" > users.csv',
    "clickstream contract interactions",
    "clickstream export gold.sessions --format csv --out sessions.csv",
    "clickstream export gold.sessions --format xlsx --out sessions.xlsx",
    "clickstream report --out report.html",
    r"clickstream powerbi --out powerbi --path 'C:\lake\gold'",
)
"""The lines that tests/kafka/test_demo.py runs as they stand on the pages, on what the demo has made."""


def program():
    """The command line as click commands, which parse without running anything."""
    from pipelines.cli.main import app
    from pipelines.runtime.commands import command_of

    return command_of(app)


def blocks(text):
    """The commands in the fenced blocks of shell, without comments; a continued line is one with the next."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.sub(r"(^|\s+)#.*", "", line).strip()
            if command:
                yield " ".join(command.split())


def inline(text):
    """The commands in the midst of the text, between backticks."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for words in re.findall(r"`([^`]+)`", outside):
        command = words.removesuffix("\\").strip()
        if re.match(r"(clickstream|make|spark-submit|(\.venv/bin/)?python)(\s|$)", command):
            yield command


def files(page):
    """The files of a recipe by their paths: each block of Python that the page introduces with its path."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return dict(re.findall(r"This is `([^`]+)`:\n\n```python\n(.*?)```", text, re.DOTALL))
