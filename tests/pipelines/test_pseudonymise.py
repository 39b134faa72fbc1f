"""With ``pseudonymise`` no file above bronze and quarantine has a user's id: all jobs run, then all files are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bronze.raw_events import BRONZE
from gold.session_predictions import TABLE as PREDICTIONS
from lakehouse.engines.local_lake import LocalLake
from pipelines.aggregate import run_aggregate
from pipelines.cli.main import app
from pipelines.refine import run_refine
from pipelines.score import run_score
from pipelines.train import run_train
from producers.events import EVENTS
from producers.simulator.simulator import simulate
from silver.quarantine import QUARANTINE
from tests.benchmarks.inputs import records_table
from tests.support.erasure import files_that_have
from tests.support.pseudonyms import pseudonymise

pytestmark = pytest.mark.spark

MARK = "planted-person-"


def marked(record):
    """The same record of a user whose id can be looked for."""
    topic, key, body, at = record
    changed = body and body.replace(b'"user_id":"', b'"user_id":"' + MARK.encode())
    return topic, key and MARK.encode() + key, changed, at


@pytest.fixture
def installed(job, tables, monkeypatch, tmp_path):
    """Simulated events in bronze, some of them bad, and settings that want pseudonyms."""
    by = pseudonymise(monkeypatch, tmp_path)
    monkeypatch.setenv("CLICKSTREAM_LAKE", job.settings.lake_root)
    monkeypatch.setenv("CLICKSTREAM_STATE", str(job.settings.state_root))
    lake = LocalLake(tables.root, job.settings.locks)
    records = {name: [] for name in EVENTS}
    for number, record in enumerate(simulate(7, 500)):
        records[record[0]].append((number, marked(record)))
    records["clicks"].append(
        (10**6, ("clicks", None, b'{"user_id":"' + MARK.encode() + b'bad"}', 1_790_000_000_000_000))
    )
    for name in EVENTS:
        rows = records_table(name, records[name])
        lake.append(BRONZE[name], rows)
    return job, by


def test_no_file_above_bronze_has_an_id(installed, tmp_path, tmp_path_factory):
    job, by = installed
    run_refine(job)
    run_aggregate(job)
    run_train(job)
    run_score(job)
    out = tmp_path / "out"
    out.mkdir()
    for arguments in (
        *(
            ["export", table, "--out", f"{out}/{table}.{form}"]
            for table, form in (
                ("gold.sessions", "csv"),
                ("gold.users", "xlsx"),
                ("silver.clicks", "parquet"),
                ("gold.session_predictions", "csv"),
            )
        ),
        ["report", "--out", f"{out}/report.html"],
        ["powerbi", "--out", f"{out}/powerbi"],
    ):
        made = CliRunner().invoke(app, arguments)
        assert made.exit_code == 0, made.output
    for name in ("doctor", "status", "quality"):
        assert MARK not in CliRunner().invoke(app, [name]).output

    raw = [*BRONZE.values(), QUARANTINE]
    having = files_that_have(tmp_path, MARK)
    folders = {f"lake/{table.layer}/{table.short_name}" for table in raw}
    assert {"/".join(file.split("/")[:3]) for file in having} == folders  # raw: bronze, and what broke the contract
    assert not [file for file in having if "_delta_log" in file]
    assert not [path for path in tmp_path.rglob("*") if MARK in path.name]
    logs = list(tmp_path_factory.getbasetemp().glob("logs*/spark.log"))
    assert logs
    assert not [log for log in logs if MARK in Path(log).read_text(errors="replace")]

    users = {row["user_id"] for row in LocalLake(job.lake.root, job.settings.locks).read(PREDICTIONS).to_pylist()}
    assert users
    assert all(len(user) == 64 for user in users)
    assert users <= {by.of(f"{MARK}u{number:06}") for number in range(1_000)}
    assert files_that_have(out, *list(users)[:1])
