"""Declare the table of days that every date of gold refers to."""

from __future__ import annotations

from lakehouse.table import Format
from pipelines.bi.semantic.model import ModelColumn, ModelTable
from pipelines.bi.semantic.relationships import CALENDAR, CALENDAR_DAY

CALENDAR_TABLE = ModelTable(
    CALENDAR,
    "One row per day of the years that gold has data of, in UTC.",
    (
        ModelColumn(CALENDAR_DAY, "DATE", "The day, in UTC.", Format.DAY, is_key=True),
        ModelColumn("year", "BIGINT", "The year.", Format.WHOLE),
        ModelColumn("quarter", "STRING", "The quarter, as in 2026-Q1."),
        ModelColumn("month", "STRING", "The month, as in 2026-01."),
        ModelColumn("week_begins_on", "DATE", "The Monday of the day's week.", Format.DAY),
        ModelColumn("weekday", "STRING", "The day of the week, in English.", sort_by="weekday_number"),
        ModelColumn("weekday_number", "BIGINT", "1 for Monday to 7 for Sunday.", Format.WHOLE, hidden=True),
    ),
    is_calendar=True,
)
