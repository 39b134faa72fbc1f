"""An hourly run of all jobs by Airflow 2 or 3, in place of streams that go on for ever. Copy it into the dags folder.

Each job begins where it stopped, and a second start while one runs is refused: so a retry harms nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.operators.bash import BashOperator

CLICKSTREAM = "cd /opt/clickstream && set -a && . /etc/clickstream.env && .venv/bin/clickstream"

with DAG(
    "clickstream",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017 - Airflow 2 runs on Python 3.9 too
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "execution_timeout": timedelta(hours=2)},
) as dag:
    previous = None
    for job in ("ingest", "refine", "aggregate", "quality"):
        task = BashOperator(task_id=job, bash_command=f"{CLICKSTREAM} {job}")
        if previous is not None:
            previous >> task
        previous = task

with DAG(
    "clickstream_nightly",
    schedule="10 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017
    catchup=False,
    max_active_runs=1,
) as nightly:
    maintain = BashOperator(task_id="maintain", bash_command=f"{CLICKSTREAM} maintain")
    verify = BashOperator(task_id="verify", bash_command=f"{CLICKSTREAM} verify --quick")
    train = BashOperator(task_id="train", bash_command=f"{CLICKSTREAM} train")
    evaluate = BashOperator(task_id="evaluate", bash_command=f"{CLICKSTREAM} evaluate")
    maintain >> verify >> train >> evaluate
