"""What the pages tell people to type exists, and is run by a test, or says why not."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from typer.exceptions import TyperException

from pipelines.runtime.commands import from_home
from pipelines.runtime.settings import refuse_unknown
from tests.support.pages import ON_THE_DEMO, PAGES, ROOT, blocks, inline, program

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

PROGRAM = program()

BLOCKS = [command for page in PAGES for command in blocks(page.read_text(encoding="utf-8"))]
INLINE = sorted({command for page in PAGES for command in inline(page.read_text(encoding="utf-8"))})

RUN_BY = {
    "clickstream powerbi": "tests/pipelines/bi/powerbi/test_command.py::test_a_thin_report_has_no_model_and_no_path",
    "clickstream shop check": "tests/pipelines/cli/test_shop.py::test_the_check_says_what_an_address_is_taken_for",
    "make demo": "tests/kafka/test_demo.py::test_the_demo_scores_sessions_and_stops_what_it_started",
    "clickstream broker start": (
        "tests/lakehouse/embedded_kafka/test_broker.py::test_the_command_line_starts_shows_and_stops_it"
    ),
    "clickstream broker stop": (
        "tests/lakehouse/embedded_kafka/test_broker.py::test_the_command_line_starts_shows_and_stops_it"
    ),
    "clickstream produce simulate": "tests/kafka/test_producer.py::test_what_the_command_reports_is_in_the_topics",
    "clickstream produce replay": (
        "tests/kafka/test_producer.py::test_unreadable_lines_end_in_1_and_what_can_be_read_is_sent"
    ),
    "cp -r conf": "tests/pipelines/runtime/test_settings.py::test_a_path_is_the_same_however_it_is_written",
    "clickstream run": "tests/faults/test_kills.py::test_java_killed_alone_is_one_sentence_and_nothing_is_lost",
    "clickstream up": "tests/faults/test_up.py::test_up_goes_on_whatever_goes_and_comes",
    "clickstream up --demo": "tests/faults/test_up_demo.py::test_the_demo_runs_on_its_own_and_ends_with_its_broker",
    "clickstream latency": "tests/faults/test_latency.py::test_the_probe_measures_each_layer_beside_up",
    "clickstream plan": "tests/pipelines/operations/test_plan.py::test_the_command_prints_a_plan",
    "clickstream ingest": "tests/faults/test_kills.py::test_the_audit_of_all_that_was_killed_is_green",
    "clickstream refine": "tests/faults/test_kills.py::test_the_audit_of_all_that_was_killed_is_green",
    "clickstream verify": "tests/faults/test_kills.py::test_the_audit_of_all_that_was_killed_is_green",
    "clickstream check": "tests/architecture/test_adding.py::test_the_jobs_and_the_checks_take_them_up",
    "clickstream aggregate": "tests/pipelines/test_rebuild.py::test_silver_and_gold_are_rebuilt_to_the_same_rows",
    "clickstream quality": "tests/pipelines/operations/test_quality.py::test_a_day_with_too_many_bad_records_fails",
    "clickstream report --live": "tests/pipelines/bi/html/test_live.py::test_it_ends_with_0_when_it_is_told_to",
    "clickstream quarantine list": (
        "tests/pipelines/operations/test_quarantine.py::test_a_replay_moves_to_silver_what_the_contract_now_takes"
    ),
    "clickstream quarantine show": (
        "tests/pipelines/operations/test_quarantine.py::test_a_replay_moves_to_silver_what_the_contract_now_takes"
    ),
    "clickstream quarantine replay": (
        "tests/pipelines/operations/test_quarantine.py::test_a_replay_moves_to_silver_what_the_contract_now_takes"
    ),
    "clickstream rebuild silver": (
        "tests/pipelines/test_silver_writer.py::test_pseudonyms_are_refused_until_silver_is_rebuilt"
    ),
    "clickstream erase": "tests/pipelines/operations/erasure/test_command.py::test_the_command_erases_and_says_so",
    "clickstream train": "tests/pipelines/test_train.py::test_a_search_takes_the_shape_that_is_best_on_other_users",
    "clickstream models compare": "tests/pipelines/cli/test_models.py::test_two_versions_are_compared_on_the_same_rows",
    "clickstream models rollback": (
        "tests/pipelines/cli/test_models.py::test_a_version_is_promoted_by_hand_and_rolled_back"
    ),
    "clickstream score": "tests/pipelines/test_score.py::test_a_second_run_writes_nothing",
    "clickstream evaluate": (
        "tests/pipelines/test_evaluate.py::test_a_version_is_evaluated_on_sessions_it_has_not_seen"
    ),
    "clickstream serve mlflow": "tests/pipelines/cli/test_serve.py::test_the_ui_answers_and_leaves_nothing_behind",
    "clickstream serve metrics": (
        "tests/pipelines/operations/test_openmetrics.py::test_the_command_answers_and_ends_with_0"
    ),
    "clickstream status --watch": (
        "tests/pipelines/operations/test_watch.py::test_it_looks_again_until_it_is_told_to_end"
    ),
    "clickstream serve scores": (
        "tests/pipelines/ml/test_score_server.py::test_the_command_follows_gold_and_ends_with_0"
    ),
    "clickstream serve sql": (
        "tests/pipelines/query/test_thrift_endpoint.py::test_every_gold_table_is_listed_with_its_comments"
    ),
    ".venv/bin/python -m pip wheel": "tests/architecture/test_wheel.py::test_the_wheel_is_complete_and_reproducible",
    ".venv-dbt/bin/dbt": "tests/pipelines/query/test_dbt_example.py::test_dbt_shows_a_model_and_tests_the_sources",
    "spark-submit": "tests/faults/test_cluster.py::test_jobs_run_there_and_a_killed_driver_loses_nothing",
}
"""Which test does for real what a command does, in a process of its own or in the test's."""

NOT_RUN = {
    "make test": "it is what runs the tests",
    "export": "it sets variables; their names are checked",
    "python -m venv": "tests/support/dbt.py does",
    ".venv-dbt/bin/pip": "tests/support/dbt.py does",
}
"""Why no test runs a command."""


FOLDERS = ("bronze", "conf", "docs", "gold", "lakehouse", "notebooks", "pipelines", "producers", "silver", "tests")

TO_BE_WRITTEN = {"tests/gold/test_daily_categories.py"}
"""Files that a recipe tells the reader to write, without showing them."""

OTHER_WORDS = re.compile(
    r"\b(visits?|visitors?|fates?|judged?|judging|verdicts?|mend(?:ed)?|anew|cures?|gone|he|his|him)\b", re.IGNORECASE
)
"""Words that the glossary has better ones for."""


def name_of(page):
    return str(page.relative_to(ROOT))


def leaves(command=None, path=()):
    """Every command of the program that does something."""
    below = getattr(command or PROGRAM, "commands", None)
    return [path] if below is None else [leaf for name, one in below.items() for leaf in leaves(one, (*path, name))]


def of_the_program(command, words, name="clickstream", parent=None):
    """Reads words by the program's own parser, which refuses what it does not know, and runs nothing."""
    # These act while they are read: --install-completion would write to the home folder.
    acting = {option for one in command.params if one.callback not in {None, from_home} for option in one.opts}
    if set(words) & {*acting, "--help"}:
        return
    context = command.make_context(name, list(words), parent=parent)
    if hasattr(command, "commands"):
        below, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        of_the_program(found, rest, below, context)


def of_make(words):
    for word in words:
        name, _, value = word.partition("=")
        assert re.search(rf"^{name} \?=" if value else rf"^{name}:.*## ", MAKEFILE, re.MULTILINE), word


def of_python(words):
    if words[0] != "-m":
        assert (ROOT / words[0]).is_file(), words[0]
        return
    module, rest = words[1], words[2:]
    if module == "pytest":
        markers = {one.partition(":")[0] for one in PROJECT["tool"]["pytest"]["ini_options"]["markers"]}
        while rest:
            if rest[0] == "-m":
                assert set(re.findall(r"\w+", rest[1])) - {"and", "or", "not"} <= markers
                rest = rest[2:]
            else:
                assert (ROOT / rest.pop(0)).is_file()
        return
    if module not in {"pip", "venv"}:
        source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
        assert [word for word in rest if word.startswith("--") and f'"{word}"' not in source] == []


def of_spark(words):
    options = dict(zip(words[:-1:2], words[1:-1:2], strict=True))
    assert (ROOT / options.pop("--properties-file")).is_file()
    wheel = f"{PROJECT['project']['name'].replace('-', '_')}-{PROJECT['project']['version']}-py3-none-any.whl"
    assert options.pop("--master") == "spark://…"
    assert options == {"--py-files": f"dist/{wheel}"}
    job = ROOT / words[-1]
    assert hasattr(import_module(f"pipelines.{job.stem}"), job.stem)
    assert f"call({job.stem})" in job.read_text(encoding="utf-8")


def of_dbt(program, words):
    if program == "pip":
        assert (ROOT / words[-1]).is_file()
    else:
        assert program == "dbt"  # its words are those of tests/pipelines/query/test_dbt_example.py


def of_settings(words, monkeypatch):
    for word in words:
        name, _, value = word.partition("=")
        monkeypatch.setenv(name, value)
    refuse_unknown()


@pytest.mark.parametrize("command", sorted({*BLOCKS, *INLINE}))
def test_what_is_to_be_typed_is_there(command, monkeypatch):
    first, *words = shlex.split(command.partition(" > ")[0])
    program = first.removeprefix(".venv/bin/")
    if words == ["…"]:
        assert program in PROJECT["project"]["scripts"]
    elif first.startswith(".venv-dbt/bin/"):
        of_dbt(Path(first).name, words)
    elif program == "clickstream":
        try:
            of_the_program(PROGRAM, [word for word in words if word != "--debug"])
        except TyperException as error:
            # In the midst of a sentence, a command's name alone stands for the command.
            if command in BLOCKS or "Missing parameter" not in str(error) or tuple(words) not in leaves():
                raise
    elif program == "make":
        of_make(words)
    elif program == "python":
        of_python(words)
    elif program == "spark-submit":
        of_spark(words)
    elif program == "cp":
        assert words[0] == "-r"
        assert (ROOT / words[1]).is_dir()
    else:
        assert program == "export"
        of_settings(words, monkeypatch)


@pytest.mark.parametrize(
    "command", ["clickstream run --fast", "clickstream expert", "clickstream models compare 2", "make tea"]
)
def test_what_is_not_there_is_noticed(command, monkeypatch):
    with pytest.raises((AssertionError, TyperException)):
        test_what_is_to_be_typed_is_there(command, monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_leads_to_or_shows_is_there(page):
    places = re.findall(r"(?:\]\(|src=\")([^)\"#\s]+)", page.read_text(encoding="utf-8"))
    assert [one for one in places if "://" not in one and not (page.parent / one).exists()] == []


def known(command):
    """The entry of a command: the longest that it begins with."""
    command = command.replace(" --debug ", " ")
    entries = [one for one in (*RUN_BY, *NOT_RUN) if f"{command} ".startswith(f"{one} ")]
    return max(entries, key=len, default="")


@pytest.mark.parametrize("command", sorted(set(BLOCKS)))
def test_each_command_is_run_by_a_test_or_says_why_not(command):
    assert command in ON_THE_DEMO or known(command), (
        f"No test runs `{command}`. Add it to ON_THE_DEMO in tests/support/pages.py, or say in RUN_BY which test runs "
        "it, or in NOT_RUN why none can."
    )


def test_no_entry_is_of_a_command_that_is_gone():
    assert set(ON_THE_DEMO) <= set(BLOCKS)
    assert {known(command) for command in BLOCKS if command not in ON_THE_DEMO} == {*RUN_BY, *NOT_RUN}


def test_every_test_that_runs_a_command_is_there():
    nodes = set(RUN_BY.values())
    files = sorted({node.partition("::")[0] for node in nodes})
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    assert sorted(nodes - {line.partition("[")[0] for line in collected}) == []


def test_the_readme_is_short():
    assert (ROOT / "README.md").stat().st_size <= 8192


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_file_that_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", text)) - set(
        re.findall(r"This is `([^`]+)`:", text)
    )
    assert [path for path in sorted(named - TO_BE_WRITTEN) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name != "reference"], ids=name_of)
def test_a_page_uses_the_words_of_the_glossary(page):
    prose = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert OTHER_WORDS.findall(prose) == []
