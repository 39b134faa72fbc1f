"""Spark starts whatever the shell says of another Spark, Hadoop, Python or host name, and listens on the loopback."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lakehouse.spark_environment import ivy_folder, own_environment
from tests.support.doors import DEAD_PROXY

ROOT = Path(__file__).parents[2]

ROWS_IN_SPARK_S_OWN_WAY = """
import json

import psutil

from bronze.raw_events import BRONZE
from lakehouse.errors import LakehouseError
from pipelines.runtime.job import open_job

try:
    job = open_job("test", short=True)
except LakehouseError as error:
    print(error)
    raise SystemExit(error.exit_code)
job.lake.ensure(BRONZE["clicks"])
job.spark.range(3).write.format("delta").save("lake/compressed")  # by zstd, whose library is a program
rows = job.spark.range(3).rdd.map(lambda row: row.id + 1).collect()
processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
ports = [one.laddr.ip for each in processes for one in each.net_connections("tcp") if one.status == "LISTEN"]
print(json.dumps({"rows": rows, "count": job.lake.read(BRONZE["clicks"]).count(), "listens": ports}))
job.spark.stop()
"""

CORE_SITE = """<configuration><property><name>fs.defaultFS</name><value>hdfs://127.0.0.1:9</value></property>
</configuration>"""


def _in_namespace(*options: str) -> list[str]:
    """A command of util-linux that runs another one with a user or a host name of its own; skips where it may not."""
    command = ["unshare", *options, "sh", "-c"]
    try:
        done = subprocess.run([*command, "true"], check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no unshare on the PATH")
    if done.returncode:
        pytest.skip(f"this user may not run unshare {' '.join(options)}")
    return command


def _start(command: list[str], folder: Path, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(ROWS_IN_SPARK_S_OWN_WAY)
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [*command, f'{before} exec "{sys.executable}" "{folder}/program.py"'],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if name not in ("LANG", "LC_ALL", "LC_CTYPE")},
            "PYTHONPATH": str(ROOT),
            "CLICKSTREAM_LAKE": "lake",
            "CLICKSTREAM_STATE": "state",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.spark
def test_another_spark_s_variables_mislead_nobody(tmp_path):
    folder = tmp_path / "größe"
    (folder / "hadoop").mkdir(parents=True)
    (folder / "hadoop" / "core-site.xml").write_text(CORE_SITE)
    done = _start(
        _in_namespace("--uts"),
        folder,
        "hostname no-such-host;",
        SPARK_HOME=str(tmp_path / "nothing"),
        HADOOP_CONF_DIR=str(folder / "hadoop"),
        PYSPARK_PYTHON="/usr/bin/false",
        PYSPARK_DRIVER_PYTHON="jupyter",
        **DEAD_PROXY,
        LC_ALL="POSIX",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["rows"], said["count"]) == ([1, 2, 3], 0)
    assert (folder / "lake" / "bronze" / "clicks" / "_delta_log").is_dir()
    assert len(said["listens"]) >= 3
    assert {address.removeprefix("::ffff:") for address in said["listens"]} == {"127.0.0.1"}


NO_PROGRAMS = "mount -t tmpfs -o noexec,mode=1777 none /tmp &&"


@pytest.mark.spark
def test_no_program_needs_to_run_from_tmp():
    namespace = _in_namespace("--user", "--map-root-user", "--mount")
    if subprocess.run([*namespace, f"{NO_PROGRAMS} true"], check=False, capture_output=True).returncode:
        pytest.skip("this kernel lets no user mount a file system")
    with TemporaryDirectory(dir="/var/tmp") as folder:  # as /tmp is hidden
        done = _start(namespace, Path(folder), NO_PROGRAMS)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["rows"] == [1, 2, 3]
        assert stat.S_IMODE((Path(folder) / "state" / "logs" / "tmp").stat().st_mode) == 0o700
        told = "from lakehouse.spark_environment import *; java_folder_options(Path('/tmp/a'))"
        refused = [*namespace, f'{NO_PROGRAMS} "{sys.executable}" -c "{told}"']
        done = subprocess.run(refused, cwd=ROOT, check=False, capture_output=True, text=True)
        assert "Programs run neither from /tmp nor from /tmp/a" in done.stderr


@pytest.mark.spark
def test_a_user_without_a_name_gets_a_sentence(tmp_path):
    done = _start(_in_namespace("--user", "--map-user=12345"), tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stdout.startswith("This user, 12345, has no name on this machine")


def test_the_shell_s_variables_come_back(monkeypatch):
    monkeypatch.setenv("SPARK_HOME", "/opt/spark")
    monkeypatch.delenv("SPARK_LOCAL_IP", raising=False)
    monkeypatch.setenv("LC_ALL", "POSIX")
    with own_environment():
        assert "SPARK_HOME" not in os.environ
        assert os.environ["LC_ALL"] == "C.UTF-8"
        monkeypatch.setenv("SPARK_BUFFER_SIZE", "4096")  # as PySpark does, for itself
    assert os.environ["SPARK_BUFFER_SIZE"] == "4096"
    assert (os.environ["SPARK_HOME"], os.environ["LC_ALL"]) == ("/opt/spark", "POSIX")
    assert "SPARK_LOCAL_IP" not in os.environ


def test_jars_go_where_this_user_can_write(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ivy_folder(tmp_path / "logs") == tmp_path / ".ivy2.5.2"
    monkeypatch.setenv("HOME", "/dev/null/home")
    assert ivy_folder(tmp_path / "logs") == tmp_path / "logs" / ".ivy2.5.2"
