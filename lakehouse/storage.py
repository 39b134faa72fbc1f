"""Create, read and write Delta tables under one root, a folder or a URI."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from delta.tables import DeltaTable
from deltalake import DeltaTable as DeltaRsTable
from deltalake.exceptions import DeltaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from lakehouse.delta_log import examine, newest_version, remove_uncommitted, sync
from lakehouse.engines.delta_commit import (
    FEATURES_WRITER,
    PLAIN_FEATURES,
    PLAIN_WRITER,
    Action,
    commit_info,
    what_forbids_writing,
    write_commit,
)
from lakehouse.engines.local_lake import LocalLake
from lakehouse.engines.version_checksum import TableState, write_checksum
from lakehouse.errors import ColumnTypeError, DeclarationError, MissingTableError, TableDamageError
from lakehouse.locks import exclusive
from lakehouse.table import Source, Table

_CLUSTERING = {"clustering", "domainMetadata"}

_PROPERTIES = {"delta.enableExpiredLogCleanup": "false"}
"""Properties of every table. Delta cleans a log by age alone, also away from a stream that has yet to read it."""


class Lake:
    """The tables of one installation.

    Whoever writes a table holds its lock in ``locks`` meanwhile, so that the processes of one
    machine never overwrite each other's commits.
    """

    def __init__(self, spark: SparkSession, root: str, locks: Path) -> None:
        self.spark = spark
        self.root = root
        self._locks = locks
        self._durable: dict[str, int] = {}

    def path(self, table: Table) -> str:
        """The table's folder or URI."""
        return f"{self.root}/{table.layer}/{table.short_name}"

    def folder(self, table: Table) -> Path | None:
        """The table's folder on this machine; None where the lake is a URI."""
        return None if "://" in self.root else Path(self.path(table))

    def folders(self, *tables: Table) -> dict[str, Path]:
        """The tables' folders by their names; none where the lake is a URI."""
        return {table.name: folder for table in tables if (folder := self.folder(table))}

    def exists(self, table: Table) -> bool:
        """Whether the table exists."""
        return bool(DeltaTable.isDeltaTable(self.spark, self.path(table)))

    @contextmanager
    def writing(self, table: Table) -> Iterator[None]:
        """Keeps every other process and thread of this machine from writing the table."""
        with exclusive(self._locks / "tables", table.name, self.spark):
            yield

    def ensure(self, table: Table) -> None:
        """Creates the table as declared, or adds the columns and properties that it lacks, and makes it plain.

        Raises ColumnTypeError where it has a column of another type, TableDamageError where a commit or a file
        is missing: so a job stops before it writes.
        """
        with self.writing(table):
            if folder := self.folder(table):
                # Killed while it created the table, a job leaves a log without a commit: Delta refuses to create it.
                remove_uncommitted(folder)
                if damage := examine(folder):
                    raise TableDamageError(table.name, damage)
                self._durable.setdefault(table.name, newest_version(folder))
            if self._is_as_declared(table):
                return
            if not self._is_there(table):
                self._create(table)
                return
            self._drop_clustering(table)
            have = {column.name: column.dataType for column in self._frame(table).schema}
            want = spark_schema(table)
            for column in want:
                if column.name in have and have[column.name] != column.dataType:
                    raise ColumnTypeError(
                        table.name,
                        column.name,
                        stored=have[column.name].simpleString(),
                        declared=column.dataType.simpleString(),
                        path=self.path(table),
                    )
            new = [column for column in table.columns if column.name not in have]
            if new:
                added = ", ".join(column.ddl.replace(" NOT NULL", "") for column in new)
                self.spark.sql(f"ALTER TABLE {self._name(table)} ADD COLUMNS ({added})")
            set_already = self._snapshot(table).metadata().configuration()
            if lacking := {name: value for name, value in _PROPERTIES.items() if not set_already.contains(name)}:
                self.spark.sql(f"ALTER TABLE {self._name(table)} SET TBLPROPERTIES ({_sql(lacking)})")

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        """The table's rows, now or at a version.

        Raises MissingTableError where there is no such table.
        """
        if not self.exists(table):
            raise MissingTableError(table.name, self.root)
        return self._frame(table, version)

    def empty(self, source: Source) -> DataFrame:
        """No rows, in the declared schema."""
        return self.spark.createDataFrame([], spark_schema(source))

    def append(self, table: Table, rows: DataFrame, *, batch: tuple[str, int] | None = None) -> None:
        """Adds rows. The caller holds the table's lock where others write it too.

        ``batch`` makes it idempotent: it is a query's id, new with each checkpoint, and the number of
        a micro-batch. The same micro-batch again adds nothing.
        """
        writing = conform(table, rows).write.format("delta").mode("append")
        if batch is not None:
            writing = writing.option("txnAppId", batch[0]).option("txnVersion", batch[1])
        writing.save(self.path(table))

    def overwrite(self, table: Table, rows: DataFrame) -> None:
        """Replaces all rows in one commit: readers see the old ones until then. They are sorted as declared."""
        rows = conform(table, rows)
        if table.sort_by:
            rows = rows.orderBy(*table.sort_by)
        rows.write.format("delta").mode("overwrite").save(self.path(table))

    def upsert(self, table: Table, rows: DataFrame, *, deleted: str = "", within: str = "") -> None:
        """Replaces the rows with the same key, and adds those whose key is new (Delta's MERGE). It is idempotent.

        ``deleted`` is the name of a boolean column of ``rows``: where it is true, the row is deleted.
        ``within`` is a condition on the table's rows (``t``), known to hold for all that are concerned;
        files without such rows are not read.
        """
        on = " AND ".join([f"t.`{column}` <=> s.`{column}`" for column in table.key] + ([within] if within else []))
        values = {f"`{name}`": f"s.`{name}`" for name in table.column_names}
        merging = self._delta(table).alias("t").merge(rows.alias("s"), on)
        if deleted:
            merging = merging.whenMatchedDelete(f"s.`{deleted}`")
        merging = merging.whenMatchedUpdate(set=values)
        merging = merging.whenNotMatchedInsert(condition=f"NOT s.`{deleted}`" if deleted else None, values=values)
        merging.execute()

    def make_durable(self, *tables: Table) -> None:
        """Has the disk keep what was committed to these tables since they were ensured, or made durable.

        A stream calls it before its checkpoint says that a micro-batch is complete. A power loss may else take a
        commit that the checkpoint counts on.
        """

        def sync_one(name: str, folder: Path) -> None:
            self._durable[name] = sync(folder, self._durable.get(name, newest_version(folder) - 1))

        folders = self.folders(*tables)
        # The disk takes them together: for ten tables that is a third of the time.
        with ThreadPoolExecutor(max(len(folders), 1)) as pool:
            list(pool.map(sync_one, folders.keys(), folders.values()))

    def forget(self, table: Table) -> None:
        """Lets Spark read the table's log again, after somebody else has changed files that it keeps in memory."""
        java: Any = self.spark._jvm  # noqa: SLF001
        java.org.apache.spark.sql.delta.DeltaLog.invalidateCache(self.spark._jsparkSession, self._hadoop_path(table))  # noqa: SLF001

    def _hadoop_path(self, table: Table) -> Any:
        return self.spark._jvm.org.apache.hadoop.fs.Path(self.path(table))  # type: ignore[union-attr]  # noqa: SLF001

    def compact(self, table: Table) -> None:
        """Merges small files; sorts all of them where the table is sorted. The caller holds the table's lock."""
        optimize = self._delta(table).optimize()
        if table.sort_by:
            optimize.executeZOrderBy(*table.sort_by)
        else:
            optimize.executeCompaction()

    def vacuum(self, table: Table, hours: float) -> None:
        """Deletes the files that no version of the last ``hours`` needs; it is no commit.

        With fewer hours than a writer may take, the caller holds the table's lock.
        """
        self._delta(table).vacuum(hours)

    def files(self, table: Table) -> int:
        """How many data files the newest version has."""
        return int(self._delta(table).detail().first()["numFiles"])

    def history(self, table: Table) -> DataFrame:
        """One row per version: its number, when it was written, by which operation, and more."""
        frame: DataFrame = self._delta(table).history()
        return frame

    def version(self, table: Table) -> int:
        """The number of the table's newest version."""
        return int(self._snapshot(table).version())

    def table_id(self, table: Table) -> str:
        """Delta's id of the table; a table that is deleted and created again has another."""
        return str(self._snapshot(table).metadata().id())

    def property(self, table: Table, name: str) -> str | None:
        """A property that the table was given; None where it was not."""
        found = self._snapshot(table).metadata().configuration().get(name)
        return str(found.get()) if found.isDefined() else None

    def set_property(self, table: Table, name: str, value: str) -> None:
        """Gives the table a property. The caller holds the table's lock."""
        self.set_properties(table, {name: value})

    def set_properties(self, table: Table, properties: Mapping[str, str]) -> None:
        """Gives the table properties, in one commit. The caller holds the table's lock."""
        each = ", ".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in properties.items())
        self.spark.sql(f"ALTER TABLE {self._name(table)} SET TBLPROPERTIES ({each})")

    def _delta(self, table: Table) -> DeltaTable:
        return DeltaTable.forPath(self.spark, self.path(table))

    def _snapshot(self, table: Table) -> Any:
        """Delta's snapshot of the newest version: DESCRIBE DETAIL and HISTORY would run Spark jobs for the same."""
        java: Any = self.spark._jvm  # noqa: SLF001
        log = java.org.apache.spark.sql.delta.DeltaLog.forTable(self.spark._jsparkSession, self.path(table))  # noqa: SLF001
        return log.update(False, java.scala.Option.empty(), java.scala.Option.empty())

    def _frame(self, table: Table, version: int | None = None) -> DataFrame:
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(self.path(table))

    def _name(self, table: Table) -> str:
        return f"delta.`{self.path(table).replace('`', '``')}`"

    def _is_there(self, table: Table) -> bool:
        """As exists; of a folder a look at its log tells."""
        if LocalLake.is_local(self.root):
            return newest_version(Path(self.path(table))) >= 0
        return self.exists(table)

    def _is_as_declared(self, table: Table) -> bool:
        """Whether the table's log says that nothing is to be done; False where only Spark can tell.

        delta-rs reads a log in milliseconds. Spark takes a tenth of a second, twenty times at each start of a job.
        """
        if not LocalLake.is_local(self.root):
            return False
        try:
            stored = DeltaRsTable(self.path(table))
        except DeltaError:
            return False
        have = {column.name: column.dataType for column in StructType.fromJson(json.loads(stored.schema().to_json()))}
        return (
            all(have.get(column.name) == column.dataType for column in spark_schema(table))
            and _PROPERTIES.keys() <= stored.metadata().configuration.keys()
            and not what_forbids_writing(stored)
        )

    def _drop_clustering(self, table: Table) -> None:
        """Takes a table along that an older release made with CLUSTER BY, which delta-rs does not write.

        Delta's own DROP FEATURE refuses it. So this is a commit of its own: with the protocol of a plain table, and
        without the columns to cluster by. The rows, their versions, the change feed and the table's id stay.
        """
        snapshot = self._snapshot(table)
        features = set(snapshot.protocol().writerFeatureNames().mkString(",").split(","))
        if "clustering" not in features or features - _CLUSTERING - PLAIN_FEATURES:
            return  # with more features, which someone added by hand, Spark goes on writing it
        actions: list[Action] = [
            commit_info("DROP FEATURE", snapshot.version() + 1, {}, featureName="clustering"),
            {"protocol": {"minReaderVersion": 1, "minWriterVersion": PLAIN_WRITER}},
            {"domainMetadata": {"domain": "delta.clustering", "configuration": "{}", "removed": True}},
        ]
        java: Any = self.spark._jvm  # noqa: SLF001
        lines = java.java.util.ArrayList()
        for action in actions:
            lines.add(json.dumps(action))
        log = snapshot.deltaLog()
        file_names = getattr(getattr(java.org.apache.spark.sql.delta.util, "FileNames$"), "MODULE$")
        file = file_names.unsafeDeltaFile(log.logPath(), snapshot.version() + 1)
        written = java.scala.jdk.javaapi.CollectionConverters.asScala(lines).iterator()
        # The store's own way to write a commit: on every kind of store, only where there is none with this number.
        log.store().write(file, written, False, log.newDeltaHadoopConf())

    def _create(self, table: Table) -> None:
        """Creates the table: in a folder by a commit of this process, for which Spark takes a second."""
        if not LocalLake.is_local(self.root):
            self._create_by_spark(table)
            return
        folder, properties = Path(self.path(table)), {**_PROPERTIES, **table.properties}
        (folder / "_delta_log").mkdir(parents=True, exist_ok=True)
        protocol: dict[str, Any] = {"minReaderVersion": 1, "minWriterVersion": 2}
        if properties.get("delta.enableChangeDataFeed") == "true":
            protocol |= {"minWriterVersion": FEATURES_WRITER, "writerFeatures": sorted(PLAIN_FEATURES)}
        metadata = {
            "id": str(uuid4()),
            "description": table.doc,
            "format": {"provider": "parquet", "options": {}},
            "schemaString": spark_schema(table).json(),
            "partitionColumns": [],
            "configuration": properties,
            "createdTime": time.time_ns() // 1_000_000,
        }
        actions: list[Action] = [
            commit_info("CREATE TABLE", 0, {}, description=table.doc),
            {"metaData": metadata},
            {"protocol": protocol},
        ]
        if write_commit(folder, 0, actions):
            write_checksum(folder, 0, TableState(0, 0, metadata, protocol))

    def _create_by_spark(self, table: Table) -> None:
        self.spark.sql(
            f"CREATE TABLE {self._name(table)} ({table.ddl}) USING delta COMMENT {json.dumps(table.doc)} "
            f"TBLPROPERTIES ({_sql({**_PROPERTIES, **table.properties})})"
        )


def _sql(properties: Mapping[str, str]) -> str:
    return ", ".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in properties.items())


def spark_schema(source: Source) -> StructType:
    """The declared columns as a Spark schema. Spark parses them, so a session must run."""
    return StructType.fromDDL(source.ddl)  # type: ignore[return-value]


def conform(table: Table, rows: DataFrame) -> DataFrame:
    """The rows with exactly the declared columns, in the declared order.

    Raises DeclarationError where they lack a column, have one more, or one of another type.
    """
    have = {column.name: column.dataType for column in rows.schema}
    want = {column.name: column.dataType for column in spark_schema(table)}
    wrong = [f"lacks {name}" for name in want if name not in have]
    wrong += [f"has {name}, which is not declared" for name in have if name not in want]
    wrong += [
        f"makes {name} {have[name].simpleString()}, declared {kind.simpleString()}"
        for name, kind in want.items()
        if name in have and have[name].simpleString() != kind.simpleString()
    ]
    if wrong:
        raise DeclarationError(f"The function that builds {table.name} {'; '.join(wrong)}.", "Fix one of the two.")
    return rows.select(*table.column_names)
