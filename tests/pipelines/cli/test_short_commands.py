"""Short commands end well each time: no thread of a library is left that ends the process by an abort."""

from __future__ import annotations

import pytest

from tests.benchmarks.short_commands import COMMANDS, run
from tests.pipelines.bi.html.made_gold import made_gold, no_gold, write_gold


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    root = tmp_path_factory.mktemp("lake")
    write_gold(root, no_gold() | made_gold(sessions=200, days=10))
    return root


def ends(name, lake, folder, times):
    """How each of several runs ended that is not well, two at a time."""
    own = {"CLICKSTREAM_LAKE": str(lake), "CLICKSTREAM_STATE": str(folder / "state")}
    return [one for one in run(name, own, folder, times) if one.code != 0]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_short_command_ends_well(name, lake, tmp_path):
    assert ends(name, lake, tmp_path, 2) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", COMMANDS)
def test_200_runs_of_a_short_command_end_well(name, lake, tmp_path):
    assert ends(name, lake, tmp_path, 200) == []
