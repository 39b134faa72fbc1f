"""Write the report in PBIR: one JSON file for each page and each visual, by Microsoft's published schemas."""

from __future__ import annotations

import re
from typing import Any

from pipelines.bi.powerbi.ids import stable_id
from pipelines.bi.powerbi.tmdl import MEASURE_TABLE
from pipelines.bi.semantic.layout import HEIGHT, WIDTH, Page, Visual

SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"
"""Where Microsoft publishes the schemas; older versions open in older Desktops, so none is newer than needed."""

ITEM = f"{SCHEMAS}/item/report/definition"

COLD, HOT = "#FFFFFF", "#118DFF"
"""The colours of the least and the most in a table that is shaded."""

Json = dict[str, Any]


def report_files(pages: tuple[Page, ...]) -> dict[str, Json]:
    """The files of the report's folder ``definition``, by their paths in it."""
    files: dict[str, Json] = {
        "version.json": {"$schema": f"{ITEM}/versionMetadata/1.0.0/schema.json", "version": "2.0.0"},
        "report.json": {
            "$schema": f"{ITEM}/report/3.0.0/schema.json",
            # No base theme: one that is named has to come with its file, which is Desktop's to bring.
            "themeCollection": {},
        },
        "pages/pages.json": {
            "$schema": f"{ITEM}/pagesMetadata/1.0.0/schema.json",
            "pageOrder": [page.name for page in pages],
            "activePageName": pages[0].name,
        },
    }
    for page in pages:
        files[f"pages/{page.name}/page.json"] = _page(page)
        for position, visual in enumerate(page.visuals):
            name = stable_id("visual", page.name, str(position))[:20].replace("-", "")
            files[f"pages/{page.name}/visuals/{name}/visual.json"] = _container(name, position, visual)
    return files


def _page(page: Page) -> Json:
    json: Json = {
        "$schema": f"{ITEM}/page/2.0.0/schema.json",
        "name": page.name,
        "displayName": page.title,
        "displayOption": "FitToPage",
        "height": HEIGHT,
        "width": WIDTH,
    }
    if page.only:
        json["filterConfig"] = {"filters": [_only(page.name, field, value=value) for field, value in page.only]}
    return json


def _only(page: str, field: str, *, value: bool) -> Json:
    """A filter of the page: the column has the value."""
    table, column = _column(field)
    here = {"Column": {"Expression": {"SourceRef": {"Source": "t"}}, "Property": column}}
    return {
        "name": stable_id("filter", page, field)[:20].replace("-", ""),
        "field": _field(field),
        "type": "Categorical",
        "filter": {
            "Version": 2,
            "From": [{"Name": "t", "Entity": table, "Type": 0}],
            "Where": [{"Condition": {"In": {"Expressions": [here], "Values": [[_literal(value=value)]]}}}],
        },
        "howCreated": "User",
    }


def _container(name: str, position: int, visual: Visual) -> Json:
    order = 1000 * (position + 1)
    return {
        "$schema": f"{ITEM}/visualContainer/2.2.0/schema.json",
        "name": name,
        "position": {
            "x": visual.x,
            "y": visual.y,
            "z": order,
            "height": visual.height,
            "width": visual.width,
            "tabOrder": order,
        },
        "visual": _visual(visual),
    }


def _visual(visual: Visual) -> Json:
    json: Json = {"visualType": visual.kind}
    if visual.roles:
        json["query"] = {
            "queryState": {role: _projections(role, fields) for role, fields in visual.roles.items()},
            **_sorted(visual),
        }
    if visual.kind == "textbox":
        json["objects"] = {"general": [{"properties": {"paragraphs": _paragraphs(visual)}}]}
    elif visual.kind == "slicer":
        json["objects"] = {"data": [{"properties": {"mode": _text(visual.mode)}}]}
    else:
        if visual.heat:
            json["objects"] = {"values": [_shaded(visual.roles["Values"][0])]}
        json["visualContainerObjects"] = {"title": [{"properties": _title(visual)}]}
    json["drillFilterOtherVisuals"] = True
    return json


def _projections(role: str, fields: tuple[str, ...]) -> Json:
    projections = []
    for field in fields:
        projection: Json = {"field": _field(field), "queryRef": _ref(field), "nativeQueryRef": _column(field)[1]}
        if role in {"Category", "Rows", "Columns"}:
            projection["active"] = True
        projections.append(projection)
    return {"projections": projections}


def _sorted(visual: Visual) -> Json:
    if not visual.sort:
        return {}
    direction = "Ascending" if visual.ascending else "Descending"
    return {
        "sortDefinition": {"sort": [{"field": _field(visual.sort), "direction": direction}], "isDefaultSort": False}
    }


def _column(field: str) -> tuple[str, str]:
    """The table and the name of ``table[column]``, or of ``[measure]``."""
    table, name = re.fullmatch(r"(\w*)\[([^\]]+)\]", field).groups()  # type: ignore[union-attr]
    return table or MEASURE_TABLE, name


def _field(field: str) -> Json:
    table, name = _column(field)
    kind = "Measure" if field.startswith("[") else "Column"
    return {kind: {"Expression": {"SourceRef": {"Entity": table}}, "Property": name}}


def _ref(field: str) -> str:
    return ".".join(_column(field))


def _literal(*, value: bool) -> Json:
    return {"Literal": {"Value": "true" if value else "false"}}


def _text(text: str) -> Json:
    return {"expr": {"Literal": {"Value": "'" + text.replace("'", "''") + "'"}}}


def _title(visual: Visual) -> Json:
    if not visual.title:
        return {"show": {"expr": _literal(value=False)}}
    return {"show": {"expr": _literal(value=True)}, "text": _text(visual.title)}


def _paragraphs(visual: Visual) -> list[Json]:
    return [
        {"textRuns": [{"value": visual.title, "textStyle": {"fontSize": "18pt", "fontWeight": "bold"}}]},
        {"textRuns": [{"value": visual.text, "textStyle": {"fontSize": "10pt"}}]},
    ]


def _shaded(measure: str) -> Json:
    """The cells of a table, coloured by how much they hold."""
    rule = {
        "linearGradient2": {
            "min": {"color": {"Literal": {"Value": f"'{COLD}'"}}},
            "max": {"color": {"Literal": {"Value": f"'{HOT}'"}}},
            "nullColoringStrategy": {"strategy": {"Literal": {"Value": "'asZero'"}}},
        }
    }
    colour = {"solid": {"color": {"expr": {"FillRule": {"Input": _field(measure), "FillRule": rule}}}}}
    selector = {"data": [{"dataViewWildcard": {"matchingOption": 1}}], "metadata": _ref(measure)}
    return {"properties": {"backColor": colour}, "selector": selector}
