"""Java's classes kept as Java has them in memory: a Spark that starts from them is up in two thirds of the time.

Java calls it class data sharing. An archive holds for one version of Java and one set of jars; a
Java that it does not fit starts without it.
"""

from __future__ import annotations

from pathlib import Path


def starting_from(archive: Path) -> str:
    """Java's options to start from an archive; none where there is no such file."""
    # Java would say on standard output that an archive does not fit, among what a program prints there.
    return f'-XX:SharedArchiveFile="{archive}" -Xlog:disable -Xlog:all=error:stderr' if archive.exists() else ""


def recorded_into(archive: Path) -> str:
    """Java's options to write an archive, when it ends, of the classes that it has used."""
    return f'-XX:ArchiveClassesAtExit="{archive}" -Xlog:disable -Xlog:all=error:stderr'
