"""The recipes work as they stand on their pages: a new event and a new gold table are one file each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pages import ROOT, files

RECIPES = {**files("how-to/add-an-event.md"), **files("how-to/add-a-gold-table.md")}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the repository with the files of the recipes."""
    folder = tmp_path_factory.mktemp("house")
    for name in ("lakehouse", "producers", "bronze", "silver", "gold", "pipelines", "conf", "tests/support"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in RECIPES.items():
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def run(house: Path, *command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=house,
        env={**environment, "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_recipes_have_their_files():
    assert sorted(RECIPES) == ["gold/daily_categories.py", "gold/product_ratings.py", "producers/events/ratings.py"]


def test_the_code_of_the_recipes_is_styled(house):
    for command in (
        ["ruff", "check", "--config", ROOT / "pyproject.toml"],
        ["ruff", "format", "--check", "--config", ROOT / "pyproject.toml"],
    ):
        done = subprocess.run(
            [Path(sys.executable).with_name(command[0]), *command[1:], *RECIPES],
            cwd=house,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_catalog_lists_them_with_their_lineage(house):
    tables = {table["name"]: table for table in json.loads(run(house, "-m", "pipelines.cli.main", "tables", "--json"))}
    assert tables["silver.ratings"]["reads"] == ["bronze.ratings"]
    assert tables["gold.product_ratings"]["reads"] == ["silver.ratings"]
    assert tables["gold.daily_categories"]["reads"] == ["silver.page_views"]
    assert "bronze.ratings" in tables["silver.quarantine"]["reads"]
    assert "silver.ratings" in tables["gold.data_quality"]["reads"]
    assert "stars" in run(house, "-m", "pipelines.cli.main", "contract", "ratings")


@pytest.mark.spark
def test_the_jobs_and_the_checks_take_them_up(house):
    result = json.loads(run(house, "-m", "tests.support.recipes").splitlines()[-1])
    assert result["problems"] == {}
    assert result["gold.product_ratings"] == [[["/a", 1, 4.0]], [["/a", 2, 4.5]]]
    assert result["gold.daily_categories"] == [[["shoes", 1, 1, "2026-10-15"]]] * 2
