"""Check an SQL condition on a table before Spark starts for it: its form, and the names of its columns."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from lakehouse.errors import UsageError
from lakehouse.table import Table


def check_condition(condition: str, table: Table) -> None:
    """Raises UsageError where ``condition`` is no single condition, or names a column that the table has not.

    What only Spark knows, such as the types of a comparison, it says itself.
    """
    from sqlglot import exp, parse_one, tokenize
    from sqlglot.errors import ParseError, SqlglotError

    if not condition.strip():
        raise refused(condition, table, "it is empty")
    hint = f"`clickstream tables {table.name}` lists its columns."
    try:
        if any(token.token_type.name == "SEMICOLON" for token in tokenize(condition, read="spark")):
            raise refused(condition, table, "it holds more than one statement")
        # The line feed ends a comment, which would take the bracket along.
        query = parse_one(f"SELECT 1 FROM t WHERE ({condition}\n)", read="spark")  # noqa: S608 - only parsed
    except ParseError as error:
        at = str(error.errors[0]["highlight"] or "") if error.errors else ""
        why = f"it cannot be read near {at!r}" if at and at != ")" else "something is missing in it"
        raise refused(condition, table, why) from None
    except SqlglotError:
        raise refused(condition, table, "a quotation mark is missing in it, or a character is none of SQL's") from None
    if query.find(exp.Subquery, exp.Lambda):
        return
    known = {name.lower() for name in table.column_names}
    for column in query.find_all(exp.Column):
        if column.name.lower() not in known:
            near = get_close_matches(column.name.lower(), known, n=1)
            hint = f"Near it: {near[0]}. {hint}" if near else hint
            raise UsageError(f"--where {condition!r}: {table.name} has no column {column.name}.", hint)
    kind = _type(query.args["where"].this, table)
    if kind and kind != "BOOLEAN":
        raise refused(condition, table, f"its value is {kind}, where true or false is asked")


def _type(condition: Any, table: Table) -> str:
    """The type of a condition's value; "" where only Spark knows it."""
    from sqlglot import exp
    from sqlglot.optimizer.annotate_types import annotate_types

    value = condition.unnest()
    if isinstance(value, exp.Column):
        return next((one.type for one in table.columns if one.name.lower() == value.name.lower()), "")
    found = annotate_types(value, dialect="spark").type
    return "" if found is None or found.this.value in {"UNKNOWN", "NULL"} else str(found.this.value)


def refused(condition: str, table: Table, why: str) -> UsageError:
    """The error for what is no condition on a table."""
    return UsageError(
        f"--where {condition!r} is no condition on {table.name}: {why.strip().rstrip('.')[:200]}.",
        f"`clickstream tables {table.name}` lists its columns.",
    )
