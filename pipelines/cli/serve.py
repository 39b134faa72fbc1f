"""Serving: the MLflow UI over an installation's store, gold to clients that speak SQL, scores, metrics."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated

import typer

from lakehouse.errors import OutsideError
from lakehouse.processes import end_group
from lakehouse.signals import stopping
from pipelines.ml.registry import Registry
from pipelines.ml.store import tracking_uri
from pipelines.query.thrift_endpoint import sql
from pipelines.runtime.console import call, err, out, print_json
from pipelines.runtime.local_http import OWN_NAMES, serve_until_stopped, server_on
from pipelines.runtime.options import AsJson
from pipelines.runtime.ports import LOOPBACK, check_port
from pipelines.runtime.settings import load_settings

app = typer.Typer(
    no_args_is_help=True, help="Servers for people and their tools: the MLflow UI, a SQL endpoint, scores, metrics."
)


@app.command()
def mlflow(port: Annotated[int, typer.Option(help="The port on this machine.")] = 5000) -> None:
    """Open the MLflow UI on this machine, until Ctrl-C."""
    settings = load_settings()
    check_port(port, "clickstream serve mlflow --port 5001")
    Registry(settings).open()  # creates the store, so that the server finds one and does not make another
    settings.logs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", tracking_uri(settings)]
    command += ["--default-artifact-root", (settings.mlflow_home / "artifacts").as_uri()]
    # As MLflow does by itself today: pages of other sites neither read nor write, whatever its variables say.
    command += ["--allowed-hosts", ",".join(f"{host},{host}:*" for host in OWN_NAMES), "--x-frame-options", "DENY"]
    command += ["--cors-allowed-origins", ",".join(f"http://{host}:{port}" for host in OWN_NAMES)]
    # Neither the server nor its helpers need the password of Kafka.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLICKSTREAM_")}
    environment["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    log = settings.logs / "mlflow.log"
    with log.open("ab") as file, stopping() as stop, stop.polled_by_caller():
        # A group of its own: the server starts workers, and all of them end with this command.
        server = subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)
        try:
            out.print(f"The MLflow UI is at http://{LOOPBACK}:{port}; Ctrl-C ends it. Its log is {log}.")
            while server.poll() is None and not stop.wait(0.3):
                pass
            if not stop.is_set():
                raise OutsideError(f"The MLflow server ended by itself (code {server.returncode}).", f"{log} says why.")
        finally:
            end_group(server.pid, timeout=10)


app.command()(sql)


@app.command()
def scores(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on this machine; 0 takes one that is free.")
    ] = 8765,
    as_json: AsJson = False,
) -> None:
    """Answer for one session over HTTP on this machine, from gold's scores, until Ctrl-C; starts no Spark."""
    from pipelines.ml.score_index import ScoreIndex  # reads rows by Arrow, which takes a while to load
    from pipelines.ml.score_server import answer, following

    index = ScoreIndex(load_settings().lake_root)
    server = server_on(port, lambda path, query: answer(index, path, query))
    index.refresh()

    def say(address: str) -> None:
        if as_json:
            print_json({"address": address, "sessions": index.sessions})
            return
        out.print(
            f"Scores of {index.sessions:,} sessions are at {address}scores?user_id=…&session_id=… and follow gold; "
            "Ctrl-C ends it.",
            soft_wrap=True,
        )
        if index.error:
            err.print(f"{index.error} The server waits for it.", soft_wrap=True)

    with following(index):
        serve_until_stopped(server, say)


@app.command()
def metrics(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on this machine; 0 takes one that is free.")
    ] = 8766,
    as_json: AsJson = False,
) -> None:
    """Tell Prometheus on this machine how the streams stand, as OpenMetrics, until Ctrl-C; starts no Spark."""
    from pipelines.operations.openmetrics import MetricsPage  # reads rows by Arrow, which takes a while to load

    server = server_on(port, MetricsPage(load_settings()).answer)

    def say(address: str) -> None:
        if as_json:
            print_json({"address": f"{address}metrics"})
        else:
            out.print(f"The metrics are at {address}metrics; Ctrl-C ends it.")

    serve_until_stopped(server, say)


if __name__ == "__main__":
    call(app)
