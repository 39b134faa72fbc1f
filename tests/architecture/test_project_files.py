"""The files for contributors are valid: hooks, the CI workflow, issue forms and limits of the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def load(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def hooks():
    return {hook["id"]: hook for repo in load(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]}


def test_pre_commit_accepts_its_config():
    command = [Path(sys.executable).with_name("pre-commit"), "validate-config", ROOT / ".pre-commit-config.yaml"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_hooks_need_no_network():
    assert {repo["repo"] for repo in load(".pre-commit-config.yaml")["repos"]} == {"local"}
    assert {hook["language"] for hook in hooks().values()} <= {"system", "pygrep"}


def test_hooks_run_the_programs_of_make_lint():
    lint = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlint:")[2].partition("\n\n")[0]
    steps = {tuple(line.split()[:2]) for line in re.findall(r"@(\.venv/bin/.*)", lint)}
    run = {tuple(hook["entry"].split()[:2]) for hook in hooks().values() if hook["entry"].startswith(".venv/")}
    assert len(steps) == 4
    assert run == steps


@pytest.mark.parametrize(("length", "refused"), [(72, False), (73, True)])
def test_a_commit_title_has_at_most_72_characters(length, refused):
    pattern = re.compile(hooks()["commit-title"]["entry"], re.MULTILINE | re.DOTALL)
    message = "x" * length + "\n\n" + "A body may have longer lines: " + "y" * 100
    assert bool(pattern.search(message)) == refused


def test_the_workflow_runs_ci_run_on_every_python():
    job = load(".github/workflows/ci.yml")["jobs"]["test"]
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert supported == ">=3.11,<3.14"
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


def test_the_workflow_pins_actions_and_may_only_read():
    workflow = load(".github/workflows/ci.yml")
    used = [step["uses"] for step in workflow["jobs"]["test"]["steps"] if "uses" in step]
    assert len(used) == 4
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", action) for action in used)
    assert workflow["permissions"] == {"contents": "read"}


def test_ci_run_may_be_executed():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_has_what_the_host_demands(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.stem == "config":
        assert form.keys() <= {"blank_issues_enabled", "contact_links"}
        return
    assert form.keys() == {"name", "description", "labels", "body"}
    kinds = {"markdown", "textarea", "input", "dropdown", "checkboxes"}
    assert {part["type"] for part in form["body"]} <= kinds
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(part["attributes"]["label"] for part in asked)
    assert len({part["id"] for part in asked}) == len(asked)
    assert any(part.get("validations", {}).get("required") for part in asked)


def test_the_pull_request_asks_for_tests_docs_and_changelog():
    template = (ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md").read_text(encoding="utf-8")
    assert re.findall(r"- \[ \] (\w+):", template)[:3] == ["Tests", "Docs", "Changelog"]


def test_the_changelog_has_a_section_for_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)[:2] == ["Unreleased", version]


def test_a_test_that_hangs_fails_with_a_stack(tmp_path):
    (tmp_path / "test_hang.py").write_text("import threading\n\ndef test_hang():\n    threading.Event().wait()\n")
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path, "-o", "timeout=1"]
    hung = subprocess.run([*command, tmp_path], capture_output=True, text=True, check=False, timeout=120)
    assert hung.returncode == 1
    assert "threading.Event().wait()" in hung.stdout
    assert "Timeout" in hung.stdout


def test_every_test_has_a_limit(request):
    limit = float(request.config.getini("timeout"))
    assert 0 < limit < float(request.config.getini("faulthandler_timeout"))
    assert request.config.getini("faulthandler_exit_on_timeout") is True


@pytest.mark.parametrize(("folder", "is_again"), [("", False), ("/elsewhere", True)])
def test_an_environment_that_was_moved_is_made_again(tmp_path, folder, is_again):
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "pip").write_text(f"#!{tmp_path}{folder}/.venv/bin/python\n")
    (tmp_path / ".venv" / ".complete").touch()
    planned = subprocess.run(
        ["make", "-n", "lint"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert ("rm -rf .venv" in planned.stdout, "-m venv" in planned.stdout) == (is_again, is_again)


def test_no_file_is_checked_out_with_other_line_ends():
    listed = subprocess.run(["git", "ls-files", "--eol"], cwd=ROOT, capture_output=True, text=True, check=True)
    attributes = {
        line.split("\t")[1]: line.split("\t")[0].split("attr/")[1].strip() for line in listed.stdout.splitlines()
    }
    assert {"Makefile", ".ci/run", "conf/base.toml", "tests/data/events.jsonl"} <= set(attributes)
    assert set(attributes.values()) <= {"text=auto eol=lf", "-text"}
