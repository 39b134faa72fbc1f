"""Write values as people read them, by the formats that the semantic model declares."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from lakehouse.table import Format
from pipelines.bi.html.queries import measure_of, owner
from pipelines.bi.semantic.measures.trends import TRENDS
from pipelines.bi.semantic.model import Model
from pipelines.bi.semantic.relationships import CALENDAR, CALENDAR_DAY
from pipelines.bi.semantic.tables import BAND

HAS_WHOLE_VALUES = frozenset({Format.COUNT, Format.WHOLE, Format.ID, Format.HASH})
"""The formats between whose values there is nothing: no axis of theirs has a mark at a half."""

NOTHING = "\N{EN DASH}"
"""What stands where a figure is blank: there is nothing to count, or nothing to divide by."""

NO_NAME = "(none)"
"""What stands where a column of text is null."""

LONGEST = 300
"""How much of a text is shown, in characters."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_SAID = {"path": "Why", "cut": "Events known", "roc_auc": "ROC AUC", "page_kind": "Kind of page"}
"""What people say for a column whose name alone does not tell them."""

Write = Callable[[Any], str]
"""How a value is written."""


def _text(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _day(value: date) -> str:
    return value.isoformat()


def _instant(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S")


_WRITERS: dict[Format | None, Write] = {
    None: _text,
    Format.COUNT: "{:,.0f}".format,
    Format.MONEY: "{:,.2f}".format,
    Format.NUMBER: "{:,.2f}".format,
    Format.WHOLE: "{:.0f}".format,
    Format.SHARE: "{:.1%}".format,
    Format.MEAN: "{:,.2f}".format,
    Format.SCORE: "{:.3f}".format,
    Format.TENTH: "{:.1f}".format,
    Format.ID: "{:.0f}".format,
    Format.HASH: "{:.0f}".format,
    Format.DAY: _day,
    Format.INSTANT: _instant,
}


def _money(currency: str) -> Write:
    return lambda value: f"{value:,.2f}\N{NO-BREAK SPACE}{currency}"


def writers(model: Model) -> dict[str, Write]:
    """How the values of each column and measure of the model are written, by its field."""
    of_formats = _WRITERS | ({Format.MONEY: _money(model.currency)} if model.currency else {})
    by_field = {
        f"{table.name}[{column.name}]": of_formats[column.format] for table in model.tables for column in table.columns
    }
    by_field |= {f"[{one.name}]": of_formats[one.format] for measures in model.measures.values() for one in measures}
    by_field[f"{CALENDAR}[weekday]"] = lambda number: WEEKDAYS[number - 1]
    by_field |= {
        f"[{trend.change.name}]": _points if trend.in_points else "{:+.1%}".format for trend in TRENDS.values()
    }
    by_field |= {f"{table.name}[{BAND}]": _band for table in model.tables}
    return by_field


def _points(value: Any) -> str:
    return f"{100 * float(value):+.1f} points"


def _band(value: float) -> str:
    return f"{value:.1f} to {value + 0.1:.1f}"


def mark_writer(kind: Format, currency: str, step: float) -> Write:
    """How the marks of an axis are written: with just the decimals that tell each from the next."""
    percent = kind is Format.SHARE
    decimals = max(0, -math.floor(math.log10(step * (100 if percent else 1)) + 1e-9))
    if percent:
        return lambda value: f"{value:.{decimals}%}"
    behind = f"\N{NO-BREAK SPACE}{currency}" if kind is Format.MONEY and currency else ""
    return lambda value: f"{value:,.{decimals}f}{behind}"


def axis_name(fields: Sequence[str], category: str) -> str:
    """What an axis of values measures: the measure, or what several of them have in common."""
    measures = [measure for measure in map(measure_of, fields) if measure]
    a_day = " a day" if owner(category) == (CALENDAR, CALENDAR_DAY) else ""
    if len(measures) == 1:
        return measures[0].name + (a_day if measures[0].format in {Format.COUNT, Format.MONEY} else "")
    return {Format.COUNT: f"Number{a_day}", Format.SHARE: "Share"}.get(measures[0].format, "Value")


def category_name(category: str) -> str:
    """What an axis of categories is called, with its unit."""
    table, column = owner(category)
    if (table, column) == (CALENDAR, CALENDAR_DAY):
        return "Day (UTC)"
    return "Probability" if column == BAND else _column_name(column)


def written(value: Any, field: str, of_fields: dict[str, Write]) -> str:
    """The value of a field as text."""
    if value is None:
        return NO_NAME if of_fields[field] is _text else NOTHING
    return of_fields[field](value)


def heading(field: str) -> str:
    """What a field is called at the head of its column."""
    measure = measure_of(field)
    return measure.name if measure else _column_name(owner(field)[1])


def _column_name(column: str) -> str:
    words = column.replace("_", " ")
    return _SAID.get(column, words[:1].upper() + words[1:])
