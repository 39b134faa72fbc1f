"""The part of DAX that the measures use, evaluated over lists of rows: enough to hold their DAX against their SQL.

It is written from the language's description, not taken from Power BI: it finds a slip of the pen in
a measure, a wrong column or filter, and not a difference between this reading of DAX and Power BI's.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

Row = dict[str, Any]

TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|"(?P<text>[^"]*)"|(?P<column>\w+\[\w+\])|\[(?P<measure>[^\]]+)\]"""
    r"""|(?P<name>\w+)|(?P<sign><=|>=|<>|[-+*/^=<>(),]))"""
)
COMPARE = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
COMPUTE = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "^": operator.pow}
STRENGTH = {**dict.fromkeys(COMPARE, 1), "+": 2, "-": 2, "*": 3, "/": 3, "^": 4}


def parse(text: str) -> tuple:
    """The expression as nested tuples, the kind first."""
    tokens = []
    at = 0
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        if not found:
            raise ValueError(f"no DAX that is known here: {text[at:]!r}")
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    parsed = _expression(tokens, 0)
    if tokens:
        raise ValueError(f"what is {tokens[0][1]!r} doing there: {text!r}")
    return parsed


def _take(tokens: list, value: str) -> None:
    if not tokens or tokens.pop(0)[1] != value:
        raise ValueError(f"{value!r} is missing")


def _expression(tokens: list, weakest: int) -> tuple:
    left = _operand(tokens)
    while tokens and tokens[0][0] == "sign" and STRENGTH.get(tokens[0][1], 0) > weakest:
        sign = tokens.pop(0)[1]
        left = ("operation", sign, left, _expression(tokens, STRENGTH[sign]))
    return left


def _operand(tokens: list) -> tuple:
    kind, value = tokens.pop(0)
    if (kind, value) == ("name", "VAR"):
        name = tokens.pop(0)[1]
        _take(tokens, "=")
        bound = _expression(tokens, 0)
        if tokens and tokens[0][1] != "VAR":
            _take(tokens, "RETURN")
        return ("let", name, bound, _expression(tokens, 0))
    if kind == "name" and tokens and tokens[0][1] == "(":
        arguments = []
        tokens.pop(0)
        while tokens and tokens[0][1] != ")":
            arguments.append(_expression(tokens, 0))
            if tokens and tokens[0][1] == ",":
                tokens.pop(0)
        _take(tokens, ")")
        return ("call", value, *arguments)
    if kind == "sign":
        raise ValueError(f"an expression cannot begin with {value!r}")
    return (kind, value)


@dataclass(frozen=True)
class Filter:
    """Which rows of a table are left."""

    table: str
    column: str
    keeps: Callable[[Row], bool]


@dataclass(frozen=True)
class Scope:
    """What an expression is evaluated in: the filters, the names of VAR, and the row at hand with its table."""

    filters: tuple[Filter, ...] = ()
    names: Row = field(default_factory=dict)
    row: tuple[str, Row] | None = None


def split(column: str) -> tuple[str, str]:
    """The table and the name of ``table[column]``."""
    table, name = column[:-1].split("[")
    return table, name


@dataclass
class Cube:
    """Tables, what they refer to, and the measures over them.

    ``parents`` has for each table: its column, the table that it refers to, and the column there.
    """

    tables: dict[str, list[Row]]
    parents: dict[str, list[tuple[str, str, str]]]
    measures: dict[str, str]
    filters: tuple[Filter, ...] = ()

    def value(self, measure: str) -> Any:
        """The measure's value under the filters; None for DAX's blank."""
        return self._measure((measure,), Scope(self.filters))

    def rows(self, table: str, filters: tuple[Filter, ...]) -> list[Row]:
        """The rows that are left by the filters of the table and of those that it refers to."""
        left = [row for row in self.tables[table] if all(one.keeps(row) for one in filters if one.table == table)]
        for column, parent, key in self.parents.get(table, []):
            reached = self._above(parent)
            if any(one.table in reached for one in filters):
                kept = {row[key] for row in self.rows(parent, filters)}
                left = [row for row in left if row[column] in kept]
        return left

    def _above(self, table: str) -> set[str]:
        return {table}.union(*(self._above(parent) for _, parent, _ in self.parents.get(table, [])))

    def _evaluate(self, node: tuple, scope: Scope) -> Any:
        return getattr(self, f"_{node[0]}")(node[1:], scope)

    # One method for each kind of node.

    @staticmethod
    def _number(parts: tuple, _: Scope) -> float:
        return float(parts[0])

    @staticmethod
    def _text(parts: tuple, _: Scope) -> str:
        return parts[0]

    def _measure(self, parts: tuple, scope: Scope) -> Any:
        return self._evaluate(parse(self.measures[parts[0]]), Scope(scope.filters))

    def _name(self, parts: tuple, scope: Scope) -> Any:
        return scope.names[parts[0]] if parts[0] in scope.names else (parts[0], self.rows(parts[0], scope.filters))

    @staticmethod
    def _column(parts: tuple, scope: Scope) -> Any:
        table, name = split(parts[0])
        if scope.row is None or scope.row[0] != table:
            raise ValueError(f"{parts[0]} is no column of the row at hand")
        return scope.row[1][name]

    def _let(self, parts: tuple, scope: Scope) -> Any:
        name, bound, result = parts
        return self._evaluate(result, replace(scope, names={**scope.names, name: self._evaluate(bound, scope)}))

    def _operation(self, parts: tuple, scope: Scope) -> Any:
        sign, left, right = parts[0], self._evaluate(parts[1], scope), self._evaluate(parts[2], scope)
        if sign in COMPARE:
            return COMPARE[sign](left, right)
        if isinstance(left, dt.date):
            return left + dt.timedelta(COMPUTE[sign](0, right))
        return COMPUTE[sign](float(left or 0), float(right or 0))

    def _call(self, parts: tuple, scope: Scope) -> Any:
        name, *arguments = parts
        return FUNCTIONS[name](self, arguments, scope)

    # One method for each function.

    def if_(self, arguments: list, scope: Scope) -> Any:
        left = arguments[1:] if self._evaluate(arguments[0], scope) else arguments[2:]
        return self._evaluate(left[0], scope) if left else None

    def divide(self, arguments: list, scope: Scope) -> float | None:
        part, whole = (self._evaluate(argument, scope) for argument in arguments)
        return None if part is None or not whole else float(part) / float(whole)

    def related(self, arguments: list, scope: Scope) -> Any:
        target, name = split(arguments[0][1])
        table, row = scope.row
        while table != target:
            # By as many relationships as it takes: a prediction's session, and the session's user.
            ways = self.parents[table]
            own, parent, key = next((one for one in ways if one[1] == target), ways[0])
            table, row = parent, next(above for above in self.tables[parent] if above[key] == row[own])
        return row[name]

    def seconds_between(self, arguments: list, scope: Scope) -> float:
        if arguments[2] != ("name", "SECOND"):
            raise ValueError(f"no unit that is known here: {arguments[2]}")
        return (self._evaluate(arguments[1], scope) - self._evaluate(arguments[0], scope)).total_seconds()

    def count_rows(self, arguments: list, scope: Scope) -> int | None:
        return len(self._evaluate(arguments[0], scope)[1]) or None

    def filtered(self, arguments: list, scope: Scope) -> tuple[str, list[Row]]:
        table, rows = self._evaluate(arguments[0], scope)
        return table, [row for row in rows if self._evaluate(arguments[1], replace(scope, row=(table, row)))]

    def average_of_rows(self, arguments: list, scope: Scope) -> float | None:
        table, rows = self._evaluate(arguments[0], scope)
        return mean([self._evaluate(arguments[1], replace(scope, row=(table, row))) for row in rows])

    def calculate(self, arguments: list, scope: Scope) -> Any:
        """The first argument under the filters that the others make; a bare one takes the place of its column's."""
        left, added = list(scope.filters), []
        for node in arguments[1:]:
            if node[:2] == ("call", "REMOVEFILTERS"):
                left = [one for one in left if len(node) > 2 and one.table != node[2][1]]
            elif node[:2] == ("call", "FILTER"):
                table, rows = self._evaluate(node, scope)
                kept = {id(row) for row in rows}
                added.append(Filter(table, "", lambda row, kept=kept: id(row) in kept))
            elif node[:2] == ("call", "KEEPFILTERS"):
                added.append(self._condition(node[2], scope))
            else:
                one = self._condition(node, scope)
                left = [other for other in left if (other.table, other.column) != (one.table, one.column)]
                added.append(one)
        return self._evaluate(arguments[0], replace(scope, filters=(*left, *added)))

    def _condition(self, node: tuple, scope: Scope) -> Filter:
        kind, sign, left, right = node
        if kind != "operation" or sign not in COMPARE or left[0] != "column":
            raise ValueError(f"no condition on one column: {node}")
        table, name = split(left[1])
        bound = self._evaluate(right, scope)
        return Filter(table, name, lambda row: row[name] is not None and COMPARE[sign](row[name], bound))

    def values(self, arguments: list, scope: Scope) -> list:
        """What is in a column, blanks left out."""
        table, name = split(arguments[0][1])
        return [row[name] for row in self.rows(table, scope.filters) if row[name] is not None]


def mean(values: list) -> float | None:
    """The mean, or blank of nothing."""
    return sum(values) / len(values) if values else None


def of_column(aggregate: Callable[[list], Any]) -> Callable[[Cube, list, Scope], Any]:
    """The function of a column's values, blank where there are none."""
    return lambda cube, arguments, scope: aggregate(values) if (values := cube.values(arguments, scope)) else None


FUNCTIONS: dict[str, Callable[[Cube, list, Scope], Any]] = {
    "TRUE": lambda *_: True,
    "FALSE": lambda *_: False,
    "IF": Cube.if_,
    "DIVIDE": Cube.divide,
    "RELATED": Cube.related,
    "DATEDIFF": Cube.seconds_between,
    "COUNTROWS": Cube.count_rows,
    "FILTER": Cube.filtered,
    "AVERAGEX": Cube.average_of_rows,
    "CALCULATE": Cube.calculate,
    "SUM": of_column(sum),
    "MAX": of_column(max),
    "AVERAGE": of_column(mean),
    # Power BI does not tell apart what differs in case alone.
    "DISTINCTCOUNT": of_column(lambda values: len({str(value).lower() for value in values})),
}
