"""Let what is no table go by its age: MLflow's runs, and Kafka's records by the retention of their topics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipelines.ml.targets import TARGETS
from pipelines.runtime.kafka_endpoint import bootstrap_servers
from pipelines.runtime.settings import Settings
from producers import kafka
from producers.events import EVENTS


def keep_retention_elsewhere(settings: Settings, *, dry_run: bool = False) -> list[str]:
    """Does what the settings say, and tells it in sentences; nothing where nothing is to be done.

    Raises OutsideError where the store or Kafka cannot be asked.
    """
    return [*_runs(settings, dry_run=dry_run), *_topics(settings, dry_run=dry_run)]


def _runs(settings: Settings, *, dry_run: bool) -> list[str]:
    if not (days := settings.retention.mlflow_run_days):
        return []
    from pipelines.ml.old_runs import OldRuns

    before, said = datetime.now(UTC) - timedelta(days=days), []
    for target in TARGETS.values():
        runs = OldRuns(settings, target)
        count = len(runs.find(before)) if dry_run else runs.delete(before)
        if count:
            what = "would be deleted" if dry_run else "are deleted"
            said.append(f"{target.model}: {count:,} training runs are older than {days} days, and {what}.")
    return said


def _topics(settings: Settings, *, dry_run: bool) -> list[str]:
    """Topics of the embedded broker are set; those of another Kafka are somebody's, who is told how."""
    if not settings.retention.kafka_days:
        return []
    wanted, client = settings.retention.kafka_milliseconds, settings.kafka.client
    servers = bootstrap_servers(settings)
    others = [name for name, now in kafka.retentions(servers, EVENTS, client).items() if now != wanted]
    if not others:
        return []
    names, days = ", ".join(others), settings.retention.kafka_days
    if settings.kafka.bootstrap_servers:
        said = f"The topics {names} at {servers} keep records for another time than retention.kafka_days says."
        return [f"{said} Run {kafka.alter_command(servers)} TOPIC --add-config retention.ms={wanted} for each of them."]
    if dry_run:
        return [f"The topics {names} would keep records for {days} days."]
    kafka.set_retention(servers, others, wanted, client)
    return [f"The topics {names} keep records for {days} days from now on."]
