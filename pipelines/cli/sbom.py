"""Write what this version is made of as a CycloneDX file, with licences and hashes; `make sbom` runs it.

Run: .venv/bin/python -m pipelines.cli.sbom [FOLDER]. It has no time in it: the same packages make the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lakehouse.checksums import read_sums

ROOT = Path(__file__).parents[2]
PROJECT = "clickstream-lakehouse"

JARS = (
    ROOT / "conf" / "spark-jars.sha256",
    ROOT / "conf" / "spark-s3-jars.sha256",
    ROOT / "lakehouse" / "embedded_kafka" / "jars.sha256",
)
"""The jars that are downloaded at first use, with their SHA-256."""

_LONGEST_NAME = 100
_PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# Ivy writes the group and an underscore before an artifact's name; after one, Scala's version may follow.
_JAR = re.compile(r"(?:(?P<group>[a-z][\w.-]*?)_(?=\D))?(?P<name>.+?)-(?P<version>\d+\.\d[\w.]*(?:-\d+)?)\.jar")


def locked_packages(lock: str) -> dict[tuple[str, str], list[str]]:
    """The hashes of each package of a lock file, by name and version: one may have a version for each Python."""
    found: dict[tuple[str, str], list[str]] = {}
    hashes: list[str] = []
    for line in lock.splitlines():
        if match := _PINNED.match(line):
            hashes = found.setdefault((canonicalize_name(match[1]), match[2]), [])
        hashes += _HASH.findall(line)
    return found


def licence(package: Distribution) -> str:
    """The licence that a package declares: its SPDX expression, or the name it uses; empty where it declares none."""
    metadata = package.metadata
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    named = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or () if line.startswith("License :: ")
    ]
    named = [name for name in named if name != "OSI Approved"]
    # A backport of the reader, which others import, raises for what is not there.
    text = str(metadata["License"] or "").strip() if "License" in metadata else ""
    # Some packages put the whole text there.
    return " AND ".join(named) or (text if len(text) <= _LONGEST_NAME and "\n" not in text else "")


def needed(package: str) -> dict[str, list[str]]:
    """The packages that ``package`` needs here at run time, itself first, each with those that it needs itself."""
    wanted, found = [(canonicalize_name(package), frozenset[str]())], dict[str, list[str]]()
    seen = set(wanted)
    while wanted:
        name, extras = wanted.pop()
        try:
            lines = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        requirements = [
            requirement
            for requirement in map(Requirement, lines)
            if not requirement.marker or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
        ]
        below = [(canonicalize_name(each.name), frozenset(each.extras)) for each in requirements]
        found[name] = sorted({*found.get(name, ()), *(each for each, _ in below)})
        wanted += [each for each in below if each not in seen]
        seen.update(below)
    return {name: [each for each in below if each in found] for name, below in found.items()}


def bill(lock: str, jars: Mapping[str, str]) -> dict[str, Any]:
    """The bill of materials, CycloneDX 1.6: this project, the packages of its lock that are installed, and its jars.

    What only development needs has the scope `excluded`.
    """
    tree = needed(PROJECT)
    components = [*_packages(lock, tree), *_jars(jars)]
    project = distribution(PROJECT)
    refs = {component["name"]: component["bom-ref"] for component in components}
    own = f"pkg:pypi/{PROJECT}@{project.version}"
    refs[PROJECT] = own
    body = {
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": PROJECT,
                "version": project.version,
                "purl": own,
                "licenses": _licences(licence(project)),
            }
        },
        "components": components,
        "dependencies": [
            {"ref": refs[name], "dependsOn": [refs[each] for each in below if each in refs]}
            for name, below in sorted(tree.items())
            if name in refs
        ],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        **body,
    }


def _packages(lock: str, tree: Mapping[str, object]) -> list[dict[str, Any]]:
    found = []
    for (name, version), hashes in sorted(locked_packages(lock).items()):
        try:
            package = distribution(name)
        except PackageNotFoundError:  # for another system
            continue
        if package.version != version:  # for another Python
            continue
        purl = f"pkg:pypi/{name}@{version}"
        component = {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "scope": "required" if name in tree else "excluded",
            "purl": purl,
            # A component's own hashes would be of one file; a package has one for each system.
            "externalReferences": [
                {
                    "type": "distribution",
                    "url": f"https://pypi.org/project/{name}/{version}/",
                    "hashes": [{"alg": "SHA-256", "content": digits} for digits in hashes],
                }
            ],
        }
        found.append({**component, "licenses": terms} if (terms := _licences(licence(package))) else component)
    return found


def _licences(text: str) -> list[dict[str, Any]]:
    if not text:
        return []
    spdx = re.fullmatch(r"[\w.+-]+(?: (?:AND|OR|WITH) [\w.+-]+)*", text)
    return [{"expression": text}] if spdx and " " in text else [{"license": {"name": text}}]


def _jars(jars: Mapping[str, str]) -> list[dict[str, Any]]:
    found = []
    for file, digits in sorted(jars.items()):
        match = _JAR.fullmatch(file)
        parts = match.groupdict() if match else {"group": None, "name": file.removesuffix(".jar"), "version": ""}
        found.append(
            {
                "type": "library",
                "bom-ref": f"jar:{file}",
                **({"group": parts["group"]} if parts["group"] else {}),
                "name": parts["name"],
                "version": parts["version"],
                "scope": "required",
                "hashes": [{"alg": "SHA-256", "content": digits}],
            }
        )
    return found


def licences(components: Iterable[Mapping[str, Any]]) -> str:
    """One line per package: name, version, scope and licence, between tabs."""
    lines = ["package\tversion\tscope\tlicence"]
    for each in components:
        terms = [term.get("expression") or term["license"]["name"] for term in each.get("licenses", ())]
        if each["bom-ref"].startswith("pkg:"):
            lines.append("\t".join([each["name"], each["version"], each["scope"], *(terms or ["not declared"])]))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes sbom.cdx.json and licences.tsv into the folder, dist/ if none is named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    jars = {name: digits for sums in JARS for name, digits in read_sums(sums).items()}
    made = bill((ROOT / "requirements.lock").read_text(encoding="utf-8"), jars)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sbom.cdx.json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "licences.tsv").write_text(licences(made["components"]), encoding="utf-8")
    sys.stdout.write(f"{len(made['components'])} components: {folder}/sbom.cdx.json and {folder}/licences.tsv\n")


if __name__ == "__main__":
    main()
