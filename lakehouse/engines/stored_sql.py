"""The SQL of tables, kept as files beside their declarations: what DuckDB runs, and what a person may read.

Each file says from which sources it was written. Once one of those has changed, the file counts no more, and Spark
runs the table until the SQL is written again.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from lakehouse.shipped_files import read_shipped
from lakehouse.table import Table


def stored_sql(folder: Path, tables: Iterable[Table]) -> dict[str, str]:
    """The SQL of those tables whose file is there and written from the sources as they are, by their names."""
    found = {}
    for table in tables:
        if table.build is None:
            continue
        try:
            head, _, sql = read_shipped(_file(folder, table)).decode().partition("\n")
        except FileNotFoundError:
            continue
        if head == _head(table):
            found[table.name] = sql
    return found


def write_stored_sql(folder: Path, tables: Mapping[str, Table], sql: Mapping[str, str]) -> None:
    """Writes the file of each of the tables for which there is SQL."""
    folder.mkdir(exist_ok=True)
    for name, text in sql.items():
        _file(folder, tables[name]).write_text(f"{_head(tables[name])}\n{text}", encoding="utf-8")


def _file(folder: Path, table: Table) -> Path:
    return folder / f"{table.short_name}.sql"


def _head(table: Table) -> str:
    module = table.build.__module__ if table.build else ""
    return f"-- Written from {module}; do not edit. Sources: {definition_digest(table)}"


def definition_digest(table: Table) -> str:
    """A hash of what a table's rows depend on: columns of what it reads and of its own, and its package's sources."""
    module = table.build.__module__ if table.build else ""
    columns = [[name, *((one.name, one.type) for one in source.columns)] for name, source in table.reads.items()]
    columns.append([table.name, *((one.name, one.type) for one in table.columns)])
    digest = hashlib.sha256(json.dumps(columns).encode())
    for name in sorted(_imported(module)):
        source = _source(name)
        digest.update(name.encode() + b"\0" + (read_shipped(source).replace(b"\r\n", b"\n") if source else b"") + b"\0")
    return digest.hexdigest()[:16]


def _imported(module: str) -> set[str]:
    """The module, and those of its top package that it imports, directly or not."""
    package = module.partition(".")[0]
    found, waiting = set[str](), [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [one for one in _imports(name) if one.partition(".")[0] == package]
    return found


@cache
def _imports(module: str) -> tuple[str, ...]:
    """The modules that a module's source imports, wherever in it; names imported from a package may be modules."""
    source = _source(module)
    if source is None:
        return ()
    names: dict[str, None] = {}
    for node in ast.walk(ast.parse(read_shipped(source))):
        if isinstance(node, ast.Import):
            names |= {alias.name: None for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module: None, **{f"{node.module}.{alias.name}": None for alias in node.names}}
    return tuple(name for name in names if name.partition(".")[0] == module.partition(".")[0] and _source(name))


@cache
def _source(module: str) -> Path | None:
    """The file of a module; None where there is none of that name."""
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None
