"""Find the Kafka that the jobs talk to: an external one by setting, else the embedded broker."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lakehouse.embedded_kafka.broker import Broker, BrokerStatus
from lakehouse.errors import OutsideError
from pipelines.runtime.kafka_client import refuse_clear_text
from pipelines.runtime.kafka_login import require_whole_tokens
from pipelines.runtime.ports import MAX_PORT
from pipelines.runtime.settings import Settings


def broker_of(settings: Settings, say: Callable[[str], None] = lambda _: None) -> Broker:
    """The embedded broker of an installation, running or not."""
    kafka = settings.kafka
    return Broker(settings.kafka_home, kafka.port, kafka.heap, kafka.start_timeout_seconds, say)


def start_broker(settings: Settings, say: Callable[[str], None] = lambda _: None) -> BrokerStatus:
    """Starts the embedded broker, if it does not run, in a state folder that is for its owner alone."""
    settings.make_folders()
    return broker_of(settings, say).start()


@contextmanager
def running_kafka(settings: Settings, say: Callable[[str], None], stop_seconds: float = 30) -> Iterator[str]:
    """Kafka, the external one or the embedded one, which is stopped again if it was started here."""
    if settings.kafka.bootstrap_servers:
        yield bootstrap_servers(settings)
        return
    broker = broker_of(settings, say)
    was_running = broker.status().running
    try:
        yield start_broker(settings, say).bootstrap_servers or ""
    finally:
        if not was_running:
            broker.stop(stop_seconds)
            say("Kafka stopped; its records stay")


def bootstrap_servers(settings: Settings) -> str:
    """The servers that clients connect to first: the external Kafka's, else the running embedded broker's.

    Raises OutsideError where neither runs, UsageError where the external one is spoken to in clear text unasked,
    or with tokens that Spark's client cannot get.
    """
    if settings.kafka.bootstrap_servers:
        refuse_clear_text(settings.kafka.bootstrap_servers, settings.kafka.client, settings.kafka.tolerate)
        require_whole_tokens(settings.kafka.client, settings.kafka.tolerate)
        return settings.kafka.bootstrap_servers
    servers = broker_of(settings).status().bootstrap_servers
    if servers is None:
        raise OutsideError(
            "No Kafka is running for this installation.",
            "Start the embedded one with `clickstream broker start`, or set CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS.",
        )
    return servers


def reachable(servers: str, timeout: float = 2) -> bool:
    """Whether any of ``host:port,host:port`` accepts connections."""
    for server in filter(None, (part.strip() for part in servers.split(","))):
        host, _, port = server.rpartition(":")
        # A port that is too large is cut to sixteen bits, and may be another server's then.
        if not port.isascii() or not port.isdigit() or int(port) > MAX_PORT:
            continue
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=timeout).close()
        except OSError:
            continue
        return True
    return False
