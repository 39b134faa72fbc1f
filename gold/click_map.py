"""Count the clicks in each cell of a kind of page, so that reports show where users click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.table import Column, Table
from silver.events import SILVER

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CELL_PIXELS = 50
"""How wide and how high a cell of the grid is, in CSS pixels."""


def click_map(clicks: DataFrame) -> DataFrame:
    """One row per day, kind of page and cell of the grid that was clicked."""
    from pyspark.sql import functions as F

    def cell(coordinate: str) -> str:
        return f"CAST(floor({coordinate} / {CELL_PIXELS}) * {CELL_PIXELS} AS INT)"

    return (
        clicks.where("x_coord IS NOT NULL AND y_coord IS NOT NULL")
        .groupBy(
            "event_on",
            "page_kind",
            F.expr(cell("x_coord")).alias("x_from"),
            F.expr(cell("y_coord")).alias("y_from"),
        )
        .agg(
            F.count("*").alias("clicks"),
            F.countDistinct("user_id").alias("visitors"),
            F.count_if("is_purchase").alias("purchases"),
        )
    )


TABLE = Table(
    name="gold.click_map",
    doc="One row per (event_on, page_kind, x_from, y_from): the clicks in a cell of 50 by 50 pixels of a kind of page. "
    "Clicks without coordinates are not on it.",
    columns=(
        Column(
            "page_kind",
            "STRING",
            "clicks.page_kind: home, category, product, search, cart, checkout, order or other; conf/shop.toml may "
            "name more.",
            True,
        ),
        Column("x_from", "INT", "FLOOR(x_coord / 50) * 50: the cell's left edge, in CSS pixels.", True),
        Column("y_from", "INT", "FLOOR(y_coord / 50) * 50: the cell's top edge, in CSS pixels.", True),
        Column("clicks", "BIGINT", "COUNT(*) of clicks in the cell, purchases included.", True),
        Column("visitors", "BIGINT", "COUNT(DISTINCT user_id) of these clicks.", True, additive=False),
        Column("purchases", "BIGINT", "COUNT(*) of these clicks WHERE is_purchase.", True),
        Column("event_on", "DATE", "clicks.event_on: the day of the clicks, in UTC.", True),
    ),
    key=("event_on", "page_kind", "x_from", "y_from"),
    reads={"clicks": SILVER["clicks"]},
    build=click_map,
    scope={"event_on": "event_on"},
    sort_by=("event_on",),
)
