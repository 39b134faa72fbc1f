"""What the README tells people to type exists, and is run by a test, or says why not."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module

import pytest
from typer.exceptions import TyperException

from pipelines.cli.main import app
from pipelines.runtime.commands import command_of
from pipelines.runtime.settings import refuse_unknown
from tests.support.readme import ON_THE_DEMO, PAGES, ROOT, blocks, spoken

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

PROGRAM = command_of(app)

BLOCKS = [command for page in PAGES for command in blocks(page.read_text(encoding="utf-8"))]
SPOKEN = sorted({command for page in PAGES for command in spoken(page.read_text(encoding="utf-8"))})

RUN_BY = {
    "make demo": ("tests/kafka/test_demo.py::test_the_demo_goes_from_nothing_to_scored_sessions_and_stops", '"demo"'),
    "clickstream broker start": (
        "tests/lakehouse/embedded_kafka/test_broker.py::test_the_command_line_starts",
        '"start"',
    ),
    "clickstream broker stop": (
        "tests/lakehouse/embedded_kafka/test_broker.py::test_the_command_line_starts",
        '"stop"',
    ),
    "clickstream produce simulate": ("tests/kafka/test_producer.py::test_what_the_command_reports", '"simulate"'),
    "clickstream produce replay": ("tests/kafka/test_producer.py::test_unreadable_lines_end_in_1", '"replay"'),
    "clickstream run": ("tests/faults/test_kills.py::test_java_killed_alone", 'run("run")'),
    "clickstream verify": ("tests/faults/test_kills.py::test_the_audit_of_all_that_was_killed", "campaign.verify()"),
    "clickstream check": ("tests/architecture/test_adding.py::test_the_jobs_and_the_checks_take_them_up", "problems"),
    "clickstream aggregate": ("tests/pipelines/test_jobs.py", "run_aggregate(job)"),
    "clickstream report --live": (
        "tests/pipelines/bi/html/test_live.py::test_it_ends_with_0_when_it_is_told",
        "--live",
    ),
    "clickstream quarantine list": ("tests/pipelines/test_jobs.py", "quarantine.grouped"),
    "clickstream quarantine show": ("tests/pipelines/test_jobs.py", '"show"'),
    "clickstream quarantine replay": ("tests/pipelines/test_jobs.py", "quarantine.run_replay(job)"),
    "clickstream train": ("tests/pipelines/test_train.py::test_a_search_takes_the_shape_that_is_best", "search=True"),
    "clickstream models compare": ("tests/pipelines/cli/test_models.py::test_two_versions_are_compared", '"compare"'),
    "clickstream models rollback": (
        "tests/pipelines/cli/test_models.py::test_a_version_is_made_live_by_hand",
        '"rollback"',
    ),
    "clickstream score": ("tests/pipelines/test_score.py::test_a_second_run_writes_nothing", "run_score(job)"),
    "clickstream evaluate": ("tests/pipelines/test_evaluate.py::test_scores_are_held_against_sessions", "run_evaluate"),
    "clickstream serve mlflow": ("tests/pipelines/cli/test_serve.py::test_the_ui_answers", '"mlflow"'),
    "clickstream serve sql": ("tests/pipelines/query/test_thrift_endpoint.py", "serve"),
    ".venv/bin/python -m pip wheel": ("tests/architecture/test_readme.py::test_the_wheel_has_all", '"wheel"'),
    "spark-submit": (
        "tests/kafka/test_demo.py::test_a_second_generation_trained_by_spark_submit_goes_live_and_scores_what_comes_next",
        '"spark-submit"',
    ),
}
"""Which test does for real what a command does, in a process of its own or in the test's, and a word that shows it."""

NOT_RUN = {
    "make test": "it is what runs the tests",
    "export": "it sets variables; their names are checked",
}
"""Why no test runs a command."""


def leaves(command=None, path=()):
    """Every command of the program that does something."""
    below = getattr(command or PROGRAM, "commands", None)
    return [path] if below is None else [leaf for name, one in below.items() for leaf in leaves(one, (*path, name))]


def of_the_program(command, words, name="clickstream", parent=None):
    """Reads words by the program's own parser, which refuses what it does not know, and runs nothing."""
    # These act while they are read: --install-completion would write to the home folder.
    acting = {option for one in command.params if one.callback for option in one.opts} | {"--help"}
    if set(words) & acting:
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
    if module != "pip":
        source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
        assert [word for word in rest if word.startswith("--") and f'"{word}"' not in source] == []


def of_spark(words):
    options = dict(zip(words[:-1:2], words[1:-1:2], strict=True))
    assert (ROOT / options.pop("--properties-file")).is_file()
    wheel = f"{PROJECT['project']['name'].replace('-', '_')}-{PROJECT['project']['version']}-py3-none-any.whl"
    assert options == {"--py-files": f"dist/{wheel}"}
    job = ROOT / words[-1]
    assert hasattr(import_module(f"pipelines.{job.stem}"), job.stem)
    assert f"call({job.stem})" in job.read_text(encoding="utf-8")


def of_settings(words, monkeypatch):
    for word in words:
        name, _, value = word.partition("=")
        monkeypatch.setenv(name, value)
    refuse_unknown()


@pytest.mark.parametrize("command", sorted({*BLOCKS, *SPOKEN}))
def test_what_is_to_be_typed_is_there(command, monkeypatch):
    first, *words = shlex.split(command.partition(" > ")[0])
    program = first.removeprefix(".venv/bin/")
    if words == ["…"]:
        assert program in PROJECT["project"]["scripts"]
    elif program == "clickstream":
        try:
            of_the_program(PROGRAM, words)
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
    else:
        assert program == "export"
        of_settings(words, monkeypatch)


@pytest.mark.parametrize(
    "command", ["clickstream run --fast", "clickstream expert", "clickstream models compare 2", "make tea"]
)
def test_what_is_not_there_is_noticed(command, monkeypatch):
    with pytest.raises((AssertionError, TyperException)):
        test_what_is_to_be_typed_is_there(command, monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_leads_to_or_shows_is_there(page):
    places = re.findall(r"(?:\]\(|src=\")([^)\"#\s]+)", page.read_text(encoding="utf-8"))
    assert [one for one in places if "://" not in one and not (page.parent / one).exists()] == []


def known(command):
    """The entry of a command: the longest that it begins with."""
    entries = [one for one in (*RUN_BY, *NOT_RUN) if f"{command} ".startswith(f"{one} ")]
    return max(entries, key=len, default="")


@pytest.mark.parametrize("command", sorted(set(BLOCKS)))
def test_each_command_is_run_by_a_test_or_says_why_not(command):
    assert command in ON_THE_DEMO or known(command), (
        f"No test runs `{command}`. Add it to ON_THE_DEMO in tests/support/readme.py, or say in RUN_BY which test runs "
        "it, or in NOT_RUN why none can."
    )


def test_no_entry_is_of_a_command_that_is_gone():
    assert set(ON_THE_DEMO) <= set(BLOCKS)
    assert {known(command) for command in BLOCKS if command not in ON_THE_DEMO} == {*RUN_BY, *NOT_RUN}


@pytest.mark.parametrize(("node", "word"), sorted(set(RUN_BY.values())))
def test_the_test_that_is_named_is_there_and_does_it(node, word):
    file, _, name = node.partition("::")
    source = (ROOT / file).read_text(encoding="utf-8")
    functions = [one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef)]
    found = [ast.get_source_segment(source, one) for one in functions if one.name.startswith(name or "test_")]
    assert any(word in text for text in found), f"{node} does not say {word}"


def command_at(words):
    """The command that words lead to, and its path; what follows it are its arguments."""
    found, path = PROGRAM, ()
    while hasattr(found, "commands"):
        path = (*path, words[len(path)])
        found = found.commands[path[-1]]
    return path, found


def listed():
    """The rows of the README's list of commands: the commands by their paths, and the options that are named."""
    rows = README.partition("| command | what it does |\n|---|---|\n")[2].partition("\n\n")[0]
    for row in rows.splitlines():
        found = {}
        for span in re.findall("`([^`]+)`", row.strip("| ").partition(" | ")[0]):
            words = itertools.takewhile(lambda word: word[0].islower(), span.split())
            found |= dict(command_at(one) for one in itertools.product(*(word.split(r"\|") for word in words)))
        yield found, set(re.findall(r"`(--[a-z-]+)", row))


def test_the_list_of_commands_has_them_all_and_no_other():
    assert sorted(path for found, _ in listed() for path in found) == sorted(leaves())


def test_the_list_of_commands_names_options_that_are_there():
    for found, options in listed():
        assert options <= {option for one in found.values() for parameter in one.params for option in parameter.opts}


def test_the_wheel_has_all_that_the_program_reads(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"),
            *("-q", "-w", str(tmp_path), str(ROOT)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "pipelines", "conf"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert {"conf/base.toml", *tracked} <= names
