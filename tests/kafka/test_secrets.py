"""Every secret is planted, by the environment and by files, and looked for in all that a whole run writes and says."""

from __future__ import annotations

import json
import os

import pytest

from bronze.raw_events import BRONZE
from producers.kafka import Sender, ensure_topics
from producers.shop.settings import SHIPPED
from tests.support.pages import ROOT
from tests.support.records import value
from tests.support.secrets import CANARIES, given, run_watched
from tests.support.secure_broker import PASSWORD, allow, secure_broker
from tests.support.token_server import SECRET

pytestmark = [pytest.mark.kafka, pytest.mark.spark]

RIGHTS = [
    *(("TOPIC", name, ["Describe", "DescribeConfigs", "Read"]) for name in BRONZE),
    ("TOPIC", "clickstream_clock", ["Describe", "Write", "Create"]),
    ("GROUP", "spark-kafka-source*", ["Read"]),
    ("GROUP", "clickstream-audit", ["Read"]),
]


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    with secure_broker(tmp_path_factory.mktemp("secure")) as made:
        ensure_topics(made.open, [*BRONZE], 1)
        with Sender(made.open) as sender:
            for event in BRONZE:
                sender.send(event, b"k", value(event))
        allow(made.open, "shop", RIGHTS)
        yield made


def _settings(home):
    """Settings that let Spark validate, log its events, and pseudonymise."""
    conf = home / "conf"
    conf.mkdir()
    for name in ("base.toml", "local.toml", "shop.toml", "spark-defaults.conf", "log4j2.properties"):
        text = (SHIPPED / name).read_text(encoding="utf-8")
        (conf / name).write_text(text.replace("pseudonymise = false", "pseudonymise = true"), encoding="utf-8")
    (home / "events").mkdir()
    with (conf / "spark-defaults.conf").open("a", encoding="utf-8") as file:
        file.write(f"\nspark.eventLog.enabled true\nspark.eventLog.dir file://{home}/events\n")
    return conf


@pytest.mark.parametrize("how", [pytest.param("environment", marks=pytest.mark.long), "file"])
def test_no_secret_is_written_said_or_on_a_command_line(secure, tmp_path, how):
    home = tmp_path / "files"
    home.mkdir()
    servers, client = secure.with_password, secure.client("shop")
    if how == "file":
        client = secure.tokens.client("shop", secure.folder / "ca.pem")
    place = tmp_path / "installation"
    place.mkdir()
    environment = {
        **os.environ,
        **given(home, client, how),
        "CLICKSTREAM_CONF": str(_settings(place)),
        "CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS": servers,
        "CLICKSTREAM_ENGINES__IN_PROCESS_ROWS": "0",
        "CLICKSTREAM_LAKE": str(place / "lake"),
        "CLICKSTREAM_STATE": str(place / "state"),
        "TMPDIR": str(place),
    }
    commands: set[str] = set()
    with (place / "said.txt").open("wb") as said:
        for command in (["run", "--debug"], ["status"], ["doctor"], ["erase", "u1", "--json"], ["sql", "SHOW TABLES"]):
            code = run_watched(command, environment, ROOT, said, commands)
            assert code == 0, (command, (place / "said.txt").read_text())
    assert any("java" in command for command in commands)
    files = [file for file in place.rglob("*") if file.is_file()]
    assert {"spark.log", "said.txt"} <= {file.name for file in files}
    assert any("events" in file.parts for file in files)
    secrets = [*CANARIES.values(), PASSWORD, PASSWORD.split()[1], SECRET, SECRET.partition("+")[2]]
    told = {
        (str(file.relative_to(place)), secret)
        for file in files
        for secret in secrets
        for spelled in {secret, json.dumps(secret)[1:-1]}
        if spelled.encode() in file.read_bytes()
    }
    assert told == set()
    assert [command for command in commands if any(secret in command for secret in secrets)] == []
