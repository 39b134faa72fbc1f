"""Short commands end well each time: no thread of a library is left that ends the process by an abort."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.pipelines.bi.html.made_gold import made_gold, no_gold, write_gold
from tests.support.pages import ROOT

COMMANDS = {
    "help": ["--help"],
    "tables": ["tables", "gold.sessions"],
    "sql": ["sql", "SELECT referrer_kind, count(*), sum(revenue) FROM gold.sessions GROUP BY ALL"],
    "csv": ["export", "gold.category_performance", "--out", "{out}.csv"],
    "parquet": ["export", "gold.sessions", "--out", "{out}.parquet"],
    "xlsx": ["export", "gold.sessions", "--out", "{out}.xlsx"],
    "report": ["report", "--out", "{out}.html"],
    "powerbi": ["powerbi", "--path", "/lake/gold", "--out", "{out}"],
    "shop": ["shop", "check", "https://shop.example/product/1"],
    "models": ["models", "list"],
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    root = tmp_path_factory.mktemp("lake")
    write_gold(root, no_gold() | made_gold(sessions=200, days=10))
    return root


def ends(name, lake, folder, times):
    """How each of several runs ended that is not well, two at a time: what it said, by its exit code."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CLICKSTREAM_LAKE": str(lake)}
    environment["CLICKSTREAM_STATE"] = str(folder / "state")

    def run(number):
        words = [word.format(out=folder / f"{name}{number}") for word in COMMANDS[name]]
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli.main", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr[-300:]

    with ThreadPoolExecutor(2) as pool:
        return [end for end in pool.map(run, range(times)) if end[0] != 0]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_short_command_ends_well(name, lake, tmp_path):
    assert ends(name, lake, tmp_path, 2) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", COMMANDS)
def test_200_runs_of_a_short_command_end_well(name, lake, tmp_path):
    assert ends(name, lake, tmp_path, 200) == []
