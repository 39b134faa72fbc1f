"""Write the embedded broker's configuration, choose its ports, read its logs and notes."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path

HOST = "127.0.0.1"

_CAUSE = re.compile(r"(?:Caused by: )?[\w.$]+(?:Exception|Error): \S.*")
_ERROR = re.compile(r"\b(?:ERROR|FATAL|Error)\b")


def server_settings(port: int, controller: int) -> dict[str, str]:
    """Kafka's settings for one node that is broker and controller; paths are relative to its folder."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": "data",
        "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a new topic
        "log.message.timestamp.type": "LogAppendTime",  # the time of arrival is the broker's, not the producer's
        "log.retention.ms": "-1",  # events are kept for ever
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
    }


LOGGING = {
    "status": "error",
    "appender.file.type": "RollingFile",
    "appender.file.name": "file",
    "appender.file.fileName": "logs/broker.log",
    "appender.file.filePattern": "logs/broker.%i.log",
    "appender.file.layout.type": "PatternLayout",
    "appender.file.layout.pattern": "%d %p %m (%c{1})%n",
    "appender.file.policies.type": "SizeBasedTriggeringPolicy",
    "appender.file.policies.size": "10MB",
    "appender.file.strategy.type": "DefaultRolloverStrategy",
    "appender.file.strategy.max": "2",
    "rootLogger.level": "warn",
    "rootLogger.appenderRef.file.ref": "file",
}


def as_properties(settings: Mapping[str, str]) -> str:
    """The settings as a Java properties file."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def is_taken(port: int) -> bool:
    """Whether another program listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: what just closed is free
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
        return False


def free_port(kept: int | None, but: int = 0) -> int:
    """The port kept from the last start, if it is still free, else any other."""
    if kept and kept != but and not is_taken(kept):
        return kept
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port if port != but else free_port(None, but)


def tail(path: Path, start: int = 0, most: int = 65_536) -> list[str]:
    """The lines of a file from byte ``start`` on, but of no more than its last ``most`` bytes."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start if start <= size else 0, size - most))
            return [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return []


def reason(*logs: list[str]) -> str:
    """The line that explains most: the innermost exception, else the last error, else the last line."""
    lines = [line for log in logs for line in log if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if _CAUSE.fullmatch(line)]
    errors = [line for line in lines if _ERROR.search(line)]
    return (causes or errors or lines or ["it said nothing"])[-1].strip()[:500]
