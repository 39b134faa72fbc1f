"""`verify` says which checks fail, and which could not be done; its exit code tells the two apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bronze.raw_events import BRONZE
from gold.sessions import TABLE as SESSIONS
from lakehouse.errors import DataError, OutsideError
from pipelines.operations import verify as module
from pipelines.operations.verification.result import RECOVER, Check, tried
from pipelines.operations.verify import find_problem, run_verify, show, verify

HOLDS, FAILS = Check("a: holds", ok=True), Check("b: fails", ok=False, offence="b/1")
NOT_DONE = Check.not_done("c: needs Kafka", "No Kafka is running for this installation.")


@pytest.fixture
def run(monkeypatch):
    """Runs the command where the checks give these results."""
    app = typer.Typer()
    app.command()(verify)
    monkeypatch.setattr(module, "open_job", lambda *_, **__: None)
    monkeypatch.setattr(module, "require_lake", lambda _: None)

    def run(*checks: Check, options=()):
        monkeypatch.setattr(module, "run_verify", lambda _, **__: list(checks))
        return CliRunner().invoke(app, list(options))

    return run


def test_without_a_lake_it_says_so_and_creates_none(settings, monkeypatch):
    monkeypatch.setattr(module, "load_settings", lambda: settings)
    with pytest.raises(OutsideError, match="There is no lake in"):
        verify()
    assert not Path(settings.lake_root).exists()


def test_checks_that_all_hold_are_no_problem(run):
    assert find_problem([HOLDS]) is None
    answer = run(HOLDS)
    assert answer.exit_code == 0
    assert "All 1 checks hold" in answer.stdout


def test_checks_that_were_not_done_exit_with_three(run):
    error = run(HOLDS, NOT_DONE).exception
    assert isinstance(error, OutsideError)
    assert error.exit_code == 3
    assert "1 of 2 checks were not done" in str(error)
    assert "No Kafka is running" in str(error)
    assert "clickstream broker start" in str(error)


def test_a_failed_check_counts_more_than_one_not_done(run):
    error = run(HOLDS, NOT_DONE, FAILS).exception
    assert isinstance(error, DataError)
    assert error.exit_code == 1
    assert "1 of 3 checks failed: b: fails." in str(error)


def test_each_failed_check_is_shown_with_its_fix(run):
    first = Check("d: fails", ok=False, fix="`clickstream rebuild silver`")
    second = Check("e: fails", ok=False, fix="`clickstream recover --stream gold --apply`")
    answer = run(first, HOLDS, second, first)
    assert "d: fails. To fix that: `clickstream rebuild silver`" in answer.stdout
    hint = "`clickstream rebuild silver`; `clickstream recover --stream gold --apply`"
    assert f"To fix that: {hint}." in str(answer.exception)


def test_a_general_recovery_comes_before_all_other_fixes(run):
    error = run(Check("d", ok=False, fix="`clickstream rebuild silver`"), Check("e", ok=False, fix=RECOVER)).exception
    assert str(error).endswith("To fix that: `clickstream recover --apply`.")


def test_a_check_that_holds_needs_no_fix():
    assert Check("a", ok=True, fix=RECOVER).fix == ""


def test_a_check_that_cannot_be_made_fails_and_says_why():
    def checks():
        yield HOLDS
        raise RuntimeError("[DELTA_VERSION_NOT_FOUND] Cannot time travel Delta table to version 32.")

    holds, failed = tried("c: all", checks)
    assert holds is HOLDS
    assert (failed.name, failed.ok, failed.done, failed.fix) == ("c: all", False, True, RECOVER)
    assert "version 32" in failed.offence


def test_what_was_not_done_is_shown_as_such_and_not_as_no(capsys):
    show([HOLDS, NOT_DONE])
    shown = capsys.readouterr().out
    assert "not done" in shown
    assert "NO" not in shown.replace("No Kafka", "")
    show([FAILS])
    assert "NO" in capsys.readouterr().out


def test_json_is_the_list_of_checks_whatever_they_say(run):
    answer = run(HOLDS, NOT_DONE, FAILS, options=["--json"])
    checks = json.loads(answer.stdout)
    assert [(check["name"], check["ok"], check["done"]) for check in checks] == [
        ("a: holds", True, True), ("c: needs Kafka", False, False), ("b: fails", False, True),
    ]  # fmt: skip
    assert set(checks[0]) == {"name", "ok", "figures", "offence", "done", "fix"}


@pytest.mark.spark
@pytest.mark.usefixtures("tables")
def test_without_kafka_all_other_checks_are_done(job, gold_of):
    gold_of(SESSIONS)
    checks = run_verify(job, quick=True)
    assert [check.name for check in checks if not check.done] == [
        *(f"bronze.{name}: checkpoint" for name in BRONZE),
        *(f"{name}: Kafka deleted nothing unread" for name in BRONZE),
        *(f"{name}: nothing of Kafka is missing" for name in BRONZE),
    ]
    done = [check for check in checks if check.done]
    assert [check for check in done if not check.ok] == []
    assert len(done) > 20
