"""Where gold is: each kind of place gives its parameter and its M function, and refuses what is none of it."""

from __future__ import annotations

import re

import pytest

from lakehouse.errors import UsageError
from pipelines.bi.powerbi.sources import SourceKind, for_windows, gold_source


@pytest.mark.parametrize(
    ("kind", "path", "root", "says"),
    [
        (SourceKind.folder, r"C:\lake\gold", r"C:\lake\gold", "Folder.Contents(GoldRoot)"),
        (SourceKind.folder, "\\\\server\\share\\gold\\", r"\\server\share\gold", "DeltaLake.Table(Found{0}[Content])"),
        (
            SourceKind.adls,
            "abfss://data@shop.dfs.core.windows.net/lake/gold",
            "https://shop.dfs.core.windows.net/data",
            'List.Accumulate({"lake", "gold"}, Container, (folder, step) => Open(folder{[Name = step]}))',
        ),
        (
            SourceKind.adls,
            "https://shop.dfs.core.windows.net/data/gold/",
            "https://shop.dfs.core.windows.net/data",
            'List.Accumulate({"gold"}',
        ),
        (
            SourceKind.sharing,
            "https://sharing.example/delta-sharing/",
            "https://sharing.example/delta-sharing",
            'Shares{[Name = "clickstream"]}[Data]',
        ),
        (
            SourceKind.sharing,
            "https://sharing.example/delta-sharing#shop.tables",
            "https://sharing.example/delta-sharing",
            'Schemas{[Name = "tables"]}[Data]',
        ),
        (
            SourceKind.sql,
            "http://spark.example:10000/cliservice",
            "http://spark.example:10000/cliservice",
            "ApacheSpark.Tables(GoldRoot, 2)",
        ),
        (SourceKind.sql, "spark.example:10000", "spark.example:10000", "ApacheSpark.Tables(GoldRoot, 0)"),
    ],
)
def test_a_path_gives_the_parameter_and_the_function(kind, path, root, says):
    source = gold_source(kind, path)
    assert source.root == root
    assert says in source.table_function
    assert source.table_function.startswith("(name as text) as nullable table =>")


@pytest.mark.parametrize(
    ("kind", "path", "says"),
    [
        (SourceKind.folder, "s3://bucket/gold", "cannot read s3://bucket/gold as a folder: "),
        (SourceKind.folder, " ", "--path is empty. Give it the folder"),
        (SourceKind.folder, "lake/gold", "cannot read lake/gold as a folder: its whole path is needed"),
        (SourceKind.folder, "C:gold", "its whole path is needed"),
        (SourceKind.adls, "s3://bucket/gold", "no place in Azure Data Lake Storage. Give --path"),
        (SourceKind.adls, "https://shop.dfs.core.windows.net", "no place in Azure Data Lake Storage"),
        (SourceKind.adls, "abfss://shop.dfs.core.windows.net/gold", "no place in Azure Data Lake Storage"),
        (SourceKind.sharing, "ftp://host/x", "no address of a Delta Sharing server. Give --path"),
        (SourceKind.sharing, "http://host/delta-sharing", "in clear text: whoever is between reads the token that"),
        (SourceKind.sharing, "https://host/delta-sharing#shop", "no address of a Delta Sharing server"),
        (SourceKind.sql, "localhost:99999999", "no address of a Spark Thrift Server"),
        (SourceKind.sql, "localhost:65536", "no address of a Spark Thrift Server"),
        (SourceKind.sql, "localhost:0", "no address of a Spark Thrift Server"),
        (SourceKind.sql, "spark.example", "no address of a Spark Thrift Server. Give --path"),
    ],
)
def test_what_is_no_such_place_is_refused_with_the_cure(kind, path, says):
    with pytest.raises(UsageError, match=re.escape(says)):
        gold_source(kind, path)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (SourceKind.folder, r"C:\lake\gold"),
        (SourceKind.adls, "abfss://data@shop.dfs.core.windows.net/lake/gold"),
        (SourceKind.sharing, "https://sharing.example/delta-sharing"),
        (SourceKind.sql, "spark.example:10000"),
    ],
)
def test_a_source_is_called_with_the_parameter_alone(kind, path):
    """Whatever else decides the address hides it from the service, which then refuses a scheduled refresh."""
    calls = re.findall(
        r"(?:Folder|AzureStorage|DeltaSharing|ApacheSpark)\.\w+\(([^,)]*)", gold_source(kind, path).table_function
    )
    assert calls == ["GoldRoot"]


@pytest.mark.parametrize("kind", SourceKind)
def test_a_table_that_gold_lacks_is_null_and_no_error(kind):
    paths = {
        SourceKind.folder: r"C:\lake\gold",
        SourceKind.adls: "abfss://data@shop.dfs.core.windows.net/lake/gold",
        SourceKind.sharing: "https://sharing.example/delta-sharing",
        SourceKind.sql: "spark.example:10000",
    }
    text = gold_source(kind, paths[kind]).table_function
    assert "Rows = if Table.IsEmpty(Found) then null else " in text
    assert " try " not in text


@pytest.mark.parametrize(
    ("root", "seen"),
    [
        ("/home/me/lake/gold", r"\\wsl.localhost\Ubuntu\home\me\lake\gold"),
        ("//server/share/gold", "//server/share/gold"),
        (r"C:\lake\gold", r"C:\lake\gold"),
        ("https://host/delta-sharing", "https://host/delta-sharing"),
    ],
)
def test_a_folder_of_linux_is_named_as_windows_sees_it(root, seen):
    assert for_windows(root) == seen
