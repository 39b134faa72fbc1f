"""Tables worked on side by side, each after those that it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Semaphore

from pyspark import InheritableThread
from pyspark.sql import SparkSession

from lakehouse.table import Table

MAX_PARALLEL_TABLES = 3
"""How many tables: what small queries take is planning, which Spark does in one thread for each query."""


def run_in_parallel(spark: SparkSession, tables: Sequence[Table], work: Callable[[Table], None]) -> None:
    """Does the work for each table once it is done for those that the table reads.

    Where it fails for one, it is begun for no other; what had begun ends before the first error is raised.
    """
    done = {table.name: Event() for table in tables}
    turns = Semaphore(MAX_PARALLEL_TABLES)
    errors: list[BaseException] = []

    def take(table: Table) -> None:
        try:
            for source in table.reads.values():
                if source.name in done:
                    done[source.name].wait()
            with turns:
                if not errors:
                    work(table)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)
        finally:
            done[table.name].set()

    # As daemons, for a process that is told to end does not wait for them.
    threads = [InheritableThread(target=take, args=(table,), session=spark, daemon=True) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
