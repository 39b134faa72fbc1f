"""The SQL of a declaration is what DuckDB runs, is the same each time, and says why where there is none."""

from __future__ import annotations

import sys
import textwrap

import duckdb
import pytest

from lakehouse.engines.duckdb_types import create_empty, prepare
from lakehouse.engines.stored_sql import stored_sql, write_stored_sql
from lakehouse.engines.transpile import transpile
from pipelines.gold_builder import SQL_FOLDER, incremental_tables
from pipelines.runtime.catalog import GOLD

SHOP = """
    from lakehouse.table import Column, Source, Table

    SALES = Source("shop.sales", "Sales.", (
        Column("buyer", "STRING", "Who."), Column("paid", "DOUBLE", "How much."), Column("at", "TIMESTAMP", "When."),
    ))


    def buyers(sales):
        from pyspark.sql import Window
        from pyspark.sql import functions as F

        known = F.last("paid", ignorenulls=True).over(
            Window.partitionBy("buyer").orderBy("at").rowsBetween(Window.unboundedPreceding, 0)
        )
        return sales.select("buyer", known.alias("paid"), F.to_date("at").alias("bought_on"))


    def strange(sales):
        from pyspark.sql import functions as F

        return sales.select("buyer", F.aes_encrypt("buyer", "buyer").cast("DOUBLE").alias("paid"), "bought_on")


    def table(name, build):
        return Table(
            name=name, doc="One row per sale.", key=("buyer",), reads={"sales": SALES}, build=build,
            scope={"buyer": "buyer"},
            columns=(
                Column("buyer", "STRING", "Who."), Column("paid", "DOUBLE", "How much."),
                Column("bought_on", "DATE", "When."),
            ),
        )


    TABLES = {"shop.buyers": table("shop.buyers", buyers), "shop.strange": table("shop.strange", strange)}
"""


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    (tmp_path / "some_shop.py").write_text(textwrap.dedent(SHOP))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "some_shop:TABLES"
    sys.modules.pop("some_shop", None)


def test_the_sql_gives_the_declared_columns_in_their_types(catalog):
    import some_shop

    sql = transpile(catalog, ["shop.buyers"])["shop.buyers"]
    database = duckdb.connect()
    prepare(database)
    database.execute(create_empty("sales", some_shop.SALES.columns))
    database.execute(
        "INSERT INTO sales VALUES ('a', 1, '2026-01-01 23:00'), ('a', NULL, '2026-01-02 01:00'), ('b', NULL, NULL)"
    )
    found = database.sql(f"FROM ({sql}) ORDER BY 1, 3")
    assert [(name, str(kind)) for name, kind in zip(found.columns, found.types, strict=True)] == [
        ("buyer", "VARCHAR"), ("paid", "DOUBLE"), ("bought_on", "DATE"),
    ]  # fmt: skip
    assert [(buyer, paid, str(day)) for buyer, paid, day in found.fetchall()] == [
        ("a", 1.0, "2026-01-01"), ("a", 1.0, "2026-01-02"), ("b", None, "None"),
    ]  # fmt: skip


def test_a_function_that_duckdb_lacks_is_said(catalog):
    found = transpile(catalog, ["shop.strange", "shop.buyers"])
    assert found["shop.strange"].startswith("--")
    assert "aes_encrypt" in found["shop.strange"].lower()
    assert not found["shop.buyers"].startswith("--")


@pytest.mark.usefixtures("catalog")
def test_sql_counts_only_for_the_sources_that_it_is_from(tmp_path):
    import some_shop

    folder = tmp_path / "sql"
    write_stored_sql(folder, some_shop.TABLES, {"shop.buyers": "SELECT 1"})
    assert stored_sql(folder, some_shop.TABLES.values()) == {"shop.buyers": "SELECT 1"}
    module = tmp_path / "some_shop.py"
    module.write_text(module.read_text() + "\nMORE = 1\n")
    assert stored_sql(folder, some_shop.TABLES.values()) == {}


def test_the_sql_of_gold_is_that_of_its_declarations():
    names = [table.name for table in incremental_tables()]
    written = transpile("pipelines.runtime.catalog:TABLES", names)
    stored = stored_sql(SQL_FOLDER, GOLD.values())
    assert stored == written, "Run `clickstream check --write`."
