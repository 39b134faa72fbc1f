"""Find Java, resolve Maven artifacts to jars, and start Java fast by class data sharing.

A class data archive fits one version of Java and one set of jars. Another Java ignores it. A Spark that starts
from an archive is up in two thirds of the time.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse.errors import OutsideError
from lakehouse.locks import exclusive

OLDEST = 17
"""The oldest supported major version of Java."""

VECTORS = "jdk.incubator.vector"
"""A module of Java that Spark asks for by name at each start."""

_VERSION = re.compile(r'version "(?:1\.)?(\d+)[^"]*"')
_HINT = f"Install a whole Java {OLDEST}, 21 or 25, and set JAVA_HOME to it or put its `java` on the PATH."


@dataclass(frozen=True)
class Java:
    """A Java that runs: its program, its major version, and its full version."""

    path: Path
    version: int
    says: str


def find_java() -> Java:
    """The Java of JAVA_HOME where that is set, else the first on the PATH.

    Raises OutsideError where there is none, where it does not run, or where it is too old.
    """
    path, where = _program()
    try:
        answer = subprocess.run([path, "-version"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OutsideError(f"The Java of {where} does not run ({path}).", _HINT) from error
    match = _VERSION.search(answer.stderr + answer.stdout)
    if answer.returncode or not match:  # as macOS answers where no Java is installed
        raise OutsideError(f"The Java of {where} does not run ({path}).", _HINT)
    version = int(match[1])
    if version < OLDEST:
        raise OutsideError(f"The Java of {where} is too old: {version} ({path}).", _HINT)
    return Java(Path(path).absolute(), version, match[0].removeprefix("version ").strip('"'))


def _program() -> tuple[str, str]:
    """The program of Java, and where it was found."""
    home = os.environ.get("JAVA_HOME", "")
    path = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not path:
        raise OutsideError("There is no Java: JAVA_HOME is not set and the PATH has no `java`.", _HINT)
    return path, "JAVA_HOME" if home else "the PATH"


def require_java_for_spark() -> None:
    """Raises OutsideError for a Java that Spark does not start with, as its file `release` tells; starts none."""
    path, where = _program()
    try:
        lines = Path(path).resolve().parents[1].joinpath("release").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    about = {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}
    version = re.match(r"(?:1\.)?(\d+)", about.get("JAVA_VERSION", ""))
    if version and int(version[1]) < OLDEST:
        raise OutsideError(f"The Java of {where} is too old: {version[1]} ({path}).", _HINT)
    if "java.base" in about.get("MODULES", "").split() and VECTORS not in about["MODULES"].split():
        raise OutsideError(f"The Java of {where} was cut down: it lacks {VECTORS}, which Spark needs ({path}).", _HINT)


def resolve_jars(artifact: str, *alone: str) -> list[Path]:
    """The jars of ``artifact`` with its dependencies, then those of ``alone`` without.

    Artifacts are ``group:name:version``. What is not on this machine yet is downloaded, with the
    user's own settings of jgo (repositories, cache, M2_REPO) and of HTTP proxies.

    Raises OutsideError where that fails.
    """
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    settings = GlobalSettings.load()
    cache = Path(settings.repo_cache)
    if cache == Path.home() / ".m2" / "repository":
        # Ivy, which is how Spark resolves, takes a POM without its jar in there for a broken artifact.
        cache = Path(settings.cache_dir) / "repository"
    try:
        with exclusive(cache, "resolve"):  # jgo writes in place: two at a time would spoil each other's files
            context = MavenContext(repo_cache=cache, timeout=30)
            context.remote_repos.update(settings.repositories)  # jgo's default is one of the name "central"
            # "!" leaves the versions to the artifact itself, instead of reading it as a bill of materials.
            inputs, others = context.resolver.resolve([context.create_dependency(f"{artifact}!")])
            needed = [each.artifact for each in [*inputs, *others]]
            needed += [context.create_dependency(each).artifact for each in alone]
            return [_whole(each) for each in needed]
    except Exception as error:  # jgo raises whatever its parts raise
        network = isinstance(error, OSError) and error.errno is None  # as requests tells it, in a long line
        first = (str(error).splitlines() or [type(error).__name__])[0][:300]
        why = "no Maven repository answers." if network else first
        hint = "Look whether this machine reaches a Maven repository, then try again."
        if not network and cache.is_relative_to(settings.cache_dir):
            hint += f" If it does, delete {cache}: a download may have broken off."
        raise OutsideError(f"The jars of {artifact} cannot be resolved: {why}", hint) from error


def _whole(artifact: Any) -> Path:
    """The artifact's jar, fetched again where an earlier download broke off."""
    jar = Path(artifact.resolve()).absolute()
    if not zipfile.is_zipfile(jar):
        jar.unlink()
        artifact.resolve()
    return jar


def last_error(output: str) -> str:
    """The last line of a program's output that tells of an error; empty where none does."""
    lines = output.splitlines()[-200:]
    telling = [line.strip() for line in lines if "rror" in line or "xception" in line or "not found" in line]
    return telling[-1].rstrip(".")[:300] if telling else ""


def shared_archive_options(archive: Path) -> str:
    """Java's options to share the classes of an archive; none where there is no such file."""
    # Java would report on standard output that an archive does not fit, between a program's own lines.
    return f'-XX:SharedArchiveFile="{archive}" -Xlog:disable -Xlog:all=error:stderr' if archive.exists() else ""


def archive_at_exit_options(archive: Path) -> str:
    """Java's options to write an archive of its loaded classes when it exits."""
    return f'-XX:ArchiveClassesAtExit="{archive}" -Xlog:disable -Xlog:all=error:stderr'
