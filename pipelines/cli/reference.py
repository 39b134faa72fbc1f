"""Write docs/reference/ and the sources of dbt from the code: they never age.

Run by ``make docs``; a test says when a page is not what the code generates.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

from pipelines.cli.contract import rules_of
from pipelines.cli.dbt_sources import sources_page
from pipelines.cli.main import app
from pipelines.cli.tables import cell
from pipelines.cli.tables import reference as tables_page
from pipelines.ml.score_message import schema as score_schema
from pipelines.runtime.catalog import GOLD, TABLES
from pipelines.runtime.commands import command_of
from pipelines.runtime.settings import CONF, Settings
from producers.events import EVENTS

FOLDER = Path(__file__).parents[2] / "docs" / "reference"

DBT_SOURCES = CONF / "dbt" / "models" / "gold.yml"
"""Gold as the sources of the example for dbt."""

_NOTE = "Generated from the code by `make docs`; not edited by hand."

_COMMANDS = f"""# Commands

{_NOTE} `--help` works everywhere, most commands take `--json`,
and `--debug` shows stack traces.

| exit code | meaning |
|---|---|
| 0 | fine |
| 1 | the data is not as promised, or there is too little of it |
| 2 | wrong use, settings or declarations |
| 3 | something outside failed: Kafka, a disk, the MLflow store, Java |
| 130, 143 | `produce` was stopped by Ctrl-C or SIGTERM; its counts are of what Kafka acknowledged |
"""

_SETTINGS = f"""# Settings

{_NOTE}

`conf/base.toml` has the defaults. `conf/<environment>.toml` overrides it, and environment variables override both: two
underscores lead into a part, as in `CLICKSTREAM_SPARK__DRIVER_MEMORY=2g`. A variable that is no setting is refused.
A setting that is a table is JSON: `CLICKSTREAM_KAFKA__CLIENT={{"security.protocol": "SASL_SSL"}}`.

The lake and the state are a whole installation; several can run side by side. Checkpoints and tables belong together:
back up both.

| variable | meaning |
|---|---|
| `CLICKSTREAM_ENVIRONMENT` | `local` (default) or `cluster`: which file in `conf/` |
| `CLICKSTREAM_CONF` | another folder in place of `conf/` |
| `CLICKSTREAM_DEBUG` | `1` shows stack traces, as `--debug` does |
| `CLICKSTREAM_PSEUDONYM_KEY` | the key of [pseudonyms](../how-to/pseudonymise.md), where `conf/shop.toml` wants them |
| `CLICKSTREAM_PSEUDONYM_KEY_FILE` | the file that holds this key |
"""

_CONTRACT = f"""# The contract

{_NOTE} `clickstream contract EVENT` prints the same, and `--json-schema`
gives a JSON Schema.

A record is one JSON object in UTF-8. Keys match by exact case; unknown keys are ignored. Text is trimmed, and blank
text is null. A record that violates the contract is quarantined.
"""

_SETTING = re.compile(r"^(\w+) = (.*?)\s*(?:#\s*(.*))?$")


def pages() -> dict[str, str]:
    """The pages of the reference by their file names."""
    return {
        "cli.md": commands_page(command_of(app)),
        "configuration.md": settings_page((CONF / "base.toml").read_text(encoding="utf-8")),
        "contract.md": contract_page(),
        "tables.md": tables_page(TABLES.values()),
        "purchase_score.schema.json": json.dumps(score_schema(), indent=2, ensure_ascii=False) + "\n",
    }


def commands_page(program: Any) -> str:
    """Every command of the program with its arguments and options, as Markdown."""
    found = list(_commands(program, "clickstream"))
    rows = [f"| [`{path}`](#{path.replace(' ', '-')}) | {cell(_summary(command))} |" for path, command in found]
    parts = [_COMMANDS, "\n".join(["| command | what it does |", "|---|---|", *rows])]
    parts += [_command(path, command) for path, command in found]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name in below:
        yield from _commands(below[name], f"{path} {name}")


def _command(path: str, command: Any) -> str:
    context = typer.Context(command)
    records = [parameter.get_help_record(context) for parameter in command.params if not parameter.hidden]
    rows = [f"| {_code(record[0])} | {cell(record[1])} |" for record in records if record]
    table = "\n".join(["| argument or option | meaning |", "|---|---|", *rows])
    text = re.sub(r"\n\n+", "\n\n", "\n".join(line.strip() for line in (command.help or "").splitlines()))
    module = command.callback.__module__.replace(".", "/")
    return f"## {path}\n\n{text.strip()} Module: `{module}.py`." + (f"\n\n{table}" if rows else "")


def _summary(command: Any) -> str:
    return str((command.help or "").strip().partition("\n\n")[0])


def settings_page(base: str) -> str:
    """Every setting of conf/base.toml with its variable, its default and its comment, as Markdown.

    Raises ValueError where a setting of ``Settings`` stands in no line of the file, or in one without a comment.
    """
    defaults, comments, part = tomllib.loads(base), {}, ""
    for line in base.splitlines():
        if line.startswith("["):
            part = line.strip("[] ")
        elif match := _SETTING.match(line):
            comments[part, match[1]] = match[3] or ""
    folders, sections = [], []
    for name, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            rows = [_setting((name, key), defaults[name], comments) for key in model.model_fields]
            doc = str(model.__doc__ or "").strip().partition("\n")[0]
            sections.append("\n".join([f"## {name}", "", doc, "", *_HEAD, *rows]))
        elif name != "environment":
            folders.append(_setting((name,), defaults, comments))
    return "\n\n".join([_SETTINGS.strip(), "\n".join(["## folders", "", *_HEAD, *folders]), *sections]) + "\n"


_HEAD = ("| setting | variable | default | meaning |", "|---|---|---|---|")


def _setting(path: tuple[str, ...], defaults: Mapping[str, Any], comments: Mapping[tuple[str, str], str]) -> str:
    part = path[0] if len(path) > 1 else ""
    comment = comments.get((part, path[-1]), "")
    if not comment:
        raise ValueError(f"conf/base.toml says nothing of {'.'.join(path)}.")
    variable = "CLICKSTREAM_" + "__".join(path).upper()
    return f"| `{'.'.join(path)}` | `{variable}` | {_code(str(defaults[path[-1]]) or '(empty)')} | {cell(comment)} |"


def contract_page() -> str:
    """Every event type with its fields and their rules, as Markdown."""
    parts = [_CONTRACT.strip()]
    for event in EVENTS.values():
        rows = [
            f"| `{field.name}` | {field.kind.value} | {'required' if field.required else ''} "
            f"| {cell(rules_of(field))} | {cell(field.doc)} |"
            for field in event.fields
        ]
        table = "\n".join(["| field | kind | | rules | meaning |", "|---|---|---|---|---|", *rows])
        parts.append(f"## {event.name}\n\n{cell(event.doc)} Contract version `{event.version}`.\n\n{table}")
    return "\n\n".join(parts) + "\n"


def _code(text: str) -> str:
    text = " ".join(text.split())
    return f"<code>{cell(text)}</code>" if "|" in text else f"`{text}`"


def main() -> None:
    """Writes the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    DBT_SOURCES.write_text(sources_page(GOLD.values()), encoding="utf-8")


if __name__ == "__main__":
    main()
