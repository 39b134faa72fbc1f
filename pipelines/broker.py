"""The embedded Kafka, and which Kafka it is that the jobs talk to."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from lakehouse.broker import Broker, BrokerStatus
from lakehouse.errors import OutsideError, UsageError
from pipelines.console import call, err, out, print_json
from pipelines.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, help="The embedded Kafka: start it, stop it, look at it.")

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")]


def broker_of(settings: Settings, say: Callable[[str], None] = lambda _: None) -> Broker:
    """The embedded broker of an installation, running or not."""
    kafka = settings.kafka
    return Broker(settings.kafka_home, kafka.port, kafka.heap, kafka.start_timeout_seconds, say)


def bootstrap_servers(settings: Settings) -> str:
    """The servers that clients connect to first: the external Kafka's, else the running embedded broker's.

    Raises OutsideError where neither is there.
    """
    if settings.kafka.bootstrap_servers:
        return settings.kafka.bootstrap_servers
    servers = broker_of(settings).status().bootstrap_servers
    if servers is None:
        raise OutsideError(
            "No Kafka is running for this installation.",
            "Start the embedded one with `clickstream broker start`, or set CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS.",
        )
    return servers


def reachable(servers: str, timeout: float = 2) -> bool:
    """Whether any of ``host:port,host:port`` takes connections."""
    for server in filter(None, (part.strip() for part in servers.split(","))):
        host, _, port = server.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=timeout).close()
        except (OSError, ValueError, OverflowError):
            continue
        return True
    return False


@app.command()
def start(as_json: AsJson = False) -> None:
    """Start the embedded Kafka, and wait until it answers."""
    settings = load_settings()
    if settings.kafka.bootstrap_servers:
        raise UsageError(
            f"An external Kafka is configured ({settings.kafka.bootstrap_servers}), and nothing was started.",
            "Unset CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS (kafka.bootstrap_servers in conf/) to use the embedded one.",
        )
    status = broker_of(settings, _note).start()
    if as_json:
        print_json(asdict(status))
    else:
        out.print(f"Kafka runs at {status.bootstrap_servers} (pid {status.pid}), its records in {status.data_dir}.")


@app.command()
def stop(
    as_json: AsJson = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds before it is killed.")] = 30,
) -> None:
    """Stop the embedded Kafka; its records stay."""
    stopped = broker_of(load_settings(), _note).stop(timeout)
    if as_json:
        print_json({"stopped": stopped})
    else:
        out.print("Kafka is stopped." if stopped else "Kafka was not running.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show whether Kafka runs, and where."""
    settings = load_settings()
    external = settings.kafka.bootstrap_servers
    now = BrokerStatus(reachable(external), external, None, None) if external else broker_of(settings).status()
    if as_json:
        print_json(asdict(now))
    elif external:
        out.print(
            f"An external Kafka is configured at {external}; it {'answers' if now.running else 'does not answer'}."
        )
    elif now.running:
        out.print(f"Kafka runs at {now.bootstrap_servers} (pid {now.pid}), its records in {now.data_dir}.")
    elif now.pid is not None:
        out.print(f"Kafka (pid {now.pid}) does not answer; it may still be starting.")
    else:
        out.print("Kafka is not running. Start it with `clickstream broker start`.")


def _note(text: str) -> None:
    err.print(text, style="dim", markup=False)


if __name__ == "__main__":
    call(app)
