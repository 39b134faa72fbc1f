"""A lab for injured lakes: one installation, its jobs in this process, and what Kafka acknowledged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from pyspark.sql import SparkSession

from lakehouse.errors import LakehouseError
from pipelines.aggregate import run_aggregate
from pipelines.ingest import run_ingest
from pipelines.operations.recover import Finding, run_recover
from pipelines.operations.status import run_status
from pipelines.operations.stream_tables import checkpoint_of
from pipelines.operations.verification.result import Check
from pipelines.operations.verify import find_problem, fixes, run_verify
from pipelines.refine import run_refine
from pipelines.runtime.hints import with_command_hint
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from tests.faults.audit import audit_bronze, audit_outcomes, audit_sessions
from tests.faults.harness import Ledger, Shoppers
from tests.support.injuries import Injury

JOBS: dict[str, Callable[[Job], object]] = {"bronze": run_ingest, "silver": run_refine, "gold": run_aggregate}


class Lab:
    """An installation in one folder, on a broker of whoever made it; ``ledger`` has what was sent there."""

    def __init__(self, spark: SparkSession, folder: Path, ledger: Ledger, servers: str, shoppers: Shoppers) -> None:
        self.folder, self.ledger, self._servers, self._shoppers = folder, ledger, servers, shoppers
        self.settings = load_settings(
            lake=str(folder / "lake"), state=folder / "state", kafka={"bootstrap_servers": servers}
        )
        self.job = Job(self.settings, spark)

    def copy(self, folder: Path) -> Lab:
        """The same in another folder, on the same Kafka."""
        shutil.copytree(self.folder, folder)
        return Lab(self.job.spark, folder, self.ledger, self._servers, self._shoppers)

    def table(self, name: str) -> Path:
        """A table's folder, by its name."""
        layer, _, short = name.partition(".")
        return self.folder / "lake" / layer / short

    def send(self, events: int) -> None:
        """Sends events to Kafka."""
        assert self.ledger.send(self._shoppers.take(events)) == 0

    def run(self, *layers: str) -> None:
        """Runs the jobs of these layers, of all without."""
        for layer in layers or JOBS:
            JOBS[layer](self.job)

    def injure(self, table: str, injury: Injury, random: Random) -> None:
        """Injures a table, and lets Spark forget what it had read of it, as a new process would."""
        injury(self.table(table), random)
        self.forget()

    def injure_stream(self, stream: str, injury: Injury, random: Random) -> None:
        """Injures a stream's checkpoint."""
        injury(checkpoint_of(self.settings, stream), random)
        self.forget()

    def forget(self) -> None:
        """Lets this process and Spark forget all logs."""
        self.job = Job(self.settings, self.job.spark)
        self.job.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()

    def stops(self, layer: str) -> str:
        """The sentence with which a layer's job stops; empty where it does not."""
        try:
            JOBS[layer](self.job)
        except LakehouseError as error:
            return str(with_command_hint(error))
        return ""

    def status(self) -> list[str]:
        """What ``status`` says of damage."""
        return list(dict.fromkeys(sentence for one in run_status(self.settings) for sentence in one.damage))

    def failed(self, *, quick: bool = False) -> list[Check]:
        """The checks of ``verify`` that fail."""
        return [check for check in run_verify(self.job, quick=quick) if not check.ok]

    def fix(self) -> str:
        """The commands that ``verify`` names."""
        checks = self.failed(quick=True)
        assert find_problem(checks)
        return fixes(checks)

    def recover(self) -> list[Finding]:
        """``recover --apply``, which says what ``recover`` says."""
        plan = run_recover(self.job)
        done = run_recover(self.job, apply=True)
        assert [(one.stream, one.problem, one.remedy) for one in plan if one.problem] == [
            (one.stream, one.problem, one.remedy) for one in done if one.problem
        ]
        return done

    def audit(self, *, complete: bool = True) -> list[str]:
        """What readers that are not Spark find wrong with all layers."""
        return [
            *audit_bronze(self, self.ledger, complete=complete),  # type: ignore[arg-type]
            *audit_outcomes(self, complete=complete),  # type: ignore[arg-type]
            *(audit_sessions(self) if complete else ()),  # type: ignore[arg-type]
        ]
