"""What Java starts from may be missing, damaged or another Java's: it starts all the same, and says nothing."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from lakehouse.jvm import find_java, recorded_into, starting_from


def java(options: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [find_java().path, *shlex.split(options), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


@pytest.mark.parametrize("content", [b"", b"no archive at all", None])
def test_an_archive_that_does_not_fit_is_passed_over(tmp_path, content):
    archive = tmp_path / "a folder" / "classes.jsa"
    archive.parent.mkdir()
    if content is not None:
        archive.write_bytes(content)
    done = java(starting_from(archive), "--list-modules")
    assert "java.base" in done.stdout
    assert "archive" not in done.stdout + done.stderr


def test_java_starts_from_what_an_earlier_one_has_kept(tmp_path):
    archive = tmp_path / "a folder" / "classes.jsa"
    archive.parent.mkdir()
    assert starting_from(archive) == ""
    java(recorded_into(archive), "--list-modules")
    assert archive.exists()
    done = java(starting_from(archive) + " -Xlog:class+load", "--list-modules")
    assert "shared objects file (top)" in done.stdout
