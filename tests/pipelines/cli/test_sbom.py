"""The bill of materials is valid CycloneDX, complete, and the same each time."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import jsonschema
import pytest
from referencing import Registry, Resource

from lakehouse.checksums import read_sums
from pipelines.cli.sbom import JARS, ROOT, bill, licences, locked_packages, needed

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
SUMS = {name: digits for sums in JARS for name, digits in read_sums(sums).items()}


@pytest.fixture(scope="module")
def made():
    return bill(LOCK, SUMS)


def test_the_bill_is_valid_cyclonedx(made):
    folder = files("cyclonedx.schema") / "_res"
    schemas = {
        name: json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text(encoding="utf-8"))
        for name in ("bom-1.6", "spdx", "jsf-0.82")
    }
    registry = Registry().with_resources([(each["$id"], Resource.from_contents(each)) for each in schemas.values()])
    jsonschema.Draft7Validator(schemas["bom-1.6"], registry=registry).validate(made)


def test_the_bill_is_the_same_each_time(made):
    assert json.dumps(bill(LOCK, SUMS)) == json.dumps(made)


def test_every_installed_package_and_jar_is_listed(made):
    by_ref = {each["bom-ref"]: each for each in made["components"]}
    assert len(by_ref) == len(made["components"])
    assert {name for name in needed("clickstream-lakehouse") if name != "clickstream-lakehouse"} == {
        each["name"]
        for each in made["components"]
        if each["bom-ref"].startswith("pkg:") and each["scope"] == "required"
    }
    jars = {ref.removeprefix("jar:"): each["hashes"][0]["content"] for ref, each in by_ref.items() if "jar:" in ref}
    assert jars == SUMS


def test_every_package_of_the_lock_has_hashes():
    packages = locked_packages(LOCK)
    assert len(packages) == len(re.findall(r"^[a-z].*==", LOCK, re.MULTILINE))
    assert all(packages.values())


def test_jars_are_split_into_name_and_version(made):
    jars = {(each.get("group"), each["name"], each["version"]) for each in made["components"] if "hashes" in each}
    assert {
        ("org.apache.spark", "spark-sql-kafka-0-10_2.13", "4.2.0"),
        ("io.delta", "delta-spark_4.2_2.13", "4.4.0"),
        ("com.github.luben", "zstd-jni", "1.5.7-3"),
        (None, "kafka_2.13", "4.3.1"),
    } <= jars
    assert all(version for _, _, version in jars)


def test_a_licence_is_listed_for_nearly_every_package(made):
    lines = licences(made["components"]).splitlines()[1:]
    assert len(lines) == sum(each["bom-ref"].startswith("pkg:") for each in made["components"])
    undeclared = [line for line in lines if line.endswith("not declared")]
    assert len(undeclared) <= 5, undeclared
