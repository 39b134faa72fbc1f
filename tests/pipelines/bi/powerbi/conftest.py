"""The project as it is written for the declarations that there are."""

from __future__ import annotations

import json

import pytest

from pipelines.bi.powerbi.project import project_files
from pipelines.bi.powerbi.sources import SourceKind, gold_source
from pipelines.runtime.catalog import GOLD
from tests.pipelines.bi.powerbi import tmdl_reader

ROOT = r"C:\lake\gold"


@pytest.fixture(scope="session")
def files() -> dict[str, str]:
    return project_files(tuple(GOLD.values()), gold_source(SourceKind.folder, ROOT))


@pytest.fixture(scope="session")
def documents(files) -> dict[str, dict]:
    """The JSON files."""
    return {path: json.loads(text) for path, text in files.items() if not path.endswith((".tmdl", ".gitignore"))}


@pytest.fixture(scope="session")
def tmdl(files) -> dict[str, tmdl_reader.Node]:
    """The TMDL files, read, by their names."""
    return {path.rpartition("/")[2]: tmdl_reader.read(text) for path, text in files.items() if path.endswith(".tmdl")}


@pytest.fixture(scope="session")
def tables(tmdl) -> dict[str, tmdl_reader.Node]:
    """The tables of the model by their names."""
    return {table.name: table for root in tmdl.values() for table in root.all("table")}
