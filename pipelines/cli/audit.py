"""Look up known weaknesses of the locked packages, and say where they cannot be looked up; `make audit` runs it.

Run: .venv/bin/python -m pipelines.cli.audit [OPTION OF pip-audit]... Exit codes: 0 none is known, 1 some are,
3 the advisories cannot be reached, or lack some packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lakehouse.errors import DataError, LakehouseError, OutsideError
from pipelines.cli.sbom import locked_packages

LOCK = Path(__file__).parents[2] / "requirements.lock"

_ELSEWHERE = (
    "Run it where pypi.org is reached, or `python -m pipelines.cli.audit --vulnerability-service osv` "
    "where api.osv.dev is."
)


def audited(lock: Path, options: Sequence[str] = ()) -> int:
    """The number of packages of ``lock`` that were looked up, none of which has a known weakness.

    Raises DataError where one has, OutsideError where one could not be looked up: pip-audit passes over those.
    """
    program = Path(sys.executable).with_name("pip-audit")
    with TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        command = [str(program), "-r", str(lock), "--require-hashes", "--disable-pip", "--progress-spinner", "off"]
        done = subprocess.run(
            [*command, *options, "-f", "json", "-o", str(answer)], capture_output=True, text=True, check=False
        )
        # It writes no answer where all is well, and where it broke off.
        found = answer.read_text(encoding="utf-8") if answer.exists() else ""
    if not found and done.returncode == 0:
        return len(locked_packages(lock.read_text(encoding="utf-8")))
    packages: list[dict[str, Any]] = json.loads(found)["dependencies"] if found else []
    weak = [f"{each['name']} {each['version']}: {_advice(each['vulns'])}" for each in packages if each.get("vulns")]
    if weak:
        raise DataError(f"{len(weak)} of {len(packages)} packages have known weaknesses: {'; '.join(weak)}.")
    missed = [each["name"] for each in packages if "skip_reason" in each]
    if not packages:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "it says nothing")
        raise OutsideError(f"The advisories cannot be reached, so nothing is known: {last[:300]}.", _ELSEWHERE)
    if missed:
        some = ", ".join(missed[:3])
        raise OutsideError(
            f"The advisories that were reached lack {len(missed)} of {len(packages)} packages ({some} and so on).",
            f"A mirror often has none. {_ELSEWHERE}",
        )
    return len(packages)


def _advice(weaknesses: Sequence[dict[str, Any]]) -> str:
    return ", ".join(
        each["id"] + (f" (fixed in {each['fix_versions'][0]})" if each.get("fix_versions") else "")
        for each in weaknesses
    )


def main() -> None:
    """Prints what is known, and ends with the error's exit code."""
    try:
        sys.stdout.write(f"{audited(LOCK, sys.argv[1:])} packages: no weakness is known.\n")
    except LakehouseError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
