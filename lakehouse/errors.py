"""Errors whose text is for a person: what happened, and a hint what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class LakehouseError(Exception):
    """Base of every error that a command line turns into one sentence and an exit code.

    The tree, split by whose fault it is::

        LakehouseError
        ├── DataError            1  the data is not as promised
        ├── UsageError           2  wrong use or wrong settings
        │   ├── DeclarationError    a declared table, event or rule contradicts itself
        │   └── ColumnTypeError     a stored column has another type than declared
        └── OutsideError         3  Kafka, a disk, the MLflow store or Java failed
            ├── MissingTableError   a table was never written
            ├── TableDamageError    a table lacks a commit or a file that it had
            ├── CheckpointError     a stream's checkpoint is lost, damaged or another one's
            ├── SparkStartError     Spark did not start
            └── EndpointStartError  Spark's SQL endpoint did not start

    ``hint`` says what to do in general. A program may replace it by one that names its own commands. ``needs_person``
    says whether trying again is of no use before a person has done it.
    """

    exit_code = 3
    needs_person = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def _render_traceback_(self) -> list[str]:
        # IPython shows this in place of a stack trace: in a notebook, too, an error is one sentence.
        return [str(self)]


class DataError(LakehouseError):
    """The data is not as promised: a check failed, or there is nothing to learn from."""

    exit_code = 1
    needs_person = True


class UsageError(LakehouseError):
    """The command, an option or a setting is wrong."""

    exit_code = 2
    needs_person = True


class DeclarationError(UsageError):
    """A declaration contradicts itself; raised while it is imported."""


class ColumnTypeError(UsageError):
    """A stored column has another type than its declaration says."""

    def __init__(self, table: str, column: str, *, stored: str, declared: str, path: str) -> None:
        super().__init__(
            f"{table} has {column} as {stored}, but it is declared as {declared}.",
            f"Move {path} away and rebuild the table.",
        )
        self.table = table
        self.path = path


class OutsideError(LakehouseError):
    """Something that this program depends on failed: a broker, a disk, a store."""

    exit_code = 3


class MissingTableError(OutsideError):
    """A table that was never written is read."""

    def __init__(self, table: str, root: str) -> None:
        super().__init__(f"There is no table {table} in {root}.", "Run the job that writes it first.")
        self.table = table


class TableDamageError(OutsideError):
    """A table lacks a commit or a file that it had: a crash, a disk or a restore took it away.

    ``damage`` are clauses, each with the name of a file. Where it ``loses_rows``, these must be brought back.
    """

    needs_person = True

    def __init__(self, table: str, damage: Sequence[object], *, loses_rows: bool = True) -> None:
        first, more = damage[0], len(damage) - 1
        super().__init__(
            f"{table} is damaged: {first}{f', and {more:,} more' if more else ''}.",
            "Repair its log, and bring back what it lost.",
        )
        self.table = table
        self.loses_rows = loses_rows


class CheckpointError(OutsideError):
    """A stream cannot go on from its checkpoint: it is lost, damaged, or belongs to something else."""

    needs_person = True

    def __init__(self, message: str) -> None:
        super().__init__(message, "Make a new checkpoint that goes on after what the table holds.")


class SparkStartError(OutsideError):
    """Spark did not start; its log says why."""

    def __init__(self, reason: str, log: Path) -> None:
        super().__init__(f"Spark did not start: {reason}.", f"The whole story is in {log}.")
        self.log = log


class EndpointStartError(OutsideError):
    """Spark's SQL endpoint did not start."""

    def __init__(self) -> None:
        super().__init__("Spark's SQL endpoint did not start.", "Spark's log says why; try another port.")


class StoppedError(BaseException):
    """The process was asked to stop where nothing polls for it; not an error that code may catch in passing."""
