"""Secrets that are planted where a person would put them, and commands whose every word is looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from producers.contract.pseudonyms import KEY, KEY_FILE
from tests.support.doors import command_lines
from tests.support.polling import until

CANARIES = {
    "pseudonyms": "canary-pseudonyms-" + "5e77" * 8,
    "erasure": "canary-erasure-" + "9b03" * 8,
    "S3": "canary-s3-77aa0c41",
    "MLflow": "canary-mlflow-c4d2",
}
"""One for each secret but those of Kafka's client."""

# They are not this project's, and its processes inherit them.
_BY_HAND = {"AWS_SECRET_ACCESS_KEY": CANARIES["S3"], "MLFLOW_TRACKING_PASSWORD": CANARIES["MLflow"]}


def given(home: Path, client: Mapping[str, str], how: str) -> dict[str, str]:
    """The variables that hold the secrets (``how`` is "environment"), or name the files in ``home`` that do."""
    if how == "environment":
        return _BY_HAND | {
            "CLICKSTREAM_KAFKA__CLIENT": json.dumps(client),
            KEY: CANARIES["pseudonyms"],
            "CLICKSTREAM_ERASURE__KEY": CANARIES["erasure"],
        }
    (home / "client.json").write_text(json.dumps(client), encoding="utf-8")
    for name in ("pseudonyms", "erasure"):
        (home / name).write_text(CANARIES[name], encoding="utf-8")
    return _BY_HAND | {
        "CLICKSTREAM_KAFKA__CLIENT_FILE": str(home / "client.json"),
        KEY_FILE: str(home / "pseudonyms"),
        "CLICKSTREAM_ERASURE__KEY_FILE": str(home / "erasure"),
    }


def run_watched(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, said: IO[bytes], lines: set[str]
) -> int:
    """Runs a command there to its end, and gives its exit code; ``lines`` gets the command lines of all processes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli.main", *command], env=environment, cwd=folder, stdout=said, stderr=said
    )
    try:
        until(
            lambda: lines.update(command_lines(process.pid)) or process.poll() is not None, f"the end of {command[0]}"
        )
    finally:
        process.kill()
    return process.wait()
