"""Write a table's definition as SQL for DuckDB: the same function, given frames that write SQL instead of running.

The library that does it takes the place of pyspark in its process, so it has one of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lakehouse.engines.duckdb_types import create_empty, duckdb_type, prepare
from lakehouse.errors import OutsideError
from lakehouse.table import Table

if TYPE_CHECKING:
    from sqlglot import exp


_NULLS_BEHIND = re.compile(r'(FIRST|LAST)\(("[^()]+")\) OVER \(([^()]*)\) FILTER\(WHERE NOT \2 IS NULL\)')
"""FIRST and LAST that pass over nulls, as the library writes them: a filter behind OVER is no SQL to DuckDB."""


def transpile(catalog: str, names: Iterable[str]) -> dict[str, str]:
    """The SQL of tables, by their names; where the engine lacks what one uses, a sentence that begins with "--".

    ``catalog`` is where the tables are declared, as in "module:MAPPING".

    Raises OutsideError where the library is not installed.
    """
    # Its own process: the library puts itself in the place of pyspark.
    asked = json.dumps({"catalog": catalog, "names": list(names), "path": sys.path})
    done = subprocess.run(
        [sys.executable, "-m", "lakehouse.engines.transpile"], input=asked, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OutsideError(
            f"No SQL can be written: {(done.stderr.strip().splitlines() or ['no word'])[-1]}",
            "`make setup` installs what writes it.",
        )
    return dict(json.loads(done.stdout))


def _transpile(catalog: str, names: list[str]) -> dict[str, str]:
    """Does it, in a process in which pyspark is the library's."""
    from importlib import import_module

    import duckdb
    from sqlframe import activate

    connection = duckdb.connect()
    prepare(connection)
    activate("duckdb", conn=connection)
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    module, _, mapping = catalog.partition(":")
    tables = getattr(import_module(module), mapping)
    return {name: _sql_or_reason(tables[name], session.table, connection) for name in names}


def _sql_or_reason(table: Table, frame: Callable[[str], Any], connection: Any) -> str:
    try:
        for name, source in table.reads.items():
            connection.execute(create_empty(name, source.columns))
        rows: Any = table.make({name: frame(name) for name in table.reads})
        sql = _for_duckdb(table, rows.sql(dialect="duckdb", optimize=False, pretty=False))
        connection.execute(sql)
        for source_name, source in table.reads.items():
            if isinstance(source, Table):
                connection.execute(f"SELECT {', '.join(table.scope.values())} FROM {source_name}")
    except Exception as error:  # noqa: BLE001
        return f"-- {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    finally:
        for name in table.reads:
            connection.execute(f"DROP TABLE IF EXISTS {name}")
    return sql


def _for_duckdb(table: Table, text: str) -> str:
    """The SQL with names that stay the same from run to run, in what DuckDB takes, with the declared types."""
    import sqlglot
    from sqlglot import exp

    text = _NULLS_BEHIND.sub(r"\1_VALUE(\2 IGNORE NULLS) OVER (\3)", text)
    tree = sqlglot.parse_one(text, dialect="duckdb").transform(_adapt)
    steps = {step.alias: f"step_{number}" for number, step in enumerate(tree.find_all(exp.CTE), 1)}
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("this", steps.get(identifier.name, identifier.name))
    columns = ", ".join(f'CAST("{one.name}" AS {duckdb_type(one.type)}) AS "{one.name}"' for one in table.columns)
    rows = tree.sql(dialect="duckdb")
    outer: Any = sqlglot.parse_one(f"SELECT {columns} FROM ({rows})", dialect="duckdb")
    return f"{outer.sql(dialect='duckdb', pretty=True)}\n"


def _adapt(node: exp.Expression) -> exp.Expression:
    from sqlglot import exp

    # All instants are in UTC, and without a zone: what has one needs an extension to count hours and days.
    if isinstance(node, exp.DataType) and node.is_type("timestamptz"):
        return exp.DataType.build("timestamp")
    return node


if __name__ == "__main__":
    request = json.load(sys.stdin)
    sys.path[:] = request["path"]
    json.dump(_transpile(request["catalog"], request["names"]), sys.stdout)
