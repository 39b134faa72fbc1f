"""A workbook as its XML has it: a reader of our own, so that no library is believed about what it wrote itself."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from xml.etree import ElementTree as ET

_SPACES = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True)
class Cell:
    """A cell: of which kind (``text``, ``number``, ``bool``), what is in it, and how it is shown."""

    kind: str
    value: object
    shown: str


def read_sheet(file):
    """The rows of a workbook's one sheet, without the first; and the sheet's XML. Empty cells are None."""
    with zipfile.ZipFile(file) as parts:
        assert parts.testzip() is None
        sheet = _tree(parts.read("xl/worksheets/sheet1.xml"))
        formats = _formats(_tree(parts.read("xl/styles.xml")))
    width = len(sheet.find("m:sheetData", _SPACES)[0])
    rows = []
    for row in sheet.iterfind("m:sheetData/m:row", _SPACES):
        cells = [None] * width
        for one in row:
            cells[_column(one.get("r"))] = _cell(one, formats)
        rows.append(cells)
    return rows, sheet


def _column(place):
    """Which column a place such as AB12 is in, from 0."""
    number = 0
    for letter in re.sub("[0-9]", "", place):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _tree(xml):
    return ET.fromstring(xml)  # noqa: S314 - the tests wrote it


def _formats(styles):
    own = {one.get("numFmtId"): one.get("formatCode") for one in styles.iterfind("m:numFmts/m:numFmt", _SPACES)}
    built_in = {"0": "General", "1": "0", "2": "0.00", "49": "@"}
    return [{**built_in, **own}[one.get("numFmtId")] for one in styles.iterfind("m:cellXfs/m:xf", _SPACES)]


def _cell(one, formats):
    assert one.find("m:f", _SPACES) is None, "a formula"
    shown = formats[int(one.get("s", "0"))]
    if one.get("t") == "inlineStr":
        texts = (part.text or "" for part in one.iter(f"{{{_SPACES['m']}}}t"))
        return Cell("text", "".join(_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) for text in texts), shown)
    text = one.find("m:v", _SPACES).text
    return Cell("bool", text == "1", shown) if one.get("t") == "b" else Cell("number", float(text), shown)
