"""Start, stop and show the embedded Kafka."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lakehouse.embedded_kafka.broker import BrokerStatus
from lakehouse.errors import UsageError
from pipelines.runtime.console import call, err, out, print_json
from pipelines.runtime.kafka_endpoint import broker_of, reachable, start_broker
from pipelines.runtime.options import AsJson
from pipelines.runtime.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="The embedded Kafka: start it, stop it, look at it.")


@app.command()
def start(as_json: AsJson = False) -> None:
    """Start the embedded Kafka, and wait until it answers."""
    settings = load_settings()
    if settings.kafka.bootstrap_servers:
        raise UsageError(
            f"An external Kafka is configured ({settings.kafka.bootstrap_servers}), and nothing was started.",
            "Unset CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS (kafka.bootstrap_servers in conf/) to use the embedded one.",
        )
    status = start_broker(settings, _note)
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
    err.print(text, style="dim")


if __name__ == "__main__":
    call(app)
