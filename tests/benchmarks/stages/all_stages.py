"""All stages, in the order in which data passes them."""

from __future__ import annotations

from tests.benchmarks.stages import backlog, batch, bronze, gold, producer, silver

STAGES = {
    stage.name: stage
    for stage in (
        producer.STAGE,
        bronze.STAGE,
        silver.CLEAN,
        silver.DIRTY,
        gold.STAGE,
        batch.SHORT,
        batch.LONG,
        backlog.STAGE,
    )
}
