"""The demo as a newcomer runs it, small; and a job as a cluster runs it."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from notebooks.execute import NOTEBOOKS, executed
from pipelines.runtime.catalog import TABLES
from tests.support.pages import ON_THE_DEMO
from tests.support.workbook_reader import read_sheet

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent

pytestmark = [pytest.mark.kafka, pytest.mark.spark]


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")}
    return {
        **environment,
        "PATH": f"{BIN}{os.pathsep}{environment['PATH']}",
        "CLICKSTREAM_LAKE": str(folder / "lake"),
        "CLICKSTREAM_STATE": str(folder / "state"),
        "PYSPARK_PYTHON": sys.executable,
    }


def run(environment, *command, cwd=ROOT, timeout=900):
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def rows(environment, name):
    return DeltaTable(f"{environment['CLICKSTREAM_LAKE']}/{name}").to_pyarrow_table().to_pylist()


def test_the_demo_scores_sessions_and_stops_what_it_started(installation):
    done = run(installation, "clickstream", "demo", "--sessions", "300")
    for folder in ("CLICKSTREAM_LAKE", "CLICKSTREAM_STATE"):
        assert stat.S_IMODE(Path(installation[folder]).stat().st_mode) == 0o700, folder
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "Every record is kept, quarantined or a duplicate",
        "average",
        "The ten sessions most likely to buy",
        "How its scores of the last hour turned out",
        "Open next",
    ):
        assert words in done.stdout

    heard = [row for name in ("page_views", "clicks", "interactions") for row in rows(installation, f"bronze/{name}")]
    kept = [row for name in ("page_views", "clicks", "interactions") for row in rows(installation, f"silver/{name}")]
    waiting, repeated = rows(installation, "silver/quarantine"), rows(installation, "silver/duplicates")
    assert waiting
    assert repeated
    assert len(heard) == len(kept) + len(waiting) + len(repeated)

    sessions, scores = rows(installation, "gold/sessions"), rows(installation, "gold/session_predictions")
    assert sum(row["events"] for row in sessions) == len(kept)
    assert len(scores) > 250
    assert all(0 <= row["probability"] <= 1 and row["model_version"] == "1" for row in scores)
    assert json.loads(run(installation, "clickstream", "broker", "status", "--json").stdout)["running"] is False


def test_the_last_hour_was_scored_while_it_lasted_and_judged(installation):
    judged, precision = ask(
        installation,
        """SELECT count(*), count_if(test_average_precision > 0) FROM gold_model_metrics
        WHERE model_name = 'purchase_in_session'""",
    )
    assert judged == precision > 0
    in_time, closed, still_open = ask(
        installation,
        """SELECT count(*), count_if(is_closed), count_if(NOT is_closed)
        FROM gold_prediction_log JOIN gold_sessions USING (user_id, session_id)
        WHERE question = 'in_session' AND scored_at < closes_at AND scored_at >= cut_at""",
    )
    assert in_time == closed + still_open > 20
    assert min(closed, still_open) > 5
    assert ask(installation, "SELECT count(*) FROM gold_sessions WHERE user_id LIKE 'otto%'") == (0,)


def ask(environment, query):
    """What SQL says of the tables that it names as layer_table."""
    with duckdb.connect() as connection:
        for name in set(re.findall(r"(?:bronze|silver|gold)_[a-z_]+", query)):
            table = DeltaTable(f"{environment['CLICKSTREAM_LAKE']}/{name.replace('_', '/', 1)}")
            connection.register(name, table.to_pyarrow_dataset())
        [row] = connection.sql(query).fetchall()
    return row


@pytest.fixture(scope="module")
def said(installation):
    """What the notebooks say in the cells that are tagged as figures, by their names; they ran without a warning."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CLICKSTREAM_LAKE", "CLICKSTREAM_STATE"):
            patch.setenv(name, installation[name])
        notebooks = {path.stem: executed(path) for path in NOTEBOOKS}
    cells = [(name, cell) for name, notebook in notebooks.items() for cell in notebook.cells]
    outputs = [(name, cell, one) for name, cell in cells for one in cell.get("outputs", [])]
    assert not [(name, one.text) for name, _, one in outputs if one.get("name") == "stderr"]
    texts = dict.fromkeys(notebooks, "")
    for name, cell, one in outputs:
        if "figures" in cell.metadata.get("tags", []) and one.output_type == "stream":
            texts[name] += one.text
    return texts


def test_the_first_notebook_counts_visits_as_other_tables_do(installation, said):
    sessions, buyers, revenue, days = ask(
        installation,
        "SELECT sum(sessions), sum(purchase_sessions), sum(revenue), count(DISTINCT started_on) FROM gold_daily_funnel",
    )
    (users,) = ask(installation, "SELECT count(*) FROM gold_users")
    (events,) = ask(installation, "SELECT sum(events) FROM gold_hourly_activity")
    share = f"{buyers / sessions:.1%}"
    assert said["01_explore_sessions"] == (
        f"{sessions:,} sessions of {users:,} users on {days:,} days, with {events:,} events in all.\n"
        f"{buyers:,} sessions ended in a purchase, which is {share}, and brought {revenue:,.2f} in all.\n"
        f"A user has {sessions / users:.2f} sessions, and a session has {events / sessions:.1f} events, on average.\n"
    )


def test_the_second_notebook_finds_no_leak(installation, said):
    recounted, period, precision = said["02_is_the_model_honest"].splitlines()
    (examples,) = ask(installation, "SELECT count(*) FROM gold_training_examples")
    assert recounted == f"{examples:,} rows were counted again: 0 differ, and 0 saw a purchase."
    found, kept = re.findall(r"[\d,]+", period)
    assert found == kept != "0"
    again, kept = re.findall(r"0\.\d+", precision)
    assert again == kept


def test_the_third_notebook_measures_what_the_tables_hold(installation, said):
    records, busiest = ask(
        installation,
        """SELECT sum(records), max(records) FROM (
            SELECT count(*) AS records FROM (
                SELECT arrived_at FROM bronze_page_views UNION ALL SELECT arrived_at FROM bronze_clicks
                UNION ALL SELECT arrived_at FROM bronze_interactions
            ) GROUP BY date_trunc('second', arrived_at)
        )""",
    )
    (types,) = ask(installation, "SELECT count(DISTINCT interaction_type) FROM silver_interactions")
    (waiting,) = ask(installation, "SELECT count(*) FROM silver_quarantine")
    (duplicates,) = ask(installation, "SELECT count(*) FROM silver_duplicates")
    sessions, bought, revenue = ask(installation, "SELECT count(*), avg(bought::INT), sum(revenue) FROM gold_sessions")
    assert said["03_five_vs"] == (
        f"Volume: {records:,} records.\n"
        f"Velocity: {busiest:,} records in the busiest second.\n"
        f"Variety: 3 kinds of events, {types} types of interactions.\n"
        f"Veracity: {waiting / records:.2%} in quarantine, {duplicates / records:.2%} duplicates.\n"
        f"Value: {sessions:,} sessions, {bought:.2%} bought, {revenue:,.2f} in revenue.\n"
    )


@pytest.mark.long
def test_a_second_generation_by_spark_submit_goes_live(installation):
    arguments = ("--properties-file", "conf/spark-defaults.conf", "pipelines/train.py", "--max-depth", "3", "--json")
    trained = run(installation, "spark-submit", *arguments)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert json.loads(trained.stdout)["model_version"] == "2"
    assert run(installation, "clickstream", "models", "promote", "2").returncode == 0

    try:
        for command in (("broker", "start"), ("produce", "simulate", "--sessions", "60", "--seed", "99"), ("run",)):
            done = run(installation, "clickstream", *command)
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        run(installation, "clickstream", "broker", "stop")

    log = rows(installation, "gold/prediction_log")
    scored = {
        number: {(row["user_id"], row["session_id"]) for row in log if row["model_version"] == number}
        for number in "12"
    }
    assert len(scored["1"]) > 250
    assert len(scored["2"]) > 30
    last = {
        (row["user_id"], row["session_id"]): row["model_version"]
        for row in rows(installation, "gold/session_predictions")
    }
    assert {last[session] for session in scored["2"]} == {"2"}
    assert {last[session] for session in scored["1"] - scored["2"]} == {"1"}


def test_verify_after_the_demo_lacks_only_kafka(installation):
    done = run(installation, "clickstream", "verify", "--json")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "clickstream broker start" in done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert [name for name, check in checks.items() if check["done"] and not check["ok"]] == []
    assert sum(not check["done"] for check in checks.values()) == 9
    rows_of = {name: check["figures"]["rows"] for name, check in checks.items() if "required columns" in name}
    assert len(rows_of) == len(TABLES)
    # None of the demo's users is a bot, and what it tells of next sessions may be no better than chance.
    empty = ("gold.next_session_predictions", "gold.excess_sessions")
    assert [name for name, count in rows_of.items() if not count and not name.startswith(empty)] == []


def test_wrong_use_is_one_sentence_and_exit_code_two(installation):
    done = run({**installation, "CLICKSTREAM_KAFKA__PORT": "seven"}, "clickstream", "broker", "start")
    assert done.returncode == 2
    assert "CLICKSTREAM_KAFKA__PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_lines_of_the_pages_run_on_what_the_demo_made(installation, tmp_path):
    for line in ON_THE_DEMO:
        done = run(installation, "bash", "-c", line, cwd=tmp_path, timeout=120)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        assert done.stdout or ">" in line, line
    assert (tmp_path / "sessions.csv").read_text(encoding="utf-8-sig").startswith("user_id,session_id,")
    assert (tmp_path / "users.csv").read_text(encoding="utf-8-sig").startswith("user_id,")
    assert len(read_sheet(tmp_path / "sessions.xlsx")[0]) == 1 + len(rows(installation, "gold/sessions"))
    assert "Clickstream report" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "powerbi" / "Clickstream.pbip").is_file()


def test_a_job_without_kafka_says_how_to_start_one(installation):
    done = run(installation, "clickstream", "produce", "simulate", "--sessions", "1")
    assert done.returncode == 3
    assert "clickstream broker start" in done.stderr
