"""Compile a Java class of this program with Spark's own compiler: the Java of a user may have none."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from lakehouse.atomic_files import draft_of
from lakehouse.errors import OutsideError
from lakehouse.jvm import last_error

JAVA_SOURCES = Path(__file__).parent / "java"

# Spark compiles its queries with Janino. It has no program of its own, so a Java is asked for it through Py4J.
_COMPILE = """
import sys
from pathlib import Path

from pyspark.java_gateway import launch_gateway

from lakehouse.spark_environment import own_environment


class Settings:
    def getAll(self):
        return [("spark.driver.extraClassPath", sys.argv[3])]


with own_environment():
    gateway = launch_gateway(Settings())
compiler = gateway.jvm.org.codehaus.janino.SimpleCompiler()
compiler.cook(Path(sys.argv[1]).read_text(encoding="utf-8"))
found = compiler.getBytecodes()
for name in found:
    file = Path(sys.argv[2], *name.split(".")).with_suffix(".class")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(found[name]))
gateway.shutdown()
"""


def compile_jar(source: Path, jars: Iterable[Path], target: Path) -> None:
    """Writes a jar with the classes of a Java file, which may use those of Spark and of ``jars``.

    Raises OutsideError where Java does not start.
    """
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _COMPILE, str(source), folder, ":".join(map(str, jars))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        classes = sorted(Path(folder).rglob("*.class"))
        if done.returncode or not classes:
            why = last_error(done.stderr) or "Java says nothing"
            raise OutsideError(
                f"{source.name} cannot be compiled: {why}.",
                "Look whether `java -version` is one for Spark.",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(target, f"{target.name}.new") as draft, zipfile.ZipFile(draft, "w") as jar:
            for file in classes:
                jar.write(file, file.relative_to(folder))
