"""The M expressions: Microsoft's own parser takes them, and a check of our own that needs no Node."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from pipelines.bi.powerbi.project import project_files
from pipelines.bi.powerbi.sources import SourceKind, gold_source
from pipelines.runtime.catalog import GOLD
from tests.pipelines.bi.powerbi import tmdl_reader
from tests.support.node import node_folder

PLACES = {
    SourceKind.folder: r"C:\lake\gold",
    SourceKind.adls: "abfss://data@shop.dfs.core.windows.net/lake/gold",
    SourceKind.sharing: "https://sharing.example/delta-sharing",
    SourceKind.sql: "http://spark.example:10000/cliservice",
}
BROKEN = [
    "let a = 1 in",
    "let a = {1, 2 in a",
    'let a = "x in a',
    "let a = 1, in a",
    "each [user_id & 1",
    "(name as text) as table => Folder.Contents(name",
]


def expressions():
    """Every M expression that a project has, of any kind of place."""
    found = {}
    for kind, path in PLACES.items():
        made = project_files(tuple(GOLD.values()), gold_source(kind, path), incremental=kind is SourceKind.sql)
        for file, text in made.items():
            if not file.endswith(".tmdl"):
                continue
            for node in tmdl_reader.read(text).children:
                if node.kind == "expression":
                    found[kind, node.name] = node.expression
                for partition in node.all("partition"):
                    found[kind, partition.name] = partition.properties["source"]
    return found


M = expressions()


def said_by_microsofts_parser(texts, folder):
    """What the parser says of each text."""
    done = subprocess.run(
        ["node", "parse.js"],
        cwd=folder,
        input=json.dumps(texts),
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return json.loads(done.stdout)


def test_microsofts_parser_accepts_all_but_broken_expressions(pytestconfig):
    said = said_by_microsofts_parser([*M.values(), *BROKEN], node_folder(pytestconfig.cache))
    assert {key: wrong for key, wrong in zip(M, said, strict=False) if wrong} == {}
    assert all(said[len(M) :])


def wrong_with(text):
    """What is plainly wrong with an expression of M; nothing if its strings, brackets and lets are whole."""
    bare = re.sub(r'"(?:[^"]|"")*"', "t", text)
    if '"' in bare:
        return "a text without an end"
    closing = []
    for character in bare:
        if character in "([{":
            closing.append(dict(zip("([{", ")]}", strict=True))[character])
        elif character in ")]}" and (not closing or closing.pop() != character):
            return f"a {character} that closes nothing"
    if closing:
        return f"a {closing[-1]} is missing"
    if len(re.findall(r"\blet\b", bare)) != len(re.findall(r"\bin\b", bare)):
        return "a let without an in"
    if re.search(r",\s*(?:in\b|[)\]}])|\bin\s*$|[=,]\s*$", bare):
        return "something is missing"
    return ""


@pytest.mark.parametrize("key", M, ids=str)
def test_strings_brackets_and_lets_are_whole(key):
    assert wrong_with(M[key]) == ""


@pytest.mark.parametrize("text", BROKEN)
def test_our_own_check_finds_what_is_broken(text):
    assert wrong_with(text)


@pytest.mark.parametrize("key", M, ids=str)
def test_every_name_is_a_step_a_parameter_or_a_query(key):
    """Names with a dot in them are the library's, which only Power BI has."""
    text = re.sub(r'"(?:[^"]|"")*"', "t", M[key])
    text = re.sub(r"type table \[[^\]]*\]|\[[^\[\]]*\]", "", text)
    steps = re.findall(r"^\s*(\w+) = ", text, flags=re.MULTILINE)
    parameters = re.findall(r"(\w+) as (?:text|list|any|record)|\((\w+), (\w+)\) =>", text)
    known = {
        *steps,
        *(name for names in parameters for name in names if name),
        *("GoldRoot", "GoldTable", "GoldDays", "Key", "Utc", "RangeStart", "RangeEnd", "and"),
        *("let", "in", "if", "then", "else", "each", "as", "is", "meta", "type", "null", "nullable", "t", "_"),
        *("text", "table", "list", "any", "record", "number", "date", "datetime", "datetimezone", "logical"),
    }
    names = re.findall(r"(?<![\w.#])([A-Za-z_]\w*)(?![\w.])", text)
    assert set(names) <= known, set(names) - known


def test_a_missing_table_is_empty_and_a_missing_column_null(tables):
    for name, table in tables.items():
        query = table.all("partition")[0].properties["source"]
        if "GoldTable(" in query:
            assert f'GoldTable("{name}")' in query
            assert "if Gold = null then #table({" in query
            assert "MissingField.UseNull" in query
        elif name == "dates":
            assert "GoldDays(" in query
