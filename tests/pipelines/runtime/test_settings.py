"""Settings come from conf/ and the environment; a wrong one is named."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pytest
import typer
from deltalake import DeltaTable, write_deltalake

from lakehouse.errors import UsageError
from pipelines.runtime.commands import command_of
from pipelines.runtime.erased_people import with_key
from pipelines.runtime.kafka_client import java_settings
from pipelines.runtime.settings import CONF, load_settings, refuse_unknown
from producers.shop.settings import conf_folder, current_shop, shop_file


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
    assert (settings.lake_root, settings.kafka.partitions) == ("s3a://bucket/lake", 5)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CLICKSTREAM_KAFKA__PARTITIONS", "0", "CLICKSTREAM_KAFKA__PARTITIONS is wrong: input should be"),
        ("CLICKSTREAM_SPARK__DRIVER_MEMORY", "lots", "DRIVER_MEMORY is wrong: it is no amount of bytes, as in 3g"),
        (
            "CLICKSTREAM_UP__IN_PROCESS_MEMORY",
            "half",
            "IN_PROCESS_MEMORY is wrong: it is no amount of bytes, as in 2GB",
        ),
        ("CLICKSTREAM_KAFKA__HEAP", "0.5g", "HEAP is wrong: it is no amount"),
        ("CLICKSTREAM_STREAM__BYTES_PER_BATCH", "-1", "BYTES_PER_BATCH is wrong: it is no amount"),
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
        ("CLICKSTREAM_SPARK__DRIVER_MEMORY", "S3CR3T"),
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


WRITTEN = (
    "my settings ü",
    "./my settings ü",
    "../shop/my settings ü",
    "~/shop/my settings ü",
    "~/shop/./my settings ü/",
)
"""How one folder, HOME/shop/my settings ü, may be named by a command that runs in HOME/shop."""


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder of settings and secrets, with blanks in its name, in the folder where a command runs."""
    folder = tmp_path / "shop" / "my settings ü"
    shutil.copytree(CONF, folder)
    (folder / "client.properties").write_text("ssl.ca.location=~/ca.pem\nssl.key.location=my key.pem\n")
    (folder / "erasure.key").write_text("k" * 32)
    monkeypatch.chdir(tmp_path / "shop")
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


@pytest.mark.parametrize("written", WRITTEN)
def test_a_path_is_the_same_however_it_is_written(own_folder, monkeypatch, tmp_path, written):
    for name, value in {
        "CONF": written,
        "LAKE": f"{written}/lake",
        "STATE": f"{written}/state",
        "KAFKA__CLIENT_FILE": f"{written}/client.properties",
        "ERASURE__KEY_FILE": f"{written}/erasure.key",
    }.items():
        monkeypatch.setenv(f"CLICKSTREAM_{name}", value)
    (own_folder / "shop.toml").write_text('hosts = ["own.shop"]', encoding="utf-8")
    settings = load_settings()
    assert (conf_folder(), shop_file()) == (own_folder, own_folder / "shop.toml")
    assert current_shop().hosts == ("own.shop",)
    assert (settings.lake_root, settings.state_root) == (str(own_folder / "lake"), own_folder / "state")
    assert settings.kafka.client == {
        "ssl.ca.location": str(tmp_path / "ca.pem"),
        "ssl.key.location": str(tmp_path / "shop" / "my key.pem"),
    }
    assert with_key(settings, make=False)._key == b"k" * 32
    assert "file:///" in _java_options(conf_folder()) + _java_options(Path(os.path.relpath(own_folder)))


def _java_options(folder: Path) -> str:
    from lakehouse.session import _with_java_options, read_defaults

    return _with_java_options(read_defaults(folder / "spark-defaults.conf"), "", folder)[
        "spark.driver.extraJavaOptions"
    ]


@pytest.mark.parametrize("value", ["probe", "", "/etc/ca.pem"])
def test_a_client_setting_that_is_no_own_path_stays(value):
    client = {"ssl.ca.location": value, "sasl.password": "~/no path"}
    assert load_settings(kafka={"client": client}).kafka.client == client
    assert java_settings(client)["ssl.truststore.location"] == value


@pytest.mark.parametrize("written", ["~/out.html", "../home/out.html"])
def test_a_path_of_the_command_line_may_begin_with_a_home(monkeypatch, tmp_path, capsys, written):
    def command(file: Annotated[Path | None, typer.Option("--out")] = None) -> None:
        print(file and file.resolve())

    (tmp_path / "home").mkdir()
    (tmp_path / "shop").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "shop")
    for words in ([f"--out={written}"], []):
        command_of(command).main(words, standalone_mode=False)
    assert capsys.readouterr().out.splitlines() == [f"{tmp_path}/home/out.html", "None"]


@pytest.mark.parametrize("name", ["nope", "a file"])
@pytest.mark.parametrize("ask", [load_settings, current_shop, conf_folder])
def test_a_conf_that_is_no_folder_is_said_to_be_none(monkeypatch, tmp_path, ask, name):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("CLICKSTREAM_CONF", str(tmp_path / name))
    with pytest.raises(UsageError) as raised:
        ask()
    assert f"CLICKSTREAM_CONF names {tmp_path / name}, which " in str(raised.value)
    assert "cp -r" in str(raised.value)


def test_the_home_of_nobody_is_one_sentence():
    with pytest.raises(UsageError, match="names a home that is not known here"):
        _ = load_settings(lake="~nobody-of-this-name/lake").lake_root
