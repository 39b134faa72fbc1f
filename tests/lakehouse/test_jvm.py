"""What Java starts from may be missing, damaged or another Java's: it starts all the same, and says nothing."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from lakehouse.jvm import archive_at_exit_options, find_java, shared_archive_options


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
