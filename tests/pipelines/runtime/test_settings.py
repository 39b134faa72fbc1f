"""Settings come from conf/ and the environment; a wrong one is named."""

from __future__ import annotations

import stat

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.errors import UsageError
from pipelines.runtime.settings import load_settings, refuse_unknown


def test_the_environment_wins_over_the_files(monkeypatch, tmp_path):
    monkeypatch.setenv("CLICKSTREAM_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("CLICKSTREAM_KAFKA__PARTITIONS", "7")
    settings = load_settings()
    assert settings.lake_root == str(tmp_path / "lake")
    assert settings.kafka.partitions == 7
    assert load_settings(kafka={"partitions": 3}).kafka.partitions == 3


def test_an_own_conf_folder_is_read(monkeypatch, tmp_path):
    (tmp_path / "base.toml").write_text('lake = "s3://bucket/lake/"\n[kafka]\npartitions = 4\n')
    (tmp_path / "test.toml").write_text("[kafka]\npartitions = 5\n")
    monkeypatch.setenv("CLICKSTREAM_CONF", str(tmp_path))
    monkeypatch.setenv("CLICKSTREAM_ENVIRONMENT", "test")
    settings = load_settings()
    assert (settings.lake_root, settings.kafka.partitions) == ("s3://bucket/lake", 5)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CLICKSTREAM_KAFKA__PARTITIONS", "0", "CLICKSTREAM_KAFKA__PARTITIONS is wrong: input should be"),
        ("CLICKSTREAM_KAFKA__PARTITION", "1", "no setting CLICKSTREAM_KAFKA__PARTITION"),
        ("CLICKSTREAM_LAKES", "x", "CLICKSTREAM_LAKES is no setting"),
        ("CLICKSTREAM_ENVIRONMENT", "nowhere", "no environment 'nowhere'"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=says):
        load_settings()


def test_variables_that_are_no_settings_are_refused(monkeypatch):
    refuse_unknown()
    monkeypatch.setenv("CLICKSTREAM_DEBUG", "1")
    refuse_unknown()
    monkeypatch.setenv("CLICKSTREAM_NONSENSE", "1")
    with pytest.raises(UsageError, match="CLICKSTREAM_NONSENSE"):
        refuse_unknown()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLICKSTREAM_KAFKA__CLIENT", '["S3CR3T"]'),
        ("CLICKSTREAM_KAFKA__CLIENT", '{"sasl.password": ["S3CR3T"]}'),
        ("CLICKSTREAM_KAFKA__CLIENT", '{"sasl.password": "S3CR3T"'),
        ("CLICKSTREAM_KAFKA", '{"client": {"sasl.password": S3CR3T}}'),
        ("CLICKSTREAM_KAFKA__PORT", "S3CR3T"),
        ("CLICKSTREAM_MODEL__SEARCH_DEPTHS", "S3CR3T"),
    ],
)
def test_a_wrong_value_is_named_and_never_shown(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=name) as raised:
        load_settings()
    assert "S3CR3T" not in str(raised.value)


@pytest.mark.parametrize("folder", ["feature%2Fcart", "a%20b", "50%25", "back\\slash", "[x]", "a^b", "a|b", "a\nb"])
@pytest.mark.parametrize("setting", ["lake", "state"])
def test_a_folder_that_readers_misread_is_refused(tmp_path, setting, folder):
    with pytest.raises(UsageError, match=f"CLICKSTREAM_{setting.upper()} names it"):
        load_settings(**{setting: str(tmp_path / folder / "x")})


@pytest.mark.parametrize("folder", ["50%", "größe", "a b", "#1", "a?b", "{x}", "a'b", "a&b", "日本"])
def test_a_table_in_an_odd_folder_is_written_and_read(tmp_path, folder):
    place = load_settings(lake=str(tmp_path / folder), state=tmp_path / "state").lake_root
    write_deltalake(f"{place}/t", pa.table({"a": [1]}))
    write_deltalake(f"{place}/t", pa.table({"a": [2]}), mode="append")
    assert (tmp_path / folder / "t" / "_delta_log").is_dir()
    assert sorted(DeltaTable(f"{place}/t").to_pyarrow_table()["a"].to_pylist()) == [1, 2]


def test_new_folders_are_for_their_owner_alone(tmp_path):
    settings = load_settings(lake=str(tmp_path / "a" / "lake"), state=tmp_path / "a" / "state")
    settings.make_folders()
    assert [stat.S_IMODE((tmp_path / "a" / name).stat().st_mode) for name in ("lake", "state")] == [0o700, 0o700]
    (tmp_path / "a" / "lake").chmod(0o755)
    settings.make_folders()
    assert stat.S_IMODE((tmp_path / "a" / "lake").stat().st_mode) == 0o755, "whoever shares it has a reason"
