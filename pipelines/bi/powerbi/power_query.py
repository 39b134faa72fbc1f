"""Write the M queries that load the model's tables into Power BI, from any kind of source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse.table import Table
from pipelines.bi.powerbi.m import m_list, m_steps, m_text
from pipelines.bi.powerbi.sources import GoldSource
from pipelines.bi.semantic.model import Model, ModelColumn, ModelTable
from pipelines.bi.semantic.relationships import CALENDAR_DAY, days
from pipelines.bi.semantic.tables import BAND

_TYPES = {
    "STRING": "type text",
    "BIGINT": "Int64.Type",
    "INT": "Int64.Type",
    "DOUBLE": "type number",
    "BOOLEAN": "type logical",
    "DATE": "type date",
    "TIMESTAMP": "type datetime",
}

_BAND = "if [probability] = null then null else List.Min({Number.RoundDown([probability] * 10), 9}) / 10"

_OF_A_DAY = {
    "year": "Date.Year([date])",
    "quarter": 'Text.From(Date.Year([date])) & "-Q" & Text.From(Date.QuarterOfYear([date]))',
    "month": 'Date.ToText([date], "yyyy-MM", "en-US")',
    "week_begins_on": "Date.StartOfWeek([date], Day.Monday)",
    "weekday": 'Date.DayOfWeekName([date], "en-US")',
    "weekday_number": "Date.DayOfWeek([date], Day.Monday) + 1",
}
"""M for the columns of the calendar, each made from the day."""


@dataclass(frozen=True)
class Expression:
    """A query of the project that loads no table: a parameter, whose ``result`` is its type, or a function."""

    name: str
    doc: str
    m: str
    result: str = "Function"


RANGE = (
    ("RangeStart", "#datetime(2000, 1, 1, 0, 0, 0)", "From when on rows are loaded; the service sets it."),
    (
        "RangeEnd",
        "#datetime(2100, 1, 1, 0, 0, 0)",
        "Until when rows are loaded, which is left out; the service sets it.",
    ),
)
"""The parameters that Power BI knows by their names, wide enough to load everything where no policy is applied."""


def range_column(table: ModelTable) -> str:
    """The day by which a long table is refreshed part by part; "" for a table that is not long.

    Long are the tables with a row for each session: they grow with the shop, the others with the days.
    """
    declared = table.declared
    if declared is None or "session_id" not in declared.key or not days(declared):
        return ""
    return days(declared)[0].name


def expressions(source: GoldSource, *, incremental: bool = False) -> tuple[Expression, ...]:
    """The parameter that says where gold is, those of an incremental refresh, and the functions of the queries."""
    ranges = tuple(
        Expression(
            name,
            doc,
            f'{m} meta [IsParameterQuery = true, Type = "DateTime", IsParameterQueryRequired = true]',
            "DateTime",
        )
        for name, m, doc in RANGE
    )
    return (
        *(ranges if incremental else ()),
        Expression(
            "GoldRoot",
            "Where the gold tables are. Change it here, and nowhere else.",
            f'{m_text(source.root)} meta [IsParameterQuery = true, Type = "Text", IsParameterQueryRequired = true]',
            "Text",
        ),
        Expression(
            "GoldTable", "The rows of a gold table, by its name; null where gold has none.", source.table_function
        ),
        Expression(
            "GoldDays",
            "What is in a column of a gold table; nothing where gold has no such table.",
            """(name as text, day as text) as list =>
    let
        Gold = GoldTable(name)
    in
        if Gold = null then {} else Table.Column(Gold, day)""",
        ),
        Expression(
            "Key",
            "Ids as one text that tells them apart in any case and with any character: their bytes in hexadecimal.",
            """(ids as list) as nullable text =>
    let
        Hex = (id as text) as text => Binary.ToText(Text.ToBinary(id, TextEncoding.Utf8), BinaryEncoding.Hex)
    in
        if List.Contains(ids, null) then null else Text.Combine(List.Transform(ids, Hex), ".")""",
        ),
        Expression(
            "Utc",
            "An instant in UTC without its zone, so that no machine's time zone shifts it.",
            """(instant as any) as any =>
    if instant is datetimezone then DateTimeZone.RemoveZone(DateTimeZone.ToUtc(instant)) else instant""",
        ),
    )


def table_query(table: ModelTable, model: Model, *, incremental: bool = False) -> str:
    """The query that loads a table of the model; each step's name says what its rows are."""
    if table.is_calendar:
        return _calendar_query(table, [other.declared for other in model.tables if other.declared])
    if table.declared is None:
        columns = ", ".join(f"{column.name} = {_type(column).removeprefix('type ')}" for column in table.columns)
        return f"#table(type table [{columns}], {{}})"
    return _gold_query(table, table.declared, range_column(table) if incremental else "")


def _gold_query(table: ModelTable, declared: Table, day: str) -> str:
    columns, added = table.columns[: len(declared.columns)], table.columns[len(declared.columns) :]
    names = m_list(m_text(column.name) for column in columns)
    instants = [column.name for column in columns if column.type == "TIMESTAMP"]
    steps = [
        ("Gold", f"GoldTable({m_text(table.name)})"),
        # A table that is not there yet is empty, and so is a column that an older lake does not have yet.
        (
            "Declared",
            f"if Gold = null then #table({names}, {{}}) else Table.SelectColumns(Gold, {names}, MissingField.UseNull)",
        ),
    ]
    if day:
        within = f"[{day}] >= Date.From(RangeStart) and [{day}] < Date.From(RangeEnd)"
        steps.append(("InRange", f"Table.SelectRows(Declared, each {within})"))
    if instants:
        in_utc = m_list(m_list([m_text(name), "Utc", "type nullable datetime"]) for name in instants)
        steps.append(("InUtc", f"Table.TransformColumns({steps[-1][0]}, {in_utc})"))
    types = m_list(m_list([m_text(column.name), _type(column)]) for column in columns)
    steps.append(("Typed", f'Table.TransformColumnTypes({steps[-1][0]}, {types}, "en-US")'))
    for column in added:
        value = _BAND if column.name == BAND else f"Key({m_list(f'[{name}]' for name in column.key_of)})"
        steps.append(_adding(steps[-1][0], column, value))
    return m_steps(steps)


def _calendar_query(calendar: ModelTable, tables: Sequence[Table]) -> str:
    """Every day of the years of gold. Tables with a row for each day give them at the least cost."""
    dated = [(table, days(table)[0]) for table in tables if days(table)]
    daily = [(table, day) for table, day in dated if day.name in table.key]
    of_gold = m_list(f"GoldDays({m_text(table.short_name)}, {m_text(day.name)})" for table, day in daily or dated)
    steps = [
        ("Days", f"List.Transform(List.RemoveNulls(List.Combine({of_gold})), Date.From)"),
        ("First", "Date.StartOfYear(List.Min(Days))"),
        ("Count", "Duration.Days(Date.EndOfYear(List.Max(Days)) - First) + 1"),
        ("All", "if List.IsEmpty(Days) then {} else List.Dates(First, Count, #duration(1, 0, 0, 0))"),
        ("Dates", f"Table.FromColumns({{All}}, type table [{CALENDAR_DAY} = date])"),
    ]
    for column in calendar.columns:
        if column.name != CALENDAR_DAY:
            steps.append(_adding(steps[-1][0], column, _OF_A_DAY[column.name]))
    return m_steps(steps)


def _adding(step: str, column: ModelColumn, value: str) -> tuple[str, str]:
    """The step that adds a column to another step's rows."""
    return f"With_{column.name}", f"Table.AddColumn({step}, {m_text(column.name)}, each {value}, {_type(column)})"


def _type(column: ModelColumn) -> str:
    return _TYPES.get(column.type, "Currency.Type")
