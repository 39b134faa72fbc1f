"""List and show what waits in quarantine, by DuckDB; Spark would take longer to start than anyone looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table as Grid

from bronze.raw_events import COORDINATE_NAMES
from lakehouse.errors import DataError, UsageError
from pipelines.query.delta_reader import add_views, naming_damage, no_lake, open_tables
from pipelines.runtime.completion import complete_event
from pipelines.runtime.console import out, print_json
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import Settings, load_settings
from producers.events import event_named
from silver.quarantine import QUARANTINE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Event = Annotated[
    str,
    typer.Option("--event", metavar="EVENT", autocompletion=complete_event, help="Only records of this kind of event."),
]
Rule = Annotated[str, typer.Option("--rule", help="Only records that break this rule.")]
Since = Annotated[str, typer.Option("--since", help="Only records that arrived at this ISO 8601 time (UTC) or later.")]

_GROUPS = """
    WITH broken AS (
        SELECT topic, topic_id, "partition", "offset", arrived_at, unnest(rules) AS rule, unnest(sentences) AS sentence
        FROM silver.quarantine
        WHERE status = 'open' AND ($event = '' OR topic = $event) AND ($rule = '' OR list_contains(rules, $rule))
            AND ($since IS NULL OR arrived_at >= $since)
    )
    SELECT topic, rule, count(DISTINCT (topic_id, "partition", "offset")) AS records,
        min(arrived_at)::TIMESTAMP::VARCHAR, max(arrived_at)::TIMESTAMP::VARCHAR,
        first({'topic_id': topic_id, 'partition': "partition", 'offset': "offset", 'sentence': sentence}
            ORDER BY arrived_at, "partition", "offset")
    FROM broken WHERE $rule = '' OR rule = $rule GROUP BY topic, rule ORDER BY records DESC, topic, rule
"""

_RECORD = """
    SELECT * REPLACE (arrived_at::TIMESTAMP::VARCHAR AS arrived_at, first_judged_at::TIMESTAMP::VARCHAR AS
        first_judged_at, last_judged_at::TIMESTAMP::VARCHAR AS last_judged_at)
    FROM silver.quarantine WHERE topic = $event AND "partition" = $partition AND "offset" = $offset ORDER BY arrived_at
"""


def list_(event: Event = "", rule: Rule = "", since: Since = "", as_json: AsJson = False) -> None:
    """What waits, grouped by the rule it breaks, with counts and an example."""
    settings = load_settings()
    groups = waiting_groups(settings, event, rule, since)
    if as_json:
        print_json(groups)
        return
    if not groups:
        others = waiting_groups(settings) if event or rule or since else []
        waits = ", ".join(f"{one['records']:,} of {one['event']} for {one['rule']}" for one in others)
        out.print(
            f"Nothing that waits matches. These records do: {waits}." if waits else "Nothing waits in quarantine."
        )
        return
    titles = ("event", "rule", "records", "first arrived", "last arrived", "example at", "what is wrong with it")
    grid = Grid(*titles, box=None, padding=(0, 2))
    for group in groups:
        example = group["example"]
        where = f"{example['partition']} {example['offset']}"
        grid.add_row(
            group["event"],
            group["rule"],
            f"{group['records']:,}",
            group["first_arrived_at"][:19],
            group["last_arrived_at"][:19],
            where,
            example["sentence"],
        )
    out.print(grid)
    first = groups[0]
    place = f"{first['event']} {first['example']['partition']} {first['example']['offset']}"
    out.print(
        f"`clickstream quarantine show {place}` prints the first example; `replay` validates all again. Times are UTC."
    )


def waiting_groups(settings: Settings, event: str = "", rule: str = "", since: str = "") -> list[dict[str, Any]]:
    """The waiting records by event and broken rule: how many, since when, and the first one as an example.

    Raises UsageError where an option names nothing that exists, OutsideError where there is no lake.
    """
    if event:
        event_named(event)
    instant = since_instant(since)
    with _connection(settings) as connection:
        if connection is None:
            return []
        rows = connection.execute(_GROUPS, {"event": event, "rule": rule, "since": instant}).fetchall()
    names = ("event", "rule", "records", "first_arrived_at", "last_arrived_at", "example")
    return [dict(zip(names, row, strict=True)) for row in rows]


def since_instant(since: str) -> datetime | None:
    """The instant of ``--since``, in UTC where it names no offset; None where it is not given.

    Raises UsageError where it is no instant.
    """
    if not since:
        return None
    try:
        instant = datetime.fromisoformat(since)
    except ValueError as error:
        raise UsageError(
            f"--since {since!r} is not a time.", "Write it as 2026-10-15 or 2026-10-15T12:00:00Z."
        ) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def show(
    event: Annotated[str, typer.Argument(metavar="EVENT", autocompletion=complete_event, help="The kind of event.")],
    partition: Annotated[int, typer.Argument(help="The record's partition.")],
    offset: Annotated[int, typer.Argument(help="The record's offset.")],
    as_json: AsJson = False,
) -> None:
    """Print one record readably: its reasons, and its bytes escaped."""
    event_named(event)
    records = _records(load_settings(), event, partition, offset)
    if not records:
        raise DataError(
            f"The record {event}/{partition}/{offset} is not in quarantine.",
            "`clickstream quarantine list` has examples.",
        )
    if as_json:
        print_json(records)
        return
    for record in records:
        for name in (*COORDINATE_NAMES, "status", "discard_reason", "arrived_at", "first_judged_at", "last_judged_at"):
            if record[name] is not None:
                out.print(f"{name:16} {record[name]}")
        out.print(f"{'contract':16} {record['contract_version']}")
        for rule, sentence in zip(record["rules"], record["sentences"], strict=True):
            out.print(f"{'breaks':16} {rule}: {sentence}", soft_wrap=True)
        out.print(f"{'value':16} {record['value']}", soft_wrap=True)


def _records(settings: Settings, event: str, partition: int, offset: int) -> list[dict[str, Any]]:
    with _connection(settings) as connection:
        if connection is None:
            return []
        found = connection.execute(_RECORD, {"event": event, "partition": partition, "offset": offset})
        names = [column[0] for column in found.description]
        records = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return [{**record, "value": escaped(record["value"])} for record in records]


@contextmanager
def _connection(settings: Settings) -> Iterator[DuckDBPyConnection | None]:
    """A DuckDB that sees the quarantine; None where it is not there yet."""
    tables = open_tables(settings, [QUARANTINE])
    if not tables:
        if not open_tables(settings, on_damage=lambda *_: None):
            raise no_lake(settings)
        yield None
        return
    import duckdb

    with duckdb.connect() as connection, naming_damage(settings.lake_root, QUARANTINE):
        add_views(connection, tables)
        yield connection


def escaped(value: bytes | None) -> str:
    """Bytes as text in which nothing can be mistaken: what is not printable UTF-8 is escaped."""
    if value is None:
        return "null (a tombstone)"
    text = value.decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
