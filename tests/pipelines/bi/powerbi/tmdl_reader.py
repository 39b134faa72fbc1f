"""A reader of TMDL that takes what the project writes and nothing looser: an unknown word is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import takewhile

NAME = r"(?:'(?:[^']|'')+'|[A-Za-z_]\w*|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

OBJECTS = {
    "": {"database", "model", "table", "expression", "relationship", "ref table"},
    "model": {"annotation"},
    "table": {"column", "measure", "partition", "refreshPolicy"},
    "column": {"annotation"},
    "expression": {"annotation"},
}
PROPERTIES = {
    "database": {"compatibilityLevel": r"16\d\d"},
    "model": {"culture": "en-US", "defaultPowerBIDataSourceVersion": "powerBI_V3", "sourceQueryCulture": "en-US"},
    "table": {"lineageTag": GUID, "dataCategory": "Time"},
    "column": {
        "dataType": "int64|double|string|boolean|decimal|dateTime",
        "formatString": ".+",
        "displayFolder": ".+",
        "lineageTag": GUID,
        "summarizeBy": "sum|none",
        "sourceColumn": ".+",
        "sortByColumn": NAME,
    },
    "measure": {"formatString": ".+", "displayFolder": ".+", "lineageTag": GUID},
    "partition": {"mode": "import"},
    "refreshPolicy": {
        "policyType": "basic",
        "rollingWindowGranularity": "year",
        "rollingWindowPeriods": r"\d+",
        "incrementalGranularity": "day",
        "incrementalPeriods": r"\d+",
    },
    "expression": {"lineageTag": GUID},
    "relationship": {
        "isActive": "false",
        "fromCardinality": "one",
        "crossFilteringBehavior": "bothDirections",
        "fromColumn": rf"{NAME}\.{NAME}",
        "toColumn": rf"{NAME}\.{NAME}",
    },
}
FLAGS = {"table": {"isHidden"}, "column": {"isHidden", "isKey"}}
WITH_EXPRESSION = {"measure", "partition", "expression", "annotation"}
DESCRIBED = {"table", "column", "measure", "expression"}


@dataclass
class Node:
    """An object of TMDL."""

    kind: str
    name: str = ""
    expression: str = ""
    doc: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    children: list[Node] = field(default_factory=list)

    def all(self, kind: str) -> list[Node]:
        return [child for child in self.children if child.kind == kind]


def read(text: str) -> Node:
    """The objects of a file.

    Raises ValueError, with the line, where it is no TMDL that this project writes.
    """
    if not text.endswith("\n") or "\r" in text:
        raise ValueError("a file ends with a line feed and has no carriage return")
    root = Node("")
    path = [root]
    doc = ""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.strip():
            continue
        content = line.lstrip("\t")
        level = len(line) - len(content)
        if content.startswith(" ") or content != content.rstrip() or level >= len(path):
            raise ValueError(f"line {at}: wrong indentation: {line!r}")
        if content.startswith("/// "):
            doc = content[4:]
            continue
        del path[level + 1 :]
        body = _body(lines, at, level) if content.endswith(" =") else []
        at += len(body)
        node = _object(path[-1], content, "\n".join(body), at)
        if bool(doc) != (node is not None and node.kind in DESCRIBED):
            raise ValueError(f"line {at}: a description where none belongs, or none where one does: {content!r}")
        if node is not None:
            node.doc, doc = doc, ""
            path[-1].children.append(node)
            path.append(node)
    return root


def _body(lines: list[str], at: int, level: int) -> list[str]:
    """The lines of the expression that follows."""
    deeper = list(takewhile(lambda line: line.startswith("\t" * (level + 2)), lines[at:]))
    if not deeper:
        raise ValueError(f"line {at}: an expression without a body")
    return [line[level + 2 :] for line in deeper]


def _object(owner: Node, content: str, body: str, at: int) -> Node | None:
    """The object that the line begins, or nothing where it is a property of the one that it stands in."""
    for kind in OBJECTS.get(owner.kind, set()):
        if content == kind and kind in {"database", "refreshPolicy"}:
            return Node(kind)
        found = re.fullmatch(rf"{kind} ({NAME})(?: =(?: (.+))?)?", content)
        if found:
            if (kind in WITH_EXPRESSION) != (" =" in content[len(kind) + len(found[1]) :]):
                raise ValueError(f"line {at}: {kind} and its expression: {content!r}")
            return Node(kind, unquoted(found[1]), found[2] or body)
    key, colon, value = content.partition(": ")
    if colon and re.fullmatch(PROPERTIES.get(owner.kind, {}).get(key, r"(?!)"), value):
        if key in owner.properties:
            raise ValueError(f"line {at}: {key} twice")
        owner.properties[key] = value
    elif content in FLAGS.get(owner.kind, set()):
        owner.flags.add(content)
    elif owner.kind == "refreshPolicy" and content == "sourceExpression =":
        owner.properties["source"] = body
    elif owner.kind == "partition" and content.startswith("source ="):
        owner.properties["source"] = body or content.removeprefix("source = ")
    else:
        raise ValueError(f"line {at}: not known in {owner.kind or 'a file'}: {content!r}")
    return None


def unquoted(name: str) -> str:
    """The name that TMDL spells so."""
    return name[1:-1].replace("''", "'") if name.startswith("'") else name


def column_of(reference: str) -> tuple[str, str]:
    """The table and the column of ``table.column``."""
    table, column = re.fullmatch(rf"({NAME})\.({NAME})", reference).groups()
    return unquoted(table), unquoted(column)
