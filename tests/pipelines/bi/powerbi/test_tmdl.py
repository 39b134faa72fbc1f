"""The semantic model: all of gold is in it, and everything that it refers to is there."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from pipelines.bi.powerbi.project import project_files
from pipelines.bi.powerbi.sources import SourceKind, gold_source
from pipelines.bi.semantic.build import semantic_model
from pipelines.bi.semantic.pages import pages
from pipelines.bi.semantic.tables import NOT_IN_REPORTS
from pipelines.runtime.catalog import GOLD
from tests.pipelines.bi.powerbi import tmdl_reader
from tests.pipelines.bi.powerbi.tmdl_reader import column_of

TYPES = {
    "STRING": ("string", "type text"),
    "BIGINT": ("int64", "Int64.Type"),
    "INT": ("int64", "Int64.Type"),
    "DOUBLE": ("double", "type number"),
    "BOOLEAN": ("boolean", "type logical"),
    "DATE": ("dateTime", "type date"),
    "TIMESTAMP": ("dateTime", "type datetime"),
    "DECIMAL(18,2)": ("decimal", "Currency.Type"),
}


IN_REPORTS = {name: table for name, table in GOLD.items() if name not in NOT_IN_REPORTS}


@pytest.mark.parametrize("table", IN_REPORTS.values(), ids=IN_REPORTS)
def test_a_gold_table_has_its_columns_types_and_descriptions(table, tables):
    made = tables[table.short_name]
    columns = {column.name: column for column in made.all("column")}
    [partition] = made.all("partition")
    assert made.doc == table.doc
    for column in table.columns:
        one = columns[column.name]
        assert one.doc == column.doc
        assert one.properties["sourceColumn"] == column.name
        assert one.properties["dataType"] == TYPES[column.type][0]
        assert f'{{"{column.name}", {TYPES[column.type][1]}}}' in partition.properties["source"]
        is_day = any(child.name == "UnderlyingDateTimeDataType" for child in one.children)
        assert is_day == (column.type == "DATE")
        if column.type == "TIMESTAMP":
            assert f'{{"{column.name}", Utc, type nullable datetime}}' in partition.properties["source"]
    assert f'GoldTable("{table.short_name}")' in partition.properties["source"]


def test_every_column_is_made_by_the_tables_query(tables):
    for table in tables.values():
        query = table.all("partition")[0].properties["source"]
        for column in table.all("column"):
            source = column.properties["sourceColumn"]
            assert f'"{source}"' in query or f"[{source} = " in query, (table.name, source)


def test_columns_only_for_relationships_and_model_are_hidden(tables):
    for table in tables.values():
        for column in table.all("column"):
            technical = column.name.endswith(("_key", "_hash")) or column.name in {"figure", "weekday_number"}
            hidden = "isHidden" in column.flags
            assert hidden or not technical, (table.name, column.name)
            if hidden and not technical:
                assert column.name.endswith(("_rate", "_share", "_mean")), (table.name, column.name)
    assert not [table.name for table in tables.values() if "isHidden" in table.flags]


def test_only_counts_and_money_are_added_up(tables):
    added = {
        f"{table.name}.{column.name}"
        for table in tables.values()
        for column in table.all("column")
        if column.properties["summarizeBy"] == "sum"
    }
    assert {"sessions.revenue", "daily_funnel.sessions", "data_quality.received"} <= added
    assert (
        not {
            "daily_funnel.visitors",
            "daily_funnel.conversion_rate",
            "click_map.x_from",
            "session_predictions.features_hash",
            "session_predictions.cut",
            "sessions.user_id",
            "sessions.distinct_pages",
            "user_history.sessions",
            "user_history.earlier_sessions",
            "pipeline_metrics.state_bytes",
        }
        & added
    )


def test_names_and_tags_are_unique_without_regard_to_case(tables):
    measures = Counter(measure.name.lower() for table in tables.values() for measure in table.all("measure"))
    assert measures.most_common(1)[0][1] == 1
    for table in tables.values():
        names = Counter(child.name.lower() for child in table.all("column") + table.all("measure"))
        assert names.most_common(1)[0][1] == 1, table.name
    tags = Counter(
        node.properties["lineageTag"]
        for table in tables.values()
        for node in (table, *table.all("column"), *table.all("measure"))
    )
    assert tags.most_common(1)[0][1] == 1


def test_the_model_lists_its_tables_and_they_are_files(tmdl, tables):
    listed = [ref.name for ref in tmdl["model.tmdl"].children if ref.kind == "ref table"]
    assert sorted(listed) == sorted(tables)
    assert sorted(f"{name}.tmdl" for name in listed) == sorted(name for name, root in tmdl.items() if root.all("table"))


def test_measures_speak_of_columns_and_measures_that_are_there(tables):
    columns = {f"{table.name}[{column.name}]" for table in tables.values() for column in table.all("column")}
    measures = {measure.name for table in tables.values() for measure in table.all("measure")}
    for measure in tables["figures"].all("measure"):
        assert set(re.findall(r"\w+\[\w+\]", measure.expression)) <= columns, measure.name
        assert set(re.findall(r"(?<!\w)\[([^\]]+)\]", measure.expression)) <= measures, measure.name
        for name in re.findall(r"(?:COUNTROWS|REMOVEFILTERS|AVERAGEX|FILTER)\((\w+)[,)]", measure.expression):
            assert name in tables, measure.name


def test_every_measure_has_a_folder_a_format_and_a_description(tables):
    for measure in tables["figures"].all("measure"):
        assert {"formatString", "displayFolder"} <= set(measure.properties)
        assert measure.doc.endswith("."), measure.name


def test_the_calendar_is_marked_as_one(tables):
    dates = tables["dates"]
    columns = {column.name: column for column in dates.all("column")}
    assert dates.properties["dataCategory"] == "Time"
    assert "isKey" in columns["date"].flags
    assert columns[columns["weekday"].properties["sortByColumn"]].properties["dataType"] == "int64"
    query = dates.all("partition")[0].properties["source"]
    assert 'GoldDays("hourly_activity", "event_on")' in query
    assert 'GoldTable("sessions")' not in query


def edges(relationships):
    return {
        (column_of(one.properties["fromColumn"]), column_of(one.properties["toColumn"])): "isActive"
        not in one.properties
        for one in relationships
    }


def test_the_relationships(tmdl):
    assert edges(tmdl["relationships.tmdl"].children) == {
        (("sessions", "users_key"), ("users", "users_key")): True,
        (("session_predictions", "sessions_key"), ("sessions", "sessions_key")): True,
        (("next_session_predictions", "sessions_key"), ("sessions", "sessions_key")): True,
        (("prediction_log", "sessions_key"), ("sessions", "sessions_key")): True,
        **{
            ((table, day), ("dates", "date")): True
            for table, day in (
                ("sessions", "started_on"),
                ("daily_funnel", "started_on"),
                ("traffic_sources", "started_on"),
                ("category_performance", "event_on"),
                ("page_performance", "event_on"),
                ("hourly_activity", "event_on"),
                ("click_map", "event_on"),
                ("data_quality", "arrived_on"),
                ("model_metrics", "started_on"),
                ("pipeline_metrics", "started_on"),
            )
        },
        **{
            ((table, day), ("dates", "date")): False
            for table, day in (
                ("sessions", "ended_on"),
                ("session_predictions", "started_on"),
                ("next_session_predictions", "started_on"),
                ("prediction_log", "started_on"),
                ("users", "first_started_on"),
                ("users", "last_ended_on"),
            )
        },
    }


def test_tables_of_the_same_key_filter_each_other(tmdl):
    """A table of predictions may stand beside figures of the sessions that they are for."""
    found = tmdl["relationships.tmdl"].children
    for name, value in (("fromCardinality", "one"), ("crossFilteringBehavior", "bothDirections")):
        ends = [edge for edge, one in zip(edges(found), found, strict=True) if one.properties.get(name) == value]
        assert {(one[0], other[0]) for one, other in ends} == {
            ("session_predictions", "sessions"),
            ("next_session_predictions", "sessions"),
        }


def test_the_ends_of_relationships_are_columns_of_one_type(tmdl, tables):
    for (table, column), (to_table, to_column) in edges(tmdl["relationships.tmdl"].children):
        ends = [
            next(one for one in tables[name].all("column") if one.name == end).properties["dataType"]
            for name, end in ((table, column), (to_table, to_column))
        ]
        assert ends[0] == ends[1], (table, column)


def test_tables_that_no_page_shows_are_not_loaded(tables):
    left_out = {name.partition(".")[2] for name in NOT_IN_REPORTS}
    assert not left_out & set(tables)
    assert len(tables) == len(GOLD) - len(left_out) + 2
    shown = pages(semantic_model(tuple(GOLD.values())))
    fields = {field for page in shown for one in page.visuals for role in one.roles.values() for field in role}
    assert not [field for field in fields if field.partition("[")[0] in left_out]
    widest = max(tables.values(), key=lambda table: len(table.all("column")))
    assert widest.name == "sessions"


@pytest.fixture(scope="module")
def incremental():
    files = project_files(tuple(GOLD.values()), gold_source(SourceKind.folder, "/lake/gold"), incremental=True)
    nodes = (tmdl_reader.read(text) for path, text in files.items() if path.endswith(".tmdl"))
    return [node for root in nodes for node in root.children]


def test_long_tables_are_refreshed_part_by_part(incremental, tables):
    long = {one.name: one.all("refreshPolicy") for one in incremental if one.kind == "table"}
    assert {name for name, policies in long.items() if policies} == {
        "sessions",
        "prediction_log",
        "session_predictions",
        "next_session_predictions",
    }
    for node in incremental:
        for policy in node.all("refreshPolicy") if node.kind == "table" else ():
            [partition] = node.all("partition")
            assert policy.properties["source"] == partition.properties["source"]
            filtered = "[started_on] >= Date.From(RangeStart) and [started_on] < Date.From(RangeEnd)"
            assert filtered in policy.properties["source"]
    assert not [one for table in tables.values() for one in table.all("refreshPolicy")]


def test_the_range_is_two_parameters_that_leave_nothing_out(incremental, tmdl):
    parameters = {one.name: one.expression for one in incremental if one.name.startswith("Range")}
    assert list(parameters) == ["RangeStart", "RangeEnd"]
    assert parameters["RangeStart"].startswith("#datetime(2000, 1, 1, 0, 0, 0) meta [IsParameterQuery = true")
    assert parameters["RangeEnd"].startswith("#datetime(2100, 1, 1, 0, 0, 0) meta [IsParameterQuery = true")
    assert all('Type = "DateTime"' in text for text in parameters.values())
    assert not [one for one in tmdl["expressions.tmdl"].children if one.name.startswith("Range")]


@pytest.mark.parametrize(
    "wrong",
    [
        "table a\n  lineageTag: x\n",
        "/// A.\ntable a\n\tsurprise: 1\n",
        "/// A.\ntable a\n\tisKey\n",
        "table a\n",
        "/// A.\ntable a b\n",
        "/// A.\ntable a\n\t/// B.\n\tmeasure b\n",
        "/// A.\ntable a\n\t/// B.\n\tmeasure b =\n",
        "/// A.\ntable a\n\t\t/// B.\n\t\tcolumn b\n",
        "relationship r\n\tfromColumn: a\n",
        "/// A.\ntable a",
    ],
)
def test_the_reader_refuses_what_is_no_tmdl_of_ours(wrong):
    with pytest.raises(ValueError, match=r"line|file"):
        tmdl_reader.read(wrong)


def test_the_currency_is_part_of_the_format_of_money():
    source = gold_source(SourceKind.folder, "/lake/gold")
    without, named = (project_files(tuple(GOLD.values()), source, name) for name in ("", "EUR"))
    assert any("formatString: #,0.00 \\E\\U\\R\n" in text for text in named.values())
    assert {path: text.replace(" \\E\\U\\R\n", "\n") for path, text in named.items()} == without
