"""Declare the command-line option that names a prediction target, for every command that works on one."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.ml.targets import TargetName

TargetOption = Annotated[TargetName, typer.Option("--target", "--question", help="What the model predicts.")]
"""``--question`` is the option's earlier name, and goes on working."""
