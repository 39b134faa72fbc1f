"""Check an SQL condition on a table before Spark starts for it: its form, and the names of its columns."""

from __future__ import annotations

from difflib import get_close_matches

from lakehouse.errors import UsageError
from lakehouse.table import Table


def check_condition(condition: str, table: Table) -> None:
    """Raises UsageError where ``condition`` is no single condition, or names a column that the table has not.

    What only Spark knows, such as the types of a comparison, it says itself.
    """
    from sqlglot import exp, parse
    from sqlglot.errors import ParseError, SqlglotError

    if not condition.strip():
        raise refused(condition, table, "it is empty")
    hint = f"`clickstream tables {table.name}` lists its columns."
    try:
        # The line feed ends a comment, which would take the bracket along.
        statements = parse(f"SELECT 1 FROM t WHERE ({condition}\n)", read="spark")  # noqa: S608 - only parsed
    except SqlglotError as error:
        details = error.errors if isinstance(error, ParseError) else []
        said = details[0]["description"] if details else str(error).splitlines()[0]
        raise refused(condition, table, str(said)) from None
    if len(statements) != 1 or statements[0] is None:
        raise refused(condition, table, "it holds more than one statement")
    if statements[0].find(exp.Subquery, exp.Lambda):
        return
    known = {name.lower() for name in table.column_names}
    for column in statements[0].find_all(exp.Column):
        if column.name.lower() not in known:
            near = get_close_matches(column.name.lower(), known, n=1)
            hint = f"Near it: {near[0]}. {hint}" if near else hint
            raise UsageError(f"--where {condition!r}: {table.name} has no column {column.name}.", hint)


def refused(condition: str, table: Table, why: str) -> UsageError:
    """The error for what is no condition on a table."""
    return UsageError(
        f"--where {condition!r} is no condition on {table.name}: {why.strip().rstrip('.')[:200]}.",
        f"`clickstream tables {table.name}` lists its columns.",
    )
