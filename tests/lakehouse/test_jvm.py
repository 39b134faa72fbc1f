"""Java is found, its jars are resolved, and a class archive that is missing or damaged is ignored silently."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from lakehouse.embedded_kafka.config import free_port
from lakehouse.errors import OutsideError
from lakehouse.jvm import (
    archive_at_exit_options,
    find_java,
    require_java_for_spark,
    resolve_jars,
    shared_archive_options,
)


def java(options: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [find_java().path, *shlex.split(options), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


@pytest.mark.parametrize("content", [b"", b"no archive at all", None])
def test_an_archive_that_does_not_fit_is_passed_over(tmp_path, content):
    archive = tmp_path / "a folder" / "classes.jsa"
    archive.parent.mkdir()
    if content is not None:
        archive.write_bytes(content)
    done = java(shared_archive_options(archive), "--list-modules")
    assert "java.base" in done.stdout
    assert "archive" not in done.stdout + done.stderr


def test_java_starts_from_what_an_earlier_one_has_kept(tmp_path):
    archive = tmp_path / "a folder" / "classes.jsa"
    archive.parent.mkdir()
    assert shared_archive_options(archive) == ""
    java(archive_at_exit_options(archive), "--list-modules")
    assert archive.exists()
    done = java(shared_archive_options(archive) + " -Xlog:class+load", "--list-modules")
    assert "shared objects file (top)" in done.stdout


def _fake_java(home: Path, says: str, code: int = 0) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {code}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "21-ea" 2023', 21),
        ('openjdk version "25" 2025', 25),
    ],
)
def test_the_java_of_java_home_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, version: int
) -> None:
    program = _fake_java(tmp_path, says)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert (find_java().path, find_java().version) == (program, version)


@pytest.mark.parametrize(
    ("says", "code", "message"),
    [
        ('java version "1.8.0_392"', 0, "too old: 8"),
        ("Unable to locate a Java Runtime.", 1, "does not run"),
        ("nonsense", 0, "does not run"),
    ],
)
def test_a_java_that_will_not_do_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, code: int, message: str
) -> None:
    _fake_java(tmp_path, says, code)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(OutsideError, match=message):
        find_java()


@pytest.mark.parametrize(
    ("release", "message"),
    [
        ('JAVA_VERSION="21.0.8"\nMODULES="java.base java.sql"', r"was cut down: it lacks jdk\.incubator\.vector"),
        ('JAVA_VERSION="11.0.2"\nMODULES="java.base jdk.incubator.vector"', "too old: 11 "),
        ('JAVA_VERSION="1.8.0_392"', "too old: 8 "),
        ('JAVA_VERSION="25.0.2"\nMODULES="java.base jdk.incubator.vector"', None),
        ('JAVA_VERSION="25"', None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_a_java_that_spark_cannot_use_is_named(tmp_path, monkeypatch, release, message):
    _fake_java(tmp_path, 'openjdk version "25"')
    if release is not None:
        (tmp_path / "release").write_text(release)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    if message is None:
        require_java_for_spark()
        return
    with pytest.raises(OutsideError, match=message) as raised:
        require_java_for_spark()
    assert "Java 17, 21 or 25" in raised.value.hint


def test_no_java_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutsideError, match="no Java"):
        find_java()


def test_without_a_network_the_jars_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M2_REPO", str(tmp_path))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port(None)}")
    with pytest.raises(OutsideError, match="no Maven repository answers") as raised:
        resolve_jars("org.apache.kafka:kafka_2.13:4.3.1")
    assert "delete" not in raised.value.hint  # the user's own repository
