"""A table's log in a folder is listed as Delta's own store lists it, without a look at what nobody asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py4j.protocol import Py4JJavaError

from bronze.raw_events import BRONZE

pytestmark = pytest.mark.spark

NAMES = st.one_of(
    st.builds("{:020d}.{}".format, st.integers(0, 40), st.sampled_from(["json", "crc", "checkpoint.parquet"])),
    st.sampled_from(["_last_checkpoint", "_sidecars", ".00000000000000000003.json.crc", "a:b", "é.json"]),
)


def listed(jvm: Any, store: str, start: str) -> list[tuple[str, int, int, bool]]:
    """What a store lists from a path on: each file's path, bytes, time and kind."""
    hadoop = jvm.org.apache.hadoop.conf.Configuration()
    statuses = _made(jvm, store, hadoop).listFrom(jvm.org.apache.hadoop.fs.Path(start), hadoop)
    result = []
    while statuses.hasNext():
        one = statuses.next()
        result.append((one.getPath().toString(), one.getLen(), one.getModificationTime(), one.isDirectory()))
    return result


def _made(jvm: Any, name: str, hadoop: Any) -> Any:
    found = jvm
    for part in name.split("."):
        found = getattr(found, part)
    return found(hadoop)


OURS, DELTAS = "lakehouse.FolderLogStore", "io.delta.storage.HDFSLogStore"


@given(names=st.sets(NAMES, max_size=20), start=st.integers(0, 45), scheme=st.sampled_from(["file:", "file://", ""]))
@settings(max_examples=40, deadline=None)
def test_a_log_is_listed_as_deltas_own_store_does(spark, tmp_path_factory, names, start, scheme):
    folder = tmp_path_factory.mktemp("a log")
    for name in names:
        (folder / name).write_text("x" * len(name))
    path = f"{scheme}{folder}/{start:020d}.json"
    assert listed(spark._jvm, OURS, path) == listed(spark._jvm, DELTAS, path)


@pytest.mark.parametrize("store", [OURS, DELTAS])
def test_a_log_that_is_not_there_is_said_to_be_missing(spark, tmp_path, store):
    with pytest.raises(Py4JJavaError) as error:
        listed(spark._jvm, store, f"file:{tmp_path}/missing/{0:020d}.json")
    assert error.value.java_exception.getClass().getName() == "java.io.FileNotFoundException"


def test_jobs_on_this_machine_list_by_it(spark, lake):
    lake.ensure(BRONZE["clicks"])
    log = spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, lake.path(BRONZE["clicks"]))
    used = log.store().schemeBasedLogStore(log.logPath())
    assert used.getClass().getName().endswith("LogStoreAdaptor")
    assert used.logStoreImpl().getClass().getName() == OURS
