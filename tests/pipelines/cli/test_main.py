"""The program: a version, a word on everything, and no library loaded that a command does not need."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main
from pipelines.cli.main import app
from pipelines.runtime.commands import command_of
from tests.pipelines.bi.html.made_gold import made_gold, write_gold

ROOT = Path(__file__).parents[3]

HEAVY = {"pyspark", "pandas", "mlflow", "matplotlib", "sklearn", "py4j"}
"""Each takes a good part of a second, or seconds."""

_LOADED = """
import sys
from pipelines.cli.main import main

try:
    main()
except SystemExit as end:
    code = end.code
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


def loaded(*arguments: str, **variables: str) -> set[str]:
    """The packages that a run of the program has imported."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")}
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *arguments],
        env={**environment, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "command", ["--help", "--version", "tables", "tables gold.users", "contract", "contract clicks"]
)
def test_a_command_without_data_loads_no_data_library(command):
    assert (
        loaded(*command.split()) & {*HEAVY, "confluent_kafka", "duckdb", "deltalake", "pyarrow", "pydantic_settings"}
        == set()
    )


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A small lake of gold, and an empty silver."""
    root = tmp_path_factory.mktemp("lake")
    write_gold(root, made_gold(sessions=20))
    return str(root)


@pytest.mark.parametrize("command", ["sql FROM~sessions", "quarantine list"])
def test_a_command_that_reads_tables_loads_no_spark(lake, tmp_path, command):
    words = [word.replace("~", " ") for word in command.split()]
    environment = {"CLICKSTREAM_LAKE": lake, "CLICKSTREAM_STATE": str(tmp_path / "state")}
    assert loaded(*words, **environment) & {*HEAVY, "confluent_kafka", "pyarrow"} == set()


def test_status_loads_kafka_and_no_spark(lake, tmp_path):
    packages = loaded("status", CLICKSTREAM_LAKE=lake, CLICKSTREAM_STATE=str(tmp_path / "state"))
    assert packages & {*HEAVY, "pyarrow"} == set()


def _silent(command: Any, path: str) -> Iterator[str]:
    if not (command.help or "").strip():
        yield path
    for parameter in command.params:
        if not (parameter.help or "").strip():
            yield f"{path} {parameter.name}"
    for name, below in getattr(command, "commands", {}).items():
        yield from _silent(below, f"{path} {name}")


def test_every_command_and_option_says_what_it_is():
    assert list(_silent(command_of(app), "clickstream")) == []


def test_the_version_is_that_of_the_package(monkeypatch):
    assert main.version() == metadata.version(main.NAME)
    monkeypatch.setattr(main, "NAME", "no-such-package")
    assert main.version()[0].isdigit()
