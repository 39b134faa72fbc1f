"""Build the semantic model from the gold declarations, so that a new table or column appears by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lakehouse.errors import DeclarationError
from lakehouse.table import Table
from pipelines.bi.semantic.calendar import CALENDAR_TABLE
from pipelines.bi.semantic.measures import MEASURES
from pipelines.bi.semantic.model import Model
from pipelines.bi.semantic.relationships import CALENDAR, relationships
from pipelines.bi.semantic.tables import NOT_IN_REPORTS, gold_table


def semantic_model(tables: Sequence[Table], currency: str = "") -> Model:
    """The model over the gold tables that reports are made of.

    Raises DeclarationError where a table has the calendar's name, or a measure names a column that no table declares.
    """
    for table in tables:
        if table.short_name == CALENDAR:
            raise DeclarationError(
                f"{table.name} has the name of a table that the semantic model adds.", "Choose another name."
            )
    tables = [table for table in tables if table.name not in NOT_IN_REPORTS]
    model_tables = (*(gold_table(table, tables) for table in tables), CALENDAR_TABLE)
    columns = {f"{table.name}[{column.name}]" for table in model_tables for column in table.columns}
    for measures in MEASURES.values():
        for measure in measures:
            if unknown := sorted(set(re.findall(r"\w+\[\w+\]", measure.dax)) - columns):
                raise DeclarationError(
                    f"The measure {measure.name!r} names {', '.join(unknown)}, which gold does not declare.",
                    "Fix its DAX and its SQL in pipelines/bi/semantic/measures/.",
                )
    return Model(model_tables, relationships(tables), MEASURES, currency)
