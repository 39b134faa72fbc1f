"""Tables in a folder are written without Spark: sorted, in one commit, and by the statistics of the log skipped."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, Schema
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.delta_log import examine
from lakehouse.engines.compaction import MERGE_INTERVAL
from lakehouse.engines.key_matching import KeyMatcher
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import DataError, DeclarationError, LakehouseError, MissingTableError, OutsideError
from lakehouse.table import Column, Table

DAY = date(2026, 10, 15)
AT = datetime(2026, 10, 15, 12, 0, 0, 123456, tzinfo=UTC)

TABLE = Table(
    name="gold.things",
    doc="One row per thing.",
    columns=(
        Column("thing", "STRING", "The thing.", required=True),
        Column("kind", "STRING", "Its kind."),
        Column("pieces", "BIGINT", "How many pieces it has."),
        Column("seen_at", "TIMESTAMP", "When it was seen."),
        Column("seen_on", "DATE", "On which day.", required=True),
    ),
    key=("thing", "kind"),
    sort_by=("seen_on",),
    rows_per_file=4,
)

SCHEMA = pa.schema(
    [
        pa.field("thing", pa.string(), nullable=False),
        pa.field("kind", pa.string()),
        pa.field("pieces", pa.int64()),
        pa.field("seen_at", pa.timestamp("us", "UTC")),
        pa.field("seen_on", pa.date32(), nullable=False),
    ]
)


def things(*rows):
    """Rows of a thing, its kind, how many pieces, and how many days after DAY."""
    return pa.Table.from_pylist(
        [
            {"thing": thing, "kind": kind, "pieces": pieces, "seen_at": AT, "seen_on": DAY + timedelta(days=days)}
            for thing, kind, pieces, days in rows
        ],
        schema=SCHEMA,
    )


def make(root, table=TABLE, **configuration) -> None:
    folder = Path(root) / table.layer / table.short_name
    folder.mkdir(parents=True)
    settings = {
        "delta.dataSkippingStatsColumns": "thing,seen_on,seen_at",
        "delta.enableChangeDataFeed": "true",
        **configuration,
    }
    DeltaTable.create(folder, Schema.from_arrow(SCHEMA), configuration=settings)


@pytest.fixture(params=["lake", "my lake", "läke 100%"])
def odd(request, tmp_path):
    root = tmp_path / request.param
    make(root)
    return LocalLake(str(root), tmp_path / "locks")


@pytest.fixture
def local(tmp_path):
    make(tmp_path / "lake")
    return LocalLake(str(tmp_path / "lake"), tmp_path / "locks")


def stored(lake):
    rows = lake.read(TABLE).sort_by([("thing", "ascending"), ("kind", "ascending")]).to_pylist()
    return [(row["thing"], row["kind"], row["pieces"], (row["seen_on"] - DAY).days) for row in rows]


def changes(lake, version):
    rows = pa.table(DeltaTable(lake.folder(TABLE)).load_cdf(version, version).read_all()).to_pylist()
    return sorted((row["_change_type"], row["thing"], row["pieces"]) for row in rows)


def commit(lake, version):
    text = (lake.folder(TABLE) / "_delta_log" / f"{version:020d}.json").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_rows_come_back_wherever_the_lake_lies(odd):
    odd.append(TABLE, things(("a", None, 1, 0)))
    odd.merge(TABLE, things(("a", None, 2, 0), ("ä", "%", 3, 1)))
    assert stored(odd) == [("a", None, 2, 0), ("ä", "%", 3, 1)]
    assert all(Path(file).exists() for file in odd.files(TABLE))
    assert odd.open(TABLE).count() == 2


@pytest.mark.parametrize(
    ("root", "is_local"),
    [("./lake", True), ("/a b/läke 100%", True), ("s3a://bucket/lake", False), ("/a%20b/lake", False)],
)
def test_only_folders_that_delta_rs_opens_are_local(root, is_local):
    assert LocalLake.is_local(root) == is_local


def test_a_table_that_is_not_there_is_named(local):
    with pytest.raises(MissingTableError, match=r"no table gold.others"):
        local.read(replace(TABLE, name="gold.others"))
    assert not local.exists(replace(TABLE, name="gold.others"))


def test_an_instant_keeps_its_microseconds(local):
    local.append(TABLE, things(("a", None, 1, 0)))
    assert local.read(TABLE, ["seen_at"]).to_pylist() == [{"seen_at": AT}]
    schema = pq.read_schema(local.files(TABLE)[0])
    assert schema.field("seen_at").type == pa.timestamp("us", "UTC")
    assert [one.nullable for one in schema] == [one.nullable for one in SCHEMA]


def test_the_log_has_statistics_of_the_named_columns_alone(local):
    local.append(TABLE, things(("a" * 40, "secret", 1, 0), ("b", "secret", 2, 1)))
    [statistics] = [json.loads(one["add"]["stats"]) for one in commit(local, 1) if "add" in one]
    assert statistics == {
        "numRecords": 2,
        "minValues": {"thing": "a" * 32, "seen_on": "2026-10-15", "seen_at": "2026-10-15T12:00:00.123456Z"},
        "maxValues": {"thing": "b", "seen_on": "2026-10-16", "seen_at": "2026-10-15T12:00:00.123456Z"},
        "nullCount": {"thing": 0, "seen_on": 0, "seen_at": 0},
    }
    [group] = [pq.read_metadata(local.files(TABLE)[0]).row_group(0)]
    assert [group.column(place).is_stats_set for place in range(5)] == [True, False, False, True, True]


def test_the_same_batch_is_appended_once(local):
    done = [local.append(TABLE, things(("a", None, 1, 0)), batch=batch) for batch in (("q", 1), ("q", 1), ("q", 2))]
    assert done == [True, False, True]
    assert len(stored(local)) == 2
    assert local.append(TABLE, things(), batch=("other", 0))
    assert not local.append(TABLE, things(), batch=("other", 0))


def test_no_rows_are_no_commit(local):
    local.append(TABLE, things())
    local.merge(TABLE, things())
    assert local.version(TABLE) == 0


def test_an_overwrite_is_split_by_days(local):
    local.append(TABLE, things(("old", None, 1, 0)))
    local.overwrite(TABLE, things(*((f"{n:02d}", None, n, n % 5) for n in range(15))))
    assert local.version(TABLE) == 2
    assert [row[0] for row in stored(local)] == [f"{n:02d}" for n in range(15)]
    days = [set(pq.read_table(file)["seen_on"].to_pylist()) for file in local.files(TABLE)]
    assert [len(one) for one in days] == [1] * 5
    assert len(local.files(TABLE, {"seen_on": [DAY]})) == 1
    assert len(local.files(TABLE, {"seen_on": (DAY, DAY + timedelta(days=2))})) == 3
    assert local.files(TABLE, {"seen_on": [DAY + timedelta(days=9)]}) == []
    assert len(local.files(TABLE, {"kind": ["unknown to the log"]})) == 5


def test_a_merge_replaces_adds_and_deletes_by_key(local):
    local.append(TABLE, things(("kept", None, 1, 0), ("changed", None, 1, 0), ("deleted", None, 1, 0)))
    rows = things(("changed", None, 2, 0), ("changed", "k", 3, 0), ("deleted", None, 0, 0), ("never there", None, 0, 0))
    rows = rows.append_column("gone", pa.array([False, None, True, True]))
    for _ in range(2):
        local.merge(TABLE, rows, deleted="gone")
        assert stored(local) == [("changed", "k", 3, 0), ("changed", None, 2, 0), ("kept", None, 1, 0)]
    assert changes(local, 2) == [
        ("delete", "deleted", 1),
        ("insert", "changed", 3),
        ("update_postimage", "changed", 2),
        ("update_preimage", "changed", 1),
    ]


def test_a_merge_rewrites_the_files_that_it_touches(local):
    local.overwrite(TABLE, things(*((f"{n:02d}", None, n, n % 5) for n in range(15))))
    before = set(local.files(TABLE))
    local.merge(TABLE, things(("00", None, 100, 0)), within={"seen_on": [DAY]})
    assert len(before - set(local.files(TABLE))) == 1
    # A row may change its day: its old one is found without being told.
    local.merge(TABLE, things(("01", None, 100, 3)))
    assert len(before - set(local.files(TABLE))) == 2
    assert len(stored(local)) == 15
    assert ("01", None, 100, 3) in stored(local)


def test_a_merge_that_deletes_all_leaves_no_file(local):
    local.append(TABLE, things(("a", None, 1, 0)))
    local.merge(TABLE, things(("a", None, 1, 0)).append_column("gone", pa.array([True])), deleted="gone")
    assert local.files(TABLE) == []
    assert stored(local) == []


def test_two_rows_of_one_key_are_refused(local):
    with pytest.raises(DataError, match=r"Two rows for gold\.things have the same thing, kind"):
        local.merge(TABLE, things(("a", None, 1, 0), ("a", None, 2, 0)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows.drop_columns(["pieces"]), "lacks pieces"),
        (lambda rows: rows.append_column("more", pa.array([1])), "has more, which is not declared"),
        (lambda rows: rows.set_column(2, "pieces", pa.array([1.0])), "makes pieces double, declared int64"),
        (lambda rows: rows.set_column(2, "pieces", pa.array(["1"])), "makes pieces string, declared int64"),
        (lambda rows: rows.set_column(0, "thing", pa.array([None], pa.string())), "makes thing null, which is requ"),
    ],
)
def test_rows_of_another_shape_are_refused(local, change, says):
    with pytest.raises(DeclarationError, match=says):
        local.append(TABLE, change(things(("a", None, 1, 0))))


def test_numbers_of_another_width_are_taken(local):
    rows = things(("a", None, 1, 0))
    local.append(TABLE, rows.set_column(2, "pieces", rows["pieces"].cast(pa.decimal128(38, 0))))
    local.append(TABLE, rows.set_column(0, "thing", rows["thing"].dictionary_encode()))
    assert stored(local) == [("a", None, 1, 0)] * 2


def test_what_another_process_wrote_is_seen(local, tmp_path):
    other = LocalLake(local.root, tmp_path / "locks")
    assert stored(local) == []
    other.append(TABLE, things(("a", None, 1, 0)))
    assert stored(local) == [("a", None, 1, 0)]
    other.append(TABLE, things(("b", None, 1, 0)))
    local.append(TABLE, things(("c", None, 1, 0)))
    assert [row[0] for row in stored(local)] == ["a", "b", "c"]


def test_a_table_that_is_made_again_is_opened_again(local, tmp_path):
    local.append(TABLE, things(("a", None, 1, 0)))
    assert local.version(TABLE) == 1
    local.folder(TABLE).rename(tmp_path / "aside")
    make(local.root)
    assert local.version(TABLE) == 0
    assert stored(local) == []


def test_a_commit_in_between_is_not_lost(local, tmp_path, monkeypatch):
    local.append(TABLE, things(("a", None, 1, 0)))
    other = LocalLake(local.root, tmp_path / "other locks")
    merged = LocalLake._merged
    strangers = iter([things(("a", None, 5, 0)), things(("b", None, 6, 0))])

    def slow(self, *args):
        actions = merged(self, *args)
        if (rows := next(strangers, None)) is not None:
            monkeypatch.setattr(LocalLake, "_merged", merged)
            other.merge(TABLE, rows)
            monkeypatch.setattr(LocalLake, "_merged", slow)
        return actions

    monkeypatch.setattr(LocalLake, "_merged", slow)
    local.merge(TABLE, things(("a", None, 2, 0), ("c", None, 3, 0)))
    assert stored(local) == [("a", None, 2, 0), ("b", None, 6, 0), ("c", None, 3, 0)]
    assert examine(local.folder(TABLE)) == []


def test_threads_write_in_turn(local):
    def write(name):
        for n in range(5):
            local.append(TABLE, things((name, str(n), n, 0)))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(stored(local)) == 20
    assert local.version(TABLE) == 20
    assert (local.folder(TABLE) / "_delta_log" / "_last_checkpoint").exists()
    assert DeltaTable(local.folder(TABLE)).count() == 20


def test_the_log_is_never_cleaned_up(tmp_path):
    make(tmp_path / "lake", **{"delta.logRetentionDuration": "interval 0 seconds"})
    local = LocalLake(str(tmp_path / "lake"), tmp_path / "locks")
    for n in range(21):
        local.append(TABLE, things(("a", str(n), n, 0)))
    assert len(list((local.folder(TABLE) / "_delta_log").glob("*.json"))) == 22


def test_compaction_sorts_and_changes_no_row(local):
    for n in range(12):
        local.append(TABLE, things((f"{n:02d}", None, n, n % 3), (f"{n + 12}", None, n, 5)))
    before = stored(local)
    assert local.compact(TABLE) == 12
    assert stored(local) == before
    assert [len(set(pq.read_table(file)["seen_on"].to_pylist())) for file in local.files(TABLE)] == [1] * 6
    assert not any(one["add"]["dataChange"] for one in commit(local, local.version(TABLE)) if "add" in one)
    assert local.compact(TABLE) == 0


def test_small_files_of_many_commits_become_few(local):
    table, model = replace(TABLE, rows_per_file=1_000), {}
    for n in range(100):
        local.append(table, things((f"{n:03d}", None, n, n % 3)))
        model[f"{n:03d}"] = n
        if n % 4 == 0:
            local.merge(table, things((f"{n // 2:03d}", None, -n, n // 2 % 3)))
            model[f"{n // 2:03d}"] = -n
    assert {thing: pieces for thing, _, pieces, _ in stored(local)} == model
    assert len(local.files(table)) < 2 * MERGE_INTERVAL
    commits = [commit(local, version) for version in range(1, local.version(table) + 1)]
    merging = [one for one in commits if one[0]["commitInfo"]["operation"] == "OPTIMIZE"]
    assert 2 <= len(merging) <= local.version(table) / MERGE_INTERVAL
    assert not any(
        line[kind]["dataChange"] for one in merging for line in one for kind in ("add", "remove") & line.keys()
    )
    assert examine(local.folder(table)) == []


def test_a_damaged_small_file_does_not_fail_a_write(local):
    table = replace(TABLE, rows_per_file=1_000)
    local.append(table, things(("a", None, 0, 0)))
    Path(local.files(table)[0]).write_bytes(b"no Parquet")
    for n in range(2 * MERGE_INTERVAL):
        local.append(table, things(("b", str(n), n, 0)))
    assert len(local.files(table)) == local.version(table) == 2 * MERGE_INTERVAL + 1


def test_a_table_that_only_spark_can_keep_up_is_refused(tmp_path):
    make(tmp_path / "lake", **{"delta.enableDeletionVectors": "true"})
    local = LocalLake(str(tmp_path / "lake"), tmp_path / "locks")
    with pytest.raises(OutsideError, match="so only Spark can write it"):
        local.append(TABLE, things(("a", None, 1, 0)))


def test_a_damaged_table_is_a_sentence(local):
    local.append(TABLE, things(("a", None, 1, 0)))
    Path(local.files(TABLE)[0]).write_bytes(b"PAR1 no more")
    with pytest.raises(LakehouseError, match=r"gold.things cannot be read: .*\. Look whether"):
        local.read(TABLE)
    (local.folder(TABLE) / "_delta_log" / f"{2:020d}.json").write_text('{"add": ')
    with pytest.raises(LakehouseError, match=r"gold\.things cannot be read"):
        LocalLake(local.root, local._locks).version(TABLE)


KEYS = st.lists(st.tuples(st.sampled_from(["a", "b", "", None]), st.sampled_from([1, 2, None])), max_size=12)


@given(KEYS, KEYS)
def test_keys_match_as_python_compares_them(source, target):
    source = list(dict.fromkeys(source))
    schema = pa.schema([("name", pa.string()), ("number", pa.int64())])

    def table(rows):
        return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)

    matcher = KeyMatcher(table(source), schema.names)
    assert matcher.is_unique
    found = matcher.rows_of(table(target)).to_pylist()
    assert found == [source.index(row) if row in source else None for row in target]
    assert KeyMatcher(table([*source, *source]), schema.names).is_unique == (not source)


def test_a_commit_cut_between_any_two_lines_is_damage(local):
    local.append(TABLE, things(("a", None, 1, 0), ("b", None, 1, 1), ("c", None, 1, 2), ("d", None, 1, 3)))
    local.merge(TABLE, things(("a", None, 2, 0), ("e", None, 3, 1)))
    folder = local.folder(TABLE)
    commit = folder / "_delta_log" / f"{local.version(TABLE):020d}.json"
    lines = commit.read_bytes().splitlines(keepends=True)
    assert examine(folder) == []
    assert len(lines) > 2
    for kept in range(1, len(lines)):
        commit.write_bytes(b"".join(lines[:kept]))
        [damage] = examine(folder, files=False)
        assert damage.problem == f"is cut short: it has {kept} of {len(lines)} lines"
