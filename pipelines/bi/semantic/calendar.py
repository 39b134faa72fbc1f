"""The table of days that every date of gold refers to."""

from __future__ import annotations

from collections.abc import Sequence

from lakehouse.table import Table
from pipelines.bi.semantic.m import m_list, m_steps, m_text
from pipelines.bi.semantic.parts import ModelColumn, ModelTable
from pipelines.bi.semantic.relationships import CALENDAR, CALENDAR_DAY, days


def calendar(tables: Sequence[Table]) -> ModelTable:
    """Every day of the years that the data is of. Tables that have a row for each day know them at least cost."""
    dated = [(table, days(table)[0]) for table in tables if days(table)]
    daily = [(table, day) for table, day in dated if day.name in table.key]
    of_gold = m_list(f"GoldTable({m_text(table.short_name)})[{day.name}]" for table, day in daily or dated)
    steps = [
        ("Days", f"List.Transform(List.RemoveNulls(List.Combine({of_gold})), Date.From)"),
        ("First", "Date.StartOfYear(List.Min(Days))"),
        ("Count", "Duration.Days(Date.EndOfYear(List.Max(Days)) - First) + 1"),
        ("All", "if List.IsEmpty(Days) then {} else List.Dates(First, Count, #duration(1, 0, 0, 0))"),
        ("Dates", f"Table.FromColumns({{All}}, type table [{CALENDAR_DAY} = date])"),
    ]
    for column, value in _PARTS:
        adding = f"Table.AddColumn({steps[-1][0]}, {m_text(column.name)}, each {value}, {column.m_type})"
        steps.append((f"With_{column.name}", adding))
    return ModelTable(
        CALENDAR,
        "One row per day of the years that gold has data of, in UTC.",
        (_DAY, *(column for column, _ in _PARTS)),
        m_steps(steps),
        is_calendar=True,
    )


_DAY = ModelColumn(CALENDAR_DAY, "dateTime", "type date", "The day, in UTC.", format="yyyy-mm-dd", is_key=True)

_PARTS = (
    (ModelColumn("year", "int64", "Int64.Type", "The year.", format="0"), "Date.Year([date])"),
    (
        ModelColumn("quarter", "string", "type text", "The quarter, as in 2026-Q1."),
        'Text.From(Date.Year([date])) & "-Q" & Text.From(Date.QuarterOfYear([date]))',
    ),
    (
        ModelColumn("month", "string", "type text", "The month, as in 2026-01."),
        'Date.ToText([date], "yyyy-MM", "en-US")',
    ),
    (
        ModelColumn("week_begins_on", "dateTime", "type date", "The Monday of the day's week.", format="yyyy-mm-dd"),
        "Date.StartOfWeek([date], Day.Monday)",
    ),
    (
        ModelColumn("weekday", "string", "type text", "The day of the week, in English.", sort_by="weekday_number"),
        'Date.DayOfWeekName([date], "en-US")',
    ),
    (
        ModelColumn("weekday_number", "int64", "Int64.Type", "1 for Monday to 7 for Sunday.", format="0", hidden=True),
        "Date.DayOfWeek([date], Day.Monday) + 1",
    ),
)
