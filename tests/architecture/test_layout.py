"""Code and tests lie where one looks for them, in files and under names that are short enough."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("lakehouse", "producers", "bronze", "silver", "gold", "pipelines")
MODULES = [
    path.relative_to(ROOT)
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.name != "__init__.py"
]
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))

MOST_LINES = 400
MOST_CHARACTERS = 60
LONG = {
    "producers/kafka.py": "all that talks to Kafka is in one module",
}

JOBS = {"ingest", "refine", "aggregate", "train", "score", "evaluate", "rebuild", "run"}
"""The scripts for spark-submit."""
WRITERS = {"bronze_writer", "silver_writer", "gold_builder", "deferred_refresh"}
"""What two jobs share, the stream and the rebuild."""

TESTED_BY = {
    # Declarations: every table, event and measure is tested for what it promises by being one.
    "pipelines/runtime/catalog.py": "tests/architecture/test_tables.py",
    "producers/events/*.py": "tests/producers/contract/test_validation.py",
    "pipelines/bi/semantic/measures/*.py": "tests/pipelines/bi/semantic/test_measures.py",
    # Parts of one whole, which is what a test can call.
    "producers/contract/*.py": "tests/producers/contract/test_validation.py",
    "producers/replay/*.py": "tests/producers/replay/test_reader.py",
    "producers/simulator/parameters.py": "tests/producers/simulator/test_behaviour.py",
    "producers/simulator/*.py": "tests/producers/simulator/test_simulator.py",
    "silver/validation/*.py": "tests/silver/validation/test_batch.py",
    "silver/*.py": "tests/pipelines/test_silver_writer.py",
    "gold/shared/*.py": "tests/gold/test_sessions.py",
    # The one class that it compiles.
    "lakehouse/java_classes.py": "tests/lakehouse/test_s3_commits.py",
    "lakehouse/engines/arrow_rows.py": "tests/lakehouse/engines/test_local_lake.py",
    "lakehouse/engines/compaction.py": "tests/lakehouse/engines/test_local_lake.py",
    "lakehouse/engines/data_files.py": "tests/lakehouse/engines/test_local_lake.py",
    "lakehouse/engines/delta_commit.py": "tests/lakehouse/engines/test_local_lake.py",
    "lakehouse/engines/file_skipping.py": "tests/lakehouse/engines/test_local_lake.py",
    "lakehouse/engines/key_matching.py": "tests/lakehouse/engines/test_local_lake.py",
    "lakehouse/engines/snapshot.py": "tests/lakehouse/engines/test_local_lake.py",
    "lakehouse/engines/duckdb_types.py": "tests/lakehouse/engines/test_transpile.py",
    "lakehouse/engines/comparison.py": "tests/gold/test_verified.py",
    "lakehouse/engines/in_process.py": "tests/gold/test_engines.py",
    "lakehouse/engines/stored_sql.py": "tests/lakehouse/engines/test_transpile.py",
    "lakehouse/delta_scrub.py": "tests/pipelines/operations/erasure/test_erase.py",
    "lakehouse/engines/erasing_lake.py": "tests/pipelines/operations/erasure/test_erase.py",
    "pipelines/operations/erasure/*.py": "tests/pipelines/operations/erasure/test_erase.py",
    "lakehouse/journal.py": "tests/gold/test_kept_up.py",
    "lakehouse/deferred_changes.py": "tests/gold/test_deferred_refresh.py",
    "lakehouse/span.py": "tests/lakehouse/test_incremental.py",
    "lakehouse/sql_endpoint/*.py": "tests/pipelines/query/test_thrift_endpoint.py",
    "pipelines/bi/html/*.py": "tests/pipelines/bi/html/test_render.py",
    "pipelines/bi/powerbi/ids.py": "tests/pipelines/bi/powerbi/test_tmdl.py",
    "pipelines/bi/semantic/*.py": "tests/pipelines/bi/semantic/test_build.py",
    "pipelines/ml/*.py": "tests/pipelines/test_train.py",
    "pipelines/operations/five_vs.py": "tests/pipelines/operations/test_status.py",
    "pipelines/operations/*.py": "tests/pipelines/operations/test_verify.py",
    "pipelines/query/duckdb_session.py": "tests/pipelines/cli/test_sql.py",
    # Tables that one job writes are tested with it, on real rows.
    "gold/data_quality.py": "tests/pipelines/operations/test_quality.py",
    "gold/model_metrics.py": "tests/pipelines/test_evaluate.py",
    "gold/pipeline_metrics.py": "tests/pipelines/runtime/test_stream_metrics.py",
    "gold/prediction_log.py": "tests/pipelines/test_score.py",
    "gold/session_predictions.py": "tests/pipelines/test_score.py",
    "gold/next_session_predictions.py": "tests/pipelines/ml/test_scoring.py",
    "gold/session_starts.py": "tests/gold/test_excess_sessions.py",
    # What needs a broker is tested with one.
    "producers/kafka.py": "tests/kafka/test_producer.py",
    "pipelines/cli/produce.py": "tests/kafka/test_producer.py",
    "pipelines/cli/broker.py": "tests/lakehouse/embedded_kafka/test_broker.py",
    "producers/shop/referrers.py": "tests/producers/shop/test_addresses.py",
    "producers/shop/renew_referrers.py": "tests/producers/shop/test_renew_referrers.py",
    "pipelines/runtime/shop_version.py": "tests/pipelines/test_silver_writer.py",
    "pipelines/cli/demo.py": "tests/kafka/test_demo.py",
    "pipelines/cli/*.py": "tests/pipelines/cli/test_main.py",
    "pipelines/ingest.py": "tests/kafka/test_ingest.py",
    "bronze/raw_events.py": "tests/kafka/test_ingest.py",
    # Jobs follow each other: one lake, several jobs.
    "pipelines/aggregate.py": "tests/gold/test_kept_up.py",
    "pipelines/deferred_refresh.py": "tests/gold/test_deferred_refresh.py",
    "pipelines/gold_builder.py": "tests/gold/test_kept_up.py",
    "pipelines/*.py": "tests/kafka/test_pipeline.py",
    "pipelines/runtime/*.py": "tests/kafka/test_pipeline.py",
}
"""The test of a module that has none of its name. The first pattern that matches counts."""

SLEEPER = Path("tests/support/polling.py")


def parsed(path):
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def test_a_module_has_at_most_400_lines():
    lines = {str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {path: count for path, count in lines.items() if count > MOST_LINES}.keys() <= LONG.keys()


def test_jobs_lie_flat_in_pipelines_and_nothing_else_does():
    found = {path.stem for path in (ROOT / "pipelines").glob("*.py")}
    assert found == {"__init__", *JOBS, *WRITERS}


def test_tests_are_no_packages():
    # tests/gold/__init__.py would make `import gold` find the tests.
    packages = {path.relative_to(ROOT / "tests").parts[0] for path in TEST_FILES if path.name == "__init__.py"}
    assert packages <= {"support"}


def test_a_test_name_has_at_most_60_characters():
    long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in TEST_FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and len(node.name) > MOST_CHARACTERS
    ]
    assert long == []


def test_no_test_sleeps_except_to_poll():
    asleep = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in TEST_FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"sleep", "time.sleep"}
    ]
    assert [place for place in asleep if place.partition(":")[0] != str(SLEEPER)] == []


def test_a_module_has_its_test_where_one_looks_for_it():
    missing = [
        str(path)
        for path in MODULES
        if not (ROOT / "tests" / path.parent / f"test_{path.name}").exists()
        and not any(fnmatchcase(str(path), pattern) for pattern in TESTED_BY)
    ]
    assert missing == [], "Write the test, or say in TESTED_BY which test has the module."


@pytest.mark.parametrize(("pattern", "test"), TESTED_BY.items())
def test_a_pointer_to_a_test_leads_somewhere(pattern, test):
    assert (ROOT / test).exists()
    assert any(fnmatchcase(str(path), pattern) for path in MODULES)
