"""Command-line options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Continuous = Annotated[bool, typer.Option("--continuous", help="Go on until SIGTERM or Ctrl-C.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]
