"""Settings come from conf/ and the environment; a wrong one is named."""

from __future__ import annotations

import pytest

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
        ("CLICKSTREAM_KAFKA__PARTITIONS", "0", r"CLICKSTREAM_KAFKA__PARTITIONS is '0', which is wrong"),
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
