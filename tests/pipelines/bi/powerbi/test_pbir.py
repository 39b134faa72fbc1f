"""The report: every file keeps Microsoft's schema, every visual shows fields that the model has."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from lakehouse.errors import UsageError
from pipelines.bi.powerbi.project import thin_report_files
from pipelines.runtime.catalog import GOLD

SCHEMAS = Path(__file__).parents[3] / "data" / "powerbi_schemas"


ADDRESS = "https://developer.microsoft.com/json-schemas/fabric/"


ROLES = {
    "card": {"Values"},
    "multiRowCard": {"Values"},
    "slicer": {"Values"},
    "tableEx": {"Values"},
    "lineChart": {"Category", "Y", "Series"},
    "clusteredColumnChart": {"Category", "Y", "Series"},
    "clusteredBarChart": {"Category", "Y", "Series"},
    "funnel": {"Category", "Y"},
    "pivotTable": {"Rows", "Columns", "Values"},
    "textbox": set(),
}
"""Which fields a visual of Power BI takes."""


def schema(address):
    """The vendored schema of an address; it goes by where it is, because embedded ones call themselves otherwise."""
    text = (SCHEMAS / address.removeprefix(ADDRESS)).read_text(encoding="utf-8")
    return {**json.loads(text), "$id": address}


REGISTRY = Registry(retrieve=lambda uri: Resource.from_contents(schema(uri), default_specification=DRAFT7))


def problems(document):
    validator = Draft7Validator(schema(document["$schema"]), registry=REGISTRY)
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]


def visuals(documents):
    """The visuals by their paths."""
    return {path: document for path, document in documents.items() if path.endswith("/visual.json")}


def find(documents, name):
    return next(document for path, document in documents.items() if path.endswith(name))


def test_every_json_file_keeps_the_schema_that_it_names(documents):
    checked = {path: problems(document) for path, document in documents.items()}
    assert len(checked) > 60
    assert {path: found for path, found in checked.items() if found} == {}


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("Clickstream.pbip", lambda file: file.pop("version")),
        ("definition.pbir", lambda file: file["datasetReference"]["byPath"].pop("path")),
        ("definition.pbism", lambda file: file.update(surprise=1)),
        (".platform", lambda file: file["config"].pop("logicalId")),
        ("/report.json", lambda file: file.pop("themeCollection")),
        ("/version.json", lambda file: file.update(version="2")),
        ("/pages.json", lambda file: file.update(pageOrder="overview")),
        ("about_to_buy/page.json", lambda file: file.update(displayOption="Wide")),
        ("about_to_buy/page.json", lambda file: file["filterConfig"]["filters"][0].update(type="Sometimes")),
        ("about_to_buy/page.json", lambda file: file["filterConfig"]["filters"][0]["filter"].pop("Where")),
        ("/visual.json", lambda file: file["position"].pop("x")),
        ("/visual.json", lambda file: file["visual"].update(query={"queryState": {"Y": {"projection": []}}})),
        ("/visual.json", lambda file: file["visual"].update(visualContainerObjects={"title": [{}]})),
    ],
)
def test_the_schemas_find_what_is_wrong(documents, name, spoil):
    document = copy.deepcopy(find(documents, name))
    assert not problems(document)
    spoil(document)
    assert problems(document)


def test_the_parts_of_the_project_find_each_other(documents, files):
    [artifact] = documents["Clickstream.pbip"]["artifacts"]
    report = artifact["report"]["path"]
    model = documents[f"{report}/definition.pbir"]["datasetReference"]["byPath"]["path"]
    assert model == "../Clickstream.SemanticModel"
    assert "Clickstream.SemanticModel/definition/model.tmdl" in files
    order = documents[f"{report}/definition/pages/pages.json"]
    assert order["activePageName"] == order["pageOrder"][0]
    assert sorted(order["pageOrder"]) == sorted(
        path.split("/")[-2] for path in documents if path.endswith("/page.json")
    )
    for path, document in documents.items():
        if path.endswith(("/page.json", "/visual.json")):
            assert document["name"] == path.split("/")[-2]
            assert re.fullmatch(r"[\w-]{1,50}", document["name"])


def test_the_pages_that_were_asked_for_are_there(documents):
    titles = [document["displayName"] for path, document in documents.items() if path.endswith("/page.json")]
    assert sorted(titles) == [
        "Behaviour",
        "Data quality",
        "Funnel",
        "Model quality",
        "Overview",
        "Who is about to buy",
        "Who may buy next time",
    ]


def fields(document):
    """Every field that stands anywhere in a file: its kind, table and name."""
    if isinstance(document, dict):
        for kind in ("Column", "Measure"):
            if kind in document:
                reference = document[kind]["Expression"]["SourceRef"]
                if "Entity" in reference:
                    yield kind, reference["Entity"], document[kind]["Property"]
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            yield from fields(part)


def test_every_field_of_the_report_is_one_of_the_model(documents, tables):
    model = {
        (kind.title(), table.name, one.name)
        for table in tables.values()
        for kind in ("column", "measure")
        for one in table.all(kind)
    }
    shown = {field for document in documents.values() for field in fields(document)}
    assert len(shown) > 60
    assert shown <= model


def test_no_hidden_column_is_shown(documents, tables):
    hidden = {
        ("Column", table.name, column.name)
        for table in tables.values()
        for column in table.all("column")
        if "isHidden" in column.flags
    }
    assert not hidden & {field for document in documents.values() for field in fields(document)}


def test_visuals_have_the_roles_of_their_kind_and_no_field_twice(documents):
    for path, document in visuals(documents).items():
        visual = document["visual"]
        state = visual.get("query", {}).get("queryState", {})
        assert set(state) <= ROLES[visual["visualType"]], path
        assert bool(state) == bool(ROLES[visual["visualType"]]), path
        names = [one["queryRef"] for role in state.values() for one in role["projections"]]
        native = [one["nativeQueryRef"] for role in state.values() for one in role["projections"]]
        assert len(set(names)) == len(names) == len(set(native)) > 0 or not state, path


def test_a_visual_is_sorted_by_what_it_shows(documents):
    for path, document in visuals(documents).items():
        query = document["visual"].get("query", {})
        shown = [one["field"] for role in query.get("queryState", {}).values() for one in role["projections"]]
        for one in query.get("sortDefinition", {}).get("sort", []):
            assert one["field"] in shown, path


def test_a_shaded_table_is_shaded_by_what_it_shows(documents):
    shaded = [
        document["visual"]
        for document in visuals(documents).values()
        if "values" in document["visual"].get("objects", {})
    ]
    assert len(shaded) == 2
    for visual in shaded:
        [measure] = visual["query"]["queryState"]["Values"]["projections"]
        [rule] = visual["objects"]["values"]
        assert rule["selector"]["metadata"] == measure["queryRef"]
        assert rule["properties"]["backColor"]["solid"]["color"]["expr"]["FillRule"]["Input"] == measure["field"]


def test_visuals_lie_on_their_page_beside_each_other(documents):
    by_page = {}
    for path, document in visuals(documents).items():
        by_page.setdefault(path.split("/visuals/")[0], []).append(document["position"])
    assert len(by_page) == 7
    for page, positions in by_page.items():
        size = documents[f"{page}/page.json"]
        for one in positions:
            assert one["x"] >= 0 <= one["y"]
            assert one["x"] + one["width"] <= size["width"]
            assert one["y"] + one["height"] <= size["height"]
            assert min(one["width"], one["height"]) >= 60
        for one, other in combinations(positions, 2):
            beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            below = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
            assert beside or below, page
        assert Counter(one["tabOrder"] for one in positions).most_common(1)[0][1] == 1


def test_who_is_about_to_buy_shows_open_sessions_alone(documents):
    page = find(documents, "about_to_buy/page.json")
    restricted = {}
    for one in page["filterConfig"]["filters"]:
        [condition] = one["filter"]["Where"]
        [[value]] = condition["Condition"]["In"]["Values"]
        restricted[one["field"]["Column"]["Property"]] = value["Literal"]["Value"]
        [source] = one["filter"]["From"]
        assert source["Entity"] == one["field"]["Column"]["Expression"]["SourceRef"]["Entity"]
        [expression] = condition["Condition"]["In"]["Expressions"]
        assert expression["Column"]["Expression"]["SourceRef"]["Source"] == source["Name"]
    assert restricted == {"is_closed": "false", "bought": "false"}


def test_no_theme_is_named_whose_file_is_not_there(documents):
    assert find(documents, "definition/report.json")["themeCollection"] == {}


def test_a_thin_report_has_the_same_pages_on_a_published_model(documents):
    thin = thin_report_files(tuple(GOLD.values()), "Shop reports/Clickstream#0D4C6A3E-5B1F-5E57-9A53-2F1B7C1D9E40")
    made = {path: json.loads(text) for path, text in thin.items() if path != ".gitignore"}
    assert made.keys() == {path for path in documents if ".SemanticModel" not in path}
    [changed] = [path for path, document in made.items() if document != documents[path]]
    assert made[changed]["datasetReference"] == {
        "byConnection": {
            "connectionString": 'Data Source="powerbi://api.powerbi.com/v1.0/myorg/Shop reports";'
            "initial catalog=Clickstream;access mode=readonly;integrated security=ClaimsToken;"
            "semanticmodelid=0d4c6a3e-5b1f-5e57-9a53-2f1b7c1d9e40"
        }
    }
    assert not problems(made[changed])


@pytest.mark.parametrize("wrong", ["", "Clickstream", "a/b/c", 'a"/b', "a/b;c=d", "a/b#1"])
def test_what_names_no_published_model_is_refused(wrong):
    with pytest.raises(UsageError, match=r"names no published model\. Give --model as in"):
        thin_report_files(tuple(GOLD.values()), wrong)
