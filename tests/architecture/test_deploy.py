"""The examples for what starts jobs are read by their own parsers, and every command in them exists."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser

import pytest
import yaml
from typer.exceptions import TyperException

from pipelines.runtime.settings import KafkaSettings, Settings, SparkSettings
from tests.support.pages import ROOT, program

DEPLOY = ROOT / "conf" / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
PROGRAM = program()


class Unit(RawConfigParser):
    """A unit of systemd: names keep their case, and one may be there more than once."""

    def __init__(self) -> None:
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#", ";"), interpolation=None)
        self.optionxform = str  # type: ignore[assignment,method-assign]


def parses(arguments):
    """Whether the command line takes these arguments; runs nothing."""
    context, rest = PROGRAM.make_context("clickstream", list(arguments)), list(arguments)
    command = PROGRAM
    while hasattr(command, "commands") and rest:
        command = command.commands.get(rest.pop(0))
        if command is None:
            return False
    try:
        command.make_context("command", rest, parent=context)
    except TyperException:
        return False
    return True


def environment_of(text):
    return set(re.findall(r"CLICKSTREAM_[A-Z_]+[A-Z]", text))


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_read_and_starts_commands_that_exist(path, tmp_path):
    unit = Unit()
    unit.read_string(path.read_text(encoding="utf-8"))
    assert {"Unit"} <= set(unit.sections()) <= {"Unit", "Service", "Timer", "Install"}
    starts = re.findall(r"^ExecStart=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert bool(starts) == (path.suffix == ".service")
    for start in starts:
        command, *arguments = shlex.split(start)
        assert command.endswith("/.venv/bin/clickstream")
        for stream in ("ingest", "refine", "aggregate") if "%i" in arguments else ("",):
            assert parses([stream if one == "%i" else one for one in arguments]), start
    if path.suffix == ".timer":
        assert path.with_suffix(".service") in UNITS
    if shutil.which("systemd-analyze"):
        # The program does not lie where the example has it.
        text = path.read_text(encoding="utf-8").replace("/opt/clickstream/.venv/bin/clickstream", "/bin/true")
        named = path.name.replace("@.", "@ingest.")
        (tmp_path / named).write_text(re.sub(r"^(User|WorkingDirectory)=.*\n", "", text, flags=re.MULTILINE))
        if path.suffix == ".timer":
            shutil.copy(path.with_suffix(".service"), tmp_path)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(tmp_path / named)],
            capture_output=True,
            text=True,
            check=False,
        )
        mine = [line for line in done.stderr.splitlines() if "Unknown" in line or "Failed to parse" in line]
        assert mine == []


def test_the_dags_are_python_and_their_commands_exist():
    tree = ast.parse((DEPLOY / "airflow_dag.py").read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    jobs = {"ingest", "refine", "aggregate", "quality"}
    assert jobs <= set(texts)
    commands = [text.strip() for text in texts if text.startswith(" ") and text.strip()]
    assert {"maintain", "verify --quick", "train", "evaluate"} == set(commands)
    for command in (*jobs, *commands):
        assert parses(shlex.split(command)), command


def test_the_containers_start_commands_that_exist():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    streams = {name: one for name, one in compose["services"].items() if name != "kafka"}
    assert set(streams) == {"topics", "up"}
    for name, one in streams.items():
        assert parses(one["command"]), name
        assert one["image"] == "clickstream"
        assert one["environment"].keys() <= environment_of((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert [one for one in compose["services"].values() if "ports" in one] == [], "nothing is open to the network"
    assert {volume.partition(":")[0] for one in streams.values() for volume in one["volumes"]} <= set(
        compose["volumes"]
    )


def test_the_pod_has_the_streams_once_each_and_asks_how_they_are():
    parts = {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8"))}
    pod = parts["StatefulSet"]["spec"]
    assert pod["replicas"] == 1, "the locks keep drivers of one machine apart"
    assert pod["selector"]["matchLabels"].items() <= pod["template"]["metadata"]["labels"].items()
    containers = pod["template"]["spec"]["containers"]
    assert [(one["name"], one["args"][0]) for one in containers] == [("up", "up")]
    volumes = {one["name"] for one in pod["template"]["spec"]["volumes"]}
    volumes |= {one["metadata"]["name"] for one in pod["volumeClaimTemplates"]}
    for one in containers:
        assert parses(one["args"])
        shell, option, line = one["readinessProbe"]["exec"]["command"]
        assert (shell, option) == ("sh", "-c")
        probe, tolerates = line.split(" || ")
        assert parses(probe.split()[1:])
        assert tolerates == "test $? = 1"
        assert {mount["name"] for mount in one["volumeMounts"]} <= volumes


def test_the_image_is_made_by_make_for_a_user_with_a_name():
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#")]
    assert steps[0][0] == "FROM"
    assert {name for name, _ in steps} <= {
        "FROM",
        "RUN",
        "USER",
        "WORKDIR",
        "COPY",
        "ENV",
        "VOLUME",
        "ENTRYPOINT",
        "CMD",
    }
    assert ["RUN", "make setup"] in steps
    assert "useradd" in next(rest for name, rest in steps if name == "RUN")
    assert parses(ast.literal_eval(steps[-1][1]))


@pytest.mark.parametrize(
    "path", sorted(path for path in DEPLOY.rglob("*") if path.is_file()), ids=lambda path: path.name
)
def test_an_example_sets_only_what_is_a_setting(path):
    known = {f"CLICKSTREAM_{name.upper()}" for name in Settings.model_fields}
    for section, model in (("KAFKA", KafkaSettings), ("SPARK", SparkSettings)):
        known |= {f"CLICKSTREAM_{section}__{name.upper()}" for name in model.model_fields}
    assert environment_of(path.read_text(encoding="utf-8")) <= known
