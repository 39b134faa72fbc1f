"""Every secret is planted, by the environment and by files, and looked for in all that the short commands leave."""

from __future__ import annotations

import os

import pytest

from producers.contract.pseudonyms import KEY
from tests.support.erasure import build_gold, installation, visit
from tests.support.pages import ROOT
from tests.support.pseudonyms import pseudonymise
from tests.support.secrets import CANARIES as OTHERS
from tests.support.secrets import given, run_watched

CANARIES = {"Kafka": "canary-kafka-81d2e4", "TLS": "canary-tls-1f0c5a9e", **OTHERS}

CLIENT = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanisms": "PLAIN",
    "sasl.username": "shop",
    "sasl.password": CANARIES["Kafka"],
    "ssl.key.password": CANARIES["TLS"],
}

COMMANDS = (
    ["status"],
    ["doctor"],
    ["tables"],
    ["quarantine", "list"],
    ["sql", "SELECT count(*) FROM gold.sessions"],
    ["export", "gold.users", "--out", "users.csv"],
    ["report", "--out", "report.html"],
    ["erase", "somebody", "--json"],
    ["produce", "simulate", "--sessions", "1"],  # nobody listens there: what it says of that is looked at, too
)


@pytest.mark.parametrize("how", [pytest.param("environment", marks=pytest.mark.long), "file"])
def test_no_secret_is_written_said_or_on_a_command_line(tmp_path, tmp_path_factory, monkeypatch, how):
    pseudonymise(monkeypatch, tmp_path, CANARIES["pseudonyms"])
    monkeypatch.delenv(KEY)
    secrets = given(tmp_path_factory.mktemp("secrets"), CLIENT, how)
    for name, one in secrets.items():
        monkeypatch.setenv(name, one)
    settings, lake = installation(tmp_path)
    visit(lake, 0, "u1", "s1")
    build_gold(settings, lake)
    (settings.checkpoints / "gold").mkdir(parents=True)
    environment = {
        **os.environ,
        "CLICKSTREAM_LAKE": settings.lake_root,
        "CLICKSTREAM_STATE": str(settings.state_root),
        "CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "CLICKSTREAM_DEBUG": "1",
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path),
    }
    lines: set[str] = set()
    with (tmp_path / "said.txt").open("wb") as said:
        for command in COMMANDS:
            run_watched(command, environment, tmp_path, said, lines)
    told = (tmp_path / "said.txt").read_text(encoding="utf-8")
    assert "127.0.0.1:9" in told
    assert (tmp_path / "users.csv").exists(), told
    assert (tmp_path / "report.html").exists(), told
    assert lines
    everything = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    everything["command lines"] = "\n".join(lines).encode()
    assert [
        (place, name) for name, one in CANARIES.items() for place, body in everything.items() if one.encode() in body
    ] == []
