"""SQL on the command line: the lake's rows by its tables' names; nothing else is read, and nothing is written."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from rich.console import Console
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.cli.sql import shown
from pipelines.runtime.console import fail
from tests.pipelines.bi.html.made_gold import FIRST, made_gold, write_gold
from tests.support.polling import until


@pytest.fixture(scope="module")
def gold():
    return made_gold(sessions=120)


@pytest.fixture(scope="module")
def lake(tmp_path_factory, gold):
    root = tmp_path_factory.mktemp("asked")
    write_gold(root, gold)
    return root


@pytest.fixture
def ask(lake, monkeypatch, capsys):
    """Asks on the command line; gives the exit code and all that was said."""
    monkeypatch.setenv("CLICKSTREAM_LAKE", str(lake))
    monkeypatch.setattr("pipelines.runtime.console.err", Console(stderr=True, highlight=False))

    def asked(*arguments):
        ran = CliRunner().invoke(app, ["sql", *arguments])
        if ran.exception is None or isinstance(ran.exception, SystemExit):
            return ran.exit_code, ran.output
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            fail(ran.exception)
        return ended.value.code, " ".join(capsys.readouterr().err.split())

    return asked


def test_a_person_sees_the_rows_and_how_many_there_are(ask, gold):
    sessions = Counter(row["referrer_kind"] for row in gold["sessions"])
    code, said = ask("SELECT referrer_kind, count(*) AS sessions FROM gold.sessions GROUP BY 1 ORDER BY 1")
    assert code == 0
    lines = [line.split() for line in said.splitlines()]
    assert lines == [
        ["referrer_kind", "sessions"],
        *([kind, str(sessions[kind])] for kind in sorted(sessions)),
        ["4", "rows"],
    ]


def test_more_rows_than_are_shown_are_counted(ask):
    assert "The first 2 of 120 rows;" in ask("SELECT user_id FROM sessions", "--limit", "2")[1]
    assert "The first 50 of 120 rows;" in ask("SELECT user_id FROM sessions")[1]
    assert "\n120 rows" in ask("SELECT user_id FROM sessions", "--limit", "120")[1]


def test_json_and_csv_have_every_row_as_it_is(ask, gold):
    query = "SELECT session_id, started_at, revenue, is_closed, bought FROM sessions ORDER BY session_id"
    want = sorted(gold["sessions"], key=lambda row: row["session_id"])
    code, said = ask(query, "--json")
    told = json.loads(said)
    assert code == 0
    assert told["row_count"] == 120
    assert told["columns"][1] == {"name": "started_at", "type": "TIMESTAMP WITH TIME ZONE"}
    assert [(row["session_id"], row["started_at"], row["bought"]) for row in told["rows"]] == [
        (row["session_id"], row["started_at"].isoformat(), row["bought"]) for row in want
    ]
    lines = list(csv.DictReader(io.StringIO(ask(query, "--csv")[1])))
    assert [(line["session_id"], line["started_at"], Decimal(line["revenue"])) for line in lines] == [
        (row["session_id"], row["started_at"].isoformat(), row["revenue"]) for row in want
    ]


def test_a_limit_holds_for_programs_and_json_has_the_total(ask):
    told = json.loads(ask("SELECT user_id FROM sessions", "--json", "--limit", "3")[1])
    assert (len(told["rows"]), told["row_count"]) == (3, 120)
    assert len(ask("SELECT user_id FROM sessions", "--csv", "--limit", "3")[1].splitlines()) == 4


@pytest.mark.parametrize(
    "condition",
    [
        "started_at >= '2026-01-10' AND started_at < '2026-01-20 12:00:00'",
        "started_on = DATE '2026-01-15' OR referrer_host IS NULL",
        "NOT bought AND price_max IS NULL AND user_id NOT IN ('u1', 'u2', 'u3', 'u40')",
        "landing_page LIKE '/p%' OR duration_seconds BETWEEN 10 AND 900",
    ],
)
def test_conditions_left_to_the_files_keep_duckdbs_rows(ask, condition):
    """Conditions go down to the scan of the files; with "IS TRUE" around them, they do not."""
    query = "SELECT session_id FROM sessions WHERE {} ORDER BY 1"
    kept = ask(query.format(condition), "--json")[1]
    assert kept == ask(query.format(f"(({condition}) AND random() >= 0) IS TRUE"), "--json")[1]
    assert 0 < json.loads(kept)["row_count"] < 120


def test_every_layer_is_there_by_its_name(ask, lake):
    rows = pa.table({"user_id": ["u1"], "event_at": pa.array([FIRST], pa.timestamp("us", tz="UTC"))})
    write_deltalake(f"{lake}/silver/clicks", rows, mode="overwrite")
    assert "2026-01-01 00:00:00Z" in ask("SELECT user_id, event_at FROM silver.clicks")[1]
    listed = ask("SHOW ALL TABLES", "--csv")[1]
    assert "memory,silver,clicks" in listed
    assert "memory,gold,sessions" in listed
    assert "user_id" in ask("DESCRIBE gold.sessions")[1]


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO gold.sessions SELECT * FROM gold.sessions",
        "WITH more AS (INSERT INTO gold.sessions SELECT * FROM gold.sessions RETURNING *) FROM more",
        "DELETE FROM gold.sessions",
        "CREATE TABLE mine AS SELECT 1",
        "DROP VIEW gold.sessions",
        "COPY gold.sessions TO 'out.csv'",
        "EXPORT DATABASE 'out'",
        "ATTACH 'out.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA version",
        "SET enable_external_access = true",
        "CALL pragma_version()",
    ],
)
def test_what_would_do_more_than_read_is_refused(ask, lake, query, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = DeltaTable(f"{lake}/gold/sessions").version()
    code, said = ask(query)
    assert (code, "only read here" in said) == (2, True), said
    assert DeltaTable(f"{lake}/gold/sessions").version() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "source",
    [
        "read_csv('/etc/hosts')",
        "read_text('/etc/hosts')",
        "glob('/etc/*')",
        "read_parquet('https://example.com/x.parquet')",
        "delta_scan('/etc')",
        "'/etc/hosts'",
        "duckdb_secrets()",
    ],
)
def test_no_other_file_is_read(ask, source):
    code, said = ask(f"FROM {source}")
    assert code == 2
    assert "localhost" not in said


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("FROM sesions", "There is no table sesions. Near it: gold.sessions"),
        ("FROM nothing.like_it", "The tables are bronze."),
        ("FROM clicks", "Name one with its layer: bronze.clicks or silver.clicks."),
        ("FROM bronze.sessions", "There is no table sessions in that layer. Near it: gold.sessions."),
        ("FROM gold.user_history", "gold.user_history is not in "),
        ("SELECT userid FROM sessions", "What is read has no column userid. Near it: user_id."),
        ("SELECT clicks_element_id FROM sessions", "no column clicks_element_id. `clickstream tables`"),
        ("SELECT s.userid FROM sessions s", "What is read has no column userid. Near it: user_id."),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT user_id, count(*) FROM sessions", "GROUP BY"),
        ("SELECT 1; SELECT 2", "These are 2 statements."),
        ("/* nothing */", "There is no query."),
        ("PIVOT sessions ON referrer_kind", "IN ("),
    ],
)
def test_a_query_that_is_wrong_is_answered_with_its_cure(ask, query, sentence):
    code, said = ask(query)
    assert code in {2, 3}
    assert said.startswith("error: ")
    assert sentence in said


def test_a_short_name_that_one_layer_has_is_found(ask, monkeypatch, tmp_path):
    monkeypatch.setenv("CLICKSTREAM_LAKE", str(tmp_path))
    write_deltalake(f"{tmp_path}/silver/duplicates", pa.table({"offset": [7]}))
    assert ask("FROM duplicates", "--csv") == (0, "offset\n7\n")
    assert "silver.duplicates" not in ask("SHOW TABLES", "--csv")[1]


def test_no_lake_says_how_to_get_one(ask, monkeypatch, tmp_path):
    monkeypatch.setenv("CLICKSTREAM_LAKE", str(tmp_path / "none"))
    code, said = ask("SELECT 1")
    assert code == 3
    assert "Run `make demo` or `clickstream demo`" in said


def test_two_columns_of_one_name_are_no_json(ask):
    assert "Name one of them with AS" in ask("SELECT 1 AS a, 2 AS a", "--json")[1]
    assert ask("SELECT 1 AS a, 2 AS a", "--csv") == (0, "a,a\n1,2\n")
    assert ask("SELECT 1 AS a", "--csv", "--bom") == (0, "\ufeffa\n1\n")


def test_what_is_no_number_in_json_is_text(ask):
    told = json.loads(
        ask("SELECT 'nan'::DOUBLE AS a, '-inf'::DOUBLE AS b, [1.5::DOUBLE] AS c, 'x'::BLOB AS d", "--json")[1]
    )
    assert told["rows"] == [{"a": "nan", "b": "-inf", "c": [1.5], "d": "78"}]


def test_a_terminal_obeys_no_value():
    assert shown("a\x1b[31m\n\u202eb").plain == "a\\x1b[31m\\n\\u202eb"
    assert shown(b"\x1b\xff").plain == "\\x1b\\xff"
    assert len(shown("x" * 1000).plain) == 201


def test_ctrl_c_ends_a_long_query(lake):
    command = [
        sys.executable,
        "-m",
        "pipelines.cli.sql",
        "SELECT count(*) FROM range(1000000000) a, range(1000000000) b",
    ]
    environment = {**os.environ, "CLICKSTREAM_LAKE": str(lake)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: _computes(process.pid), "the query")
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=120)[1]
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in said


def _computes(pid):
    """Whether the query has threads of its own at work: the process has used seconds of both cores."""
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK") > 4
