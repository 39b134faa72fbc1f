"""The tab key: every command, option, table and event can be completed, by a shell itself, and without Spark."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.runtime.catalog import TABLES
from producers.events import EVENTS
from producers.replay.formats import FORMATS

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A PATH on which this checkout is the program."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "clickstream"
    program.write_text(f"#!{sys.executable}\nfrom pipelines.cli.main import main\nmain()\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def run(path, *command, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")}
    return subprocess.run(
        command,
        env={**environment, "PYTHONPATH": str(ROOT), "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def completed(path, line, shell="bash", **more):
    """What a shell is told for a line, as the script that typer gives it asks."""
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_TYPER_COMPLETE_ARGS": line}
    return run(path, "clickstream", _CLICKSTREAM_COMPLETE=f"complete_{shell}", **asked, **more)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("clickstream exp", ["export"]),
        ("clickstream quarantine ", ["list", "show", "replay", "discard"]),
        ("clickstream export ", list(TABLES)),
        ("clickstream maintain silver.d", ["silver.duplicates"]),
        ("clickstream tables --j", ["--json"]),
        ("clickstream contract ", list(EVENTS)),
        ("clickstream produce replay file --format ", list(FORMATS)),
        ("clickstream export gold.users --force --format p", ["parquet"]),
        ("clickstream export gold.users --out ", []),
        ("clickstream tables session", ["session_starts", "sessions", "session_predictions"]),
        ("clickstream tables clic", ["click_map"]),
        ("clickstream train --s", ["--search", "--seed"]),
        ("clickstream models promote --que", ["--question"]),
        ("clickstream serve sql --p", ["--port"]),
    ],
)
def test_bash_is_told_what_can_stand_there(path, line, words):
    assert completed(path, line).stdout.split() == words


def test_no_answer_waits_for_spark_or_arrow(path):
    for line in ("clickstream export gold.", "clickstream train --", "clickstream models list --"):
        # Stand-ins for the libraries have no submodules of their own.
        loaded = completed(path, line, PYTHONPROFILEIMPORTTIME="1").stderr
        assert "typer" in loaded
        for slow in ("py4j.java_gateway", "pyarrow.lib", "numpy._core", "pandas._libs", "mlflow.entities", "_duckdb"):
            assert slow not in loaded


def test_zsh_and_fish_are_told_the_same(path):
    assert '"gold.sessions"' in completed(path, "clickstream export gold.sess", "zsh").stdout
    told = completed(path, "clickstream exp", "fish", _TYPER_COMPLETE_FISH_ACTION="get-args").stdout
    assert told.startswith("export\tWrite a table to one file")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on the PATH")
def test_a_bash_that_has_the_script_completes_a_table(path):
    script = """
        script=$(clickstream --show-completion) && eval "$script"
        complete -p clickstream
        COMP_WORDS=(clickstream export gold.sess) COMP_CWORD=2
        _clickstream_completion clickstream export gold.sess
        echo "${COMPREPLY[@]}"
    """
    told = run(path, "bash", "--norc", "-c", script).stdout.splitlines()
    assert told == [
        "complete -o default -F _clickstream_completion clickstream",
        "gold.session_starts gold.sessions gold.session_predictions",
    ]
