"""The doctor names what is missing, with a hint; and which Kafka the jobs use."""

import json
import socket
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from lakehouse.errors import OutsideError, UsageError
from lakehouse.session import read_defaults
from lakehouse.spark_jars import PACKAGES, keep_jars
from pipelines.cli.broker import app as broker_app
from pipelines.operations import doctor as module
from pipelines.operations.doctor import (
    Finding,
    check_folder,
    check_kafka,
    check_packages,
    check_pseudonyms,
    check_spark_jars,
    check_store_of,
    doctor,
)
from pipelines.runtime.kafka_endpoint import bootstrap_servers, reachable
from pipelines.runtime.settings import CONF, load_settings
from producers.contract.pseudonyms import KEY, PLAIN
from silver.events import PSEUDONYM_PROPERTY
from tests.support.local_tables import write_with_properties
from tests.support.pseudonyms import pseudonymise

runner = CliRunner()


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of its own."""
    monkeypatch.setenv("CLICKSTREAM_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("CLICKSTREAM_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS", raising=False)
    return tmp_path


@pytest.fixture
def external(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Something that takes connections, configured as the external Kafka."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        servers = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS", servers)
        yield servers


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(doctor)
    return app


def test_it_examines_without_writing_anything(app: typer.Typer, installation: Path) -> None:
    answer = runner.invoke(app, ["--json"])
    findings = {each["check"]: each for each in json.loads(answer.stdout)}
    assert list(findings) == [
        "Python", "user", "Java", "temporary files", "packages", "memory", "lake", "state", "pseudonyms", "Kafka",
        "topics", "Kafka's jars", "MLflow store", "Spark's jars",
    ]  # fmt: skip
    assert all(each["cure"] for each in findings.values() if each["state"] != "ok")
    assert findings["packages"]["state"] == "ok"
    assert f"pyspark {metadata.version('pyspark')}" in findings["packages"]["found"]
    assert list(installation.iterdir()) == []


def test_a_missing_part_exits_with_three(app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "check_java", lambda: Finding("Java", "missing", "none", "Install it."))
    answer = runner.invoke(app, [])
    assert isinstance(answer.exception, OutsideError)
    assert answer.exception.exit_code == 3
    assert "Java" in str(answer.exception)
    assert "Install it." in answer.stdout


def test_a_package_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["pyspark==1.0", "no-such-package-here>=1", "typer", "not-for-this; extra == 'dev'"]
    monkeypatch.setattr(metadata, "requires", lambda _: wanted)
    finding = check_packages()
    assert finding.state == "missing"
    assert "needs ==1.0" in finding.found
    assert "no-such-package-here is not installed" in finding.found
    assert "typer" not in finding.found
    assert "not-for-this" not in finding.found


def test_a_package_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ImportError(f"{name} lacks a library")

    monkeypatch.setattr(metadata, "requires", lambda _: ["delta-spark"])
    monkeypatch.setattr(module.importlib, "import_module", broken)
    assert "delta lacks a library" in check_packages().found


def test_a_folder_below_a_file_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = check_folder("lake", str(tmp_path / "file" / "lake"))
    assert finding.state == "missing"
    assert "CLICKSTREAM_LAKE" in finding.hint


def test_a_full_disk_is_missing_and_a_nearly_full_one_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, state in ((2**20, "missing"), (2 * 2**30, "note"), (2**36, "ok")):
        monkeypatch.setattr(module.shutil, "disk_usage", lambda _, free=free: type("Usage", (), {"free": free}))
        assert check_folder("state", str(tmp_path)).state == state


def test_an_object_store_is_not_examined_as_a_folder() -> None:
    assert check_folder("lake", "abfss://lake@store.example/tables").state == "note"


def test_a_lake_in_s3_that_does_not_answer_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    found = check_store_of("s3a://bucket/lake")
    assert (found.check, found.state) == ("lake", "missing")
    assert "does not answer" in found.found


def test_spark_jars_are_those_that_its_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(module, "JARS", tmp_path / "jars.json")
    before = check_spark_jars(load_settings())
    assert "needs the network" in before.hint
    jars = tmp_path / ".ivy2.5.2" / "jars"
    jars.mkdir(parents=True)
    for artifact in before.found.partition(": ")[2].split(", "):
        group, name, version = artifact.split(":")
        (jars / f"{group}_{name}-{version}.jar").write_text("")
    assert "make setup" in check_spark_jars(load_settings()).hint
    packages = read_defaults(CONF / "spark-defaults.conf")[PACKAGES]
    keep_jars(tmp_path / "jars.json", packages, jars.iterdir())
    assert check_spark_jars(load_settings()).state == "ok"


def test_a_folder_that_others_can_read_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 2**36}))
    for mode, state in ((0o700, "ok"), (0o750, "note"), (0o755, "note")):
        tmp_path.chmod(mode)
        finding = check_folder("lake", str(tmp_path))
        assert (finding.state, f"chmod 700 {tmp_path}" in finding.hint) == (state, state == "note")


def test_an_external_kafka_is_the_one_that_clients_get(external: str) -> None:
    assert bootstrap_servers(load_settings()) == external
    assert check_kafka(load_settings()).state == "ok"
    shown = json.loads(runner.invoke(broker_app, ["status", "--json"]).stdout)
    assert shown == {"running": True, "bootstrap_servers": external, "pid": None, "data_dir": None}


@pytest.mark.usefixtures("external")
def test_an_external_kafka_keeps_the_embedded_one_stopped() -> None:
    answer = runner.invoke(broker_app, ["start"])
    assert isinstance(answer.exception, UsageError)
    assert "external Kafka" in answer.exception.message
    assert "CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS" in answer.exception.hint


def test_an_external_kafka_that_does_not_answer_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert check_kafka(load_settings()).state == "missing"


def test_without_any_kafka_the_error_has_a_hint() -> None:
    with pytest.raises(OutsideError, match="No Kafka is running") as raised:
        bootstrap_servers(load_settings())
    assert "clickstream broker start" in raised.value.hint


@pytest.mark.parametrize("servers", ["", "nowhere", "127.0.0.1:x", "127.0.0.1:1,127.0.0.1:99999"])
def test_an_invalid_address_is_not_reachable(servers: str) -> None:
    assert not reachable(servers)


def test_a_port_that_is_too_large_is_nobodys() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert reachable(f"127.0.0.1:{port}")
        assert not reachable(f"127.0.0.1:{port + 65_536}")


def test_status_of_a_stopped_broker_is_no_failure(installation: Path) -> None:
    answer = runner.invoke(broker_app, ["status", "--json"])
    assert answer.exit_code == 0
    assert json.loads(answer.stdout) == {
        "running": False,
        "bootstrap_servers": None,
        "pid": None,
        "data_dir": str(installation / "state" / "kafka" / "data"),
    }


@pytest.mark.parametrize(
    ("wants", "noted", "state", "found"),
    [
        (False, "", "ok", "not asked for"),
        (True, "own", "ok", "their key is set"),
        (True, "0" * 16, "missing", "made with another key than the present one"),
        (True, "", "missing", "plain, and"),
        (False, "0" * 16, "missing", "asks for plain ones"),
    ],
)
def test_the_key_of_pseudonyms_is_silver_s(tmp_path, monkeypatch, wants, noted, state, found) -> None:
    by = pseudonymise(monkeypatch, tmp_path) if wants else PLAIN
    properties = {PSEUDONYM_PROPERTY: by.version if noted == "own" else noted}
    write_with_properties(tmp_path / "lake" / "silver" / "clicks", pa.table({"user_id": ["u"]}), properties)
    finding = check_pseudonyms(load_settings())
    assert finding.state == state
    assert found in finding.found
    assert (state == "ok") != ("clickstream rebuild silver" in finding.hint)


def test_a_missing_key_of_pseudonyms_is_named(tmp_path, monkeypatch) -> None:
    pseudonymise(monkeypatch, tmp_path)
    monkeypatch.delenv(KEY)
    finding = check_pseudonyms(load_settings())
    assert finding.state == "missing"
    assert KEY in finding.hint
