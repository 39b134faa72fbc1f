"""Replace the general hints of lakehouse errors by ones that name this project's commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.errors import (
    CheckpointError,
    ColumnTypeError,
    EndpointStartError,
    LakehouseError,
    MissingTableError,
    SparkStartError,
    TableDamageError,
)

RECOVER = "`clickstream recover` shows what it would do, and `clickstream recover --apply` does it."
"""The hint for a checkpoint that does not fit, or a table that is damaged."""

REBUILD_SILVER = (
    "`clickstream rebuild silver` makes silver from bronze by the present settings, then `clickstream aggregate` "
    "makes gold from it."
)
"""The hint for silver that was made by other settings."""


def with_command_hint(error: LakehouseError) -> LakehouseError:
    """The same error; its hint names the command that helps, where there is one."""
    match error:
        case CheckpointError() | TableDamageError():
            error.hint = RECOVER
        case MissingTableError(table=table):
            error.hint = f"Run the job that writes it first: `clickstream tables {table}` names it."
        case ColumnTypeError(table=table, path=path):
            error.hint = f"Move {path} away and run `clickstream rebuild {table.partition('.')[0]}`."
        case SparkStartError(log=log):
            error.hint = f"`clickstream doctor` says what is missing; the whole story is in {log}."
        case EndpointStartError():
            error.hint = "logs/spark.log of the state folder says why; try another --port."
    return error


@contextmanager
def command_hints() -> Iterator[None]:
    """Within, every lakehouse error gets its command's hint."""
    try:
        yield
    except LakehouseError as error:
        with_command_hint(error)
        raise
