"""The contract on the command line: what an event has to look like, for people and for programs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table as Grid
from rich.text import Text

from lakehouse.errors import UsageError
from pipelines.runtime.completion import complete_event
from pipelines.runtime.console import out, print_json
from producers.contract.event_type import Field, Kind
from producers.contract.timestamps import FORMS
from producers.events import EVENTS, event_named


def contract(
    event: Annotated[
        str,
        typer.Argument(
            metavar="EVENT", autocompletion=complete_event, help="The kind of event; all of them are listed without."
        ),
    ] = "",
    schema: Annotated[bool, typer.Option("--json-schema", help="Print a JSON Schema 2020-12.")] = False,
) -> None:
    """Print what an event has to look like: its fields, and the rules they keep."""
    chosen = [event_named(event)] if event else list(EVENTS.values())
    if schema:
        if not event:
            raise UsageError("--json-schema needs an event.", f"Name one of {', '.join(EVENTS)}.")
        from producers.contract.json_schema import json_schema  # looks at each character of Unicode

        print_json(json_schema(EVENTS[event]))
        return
    for one in chosen:
        out.print(Text.assemble((one.name, "bold"), f"  {one.doc}  (contract {one.version})"))
        grid = Grid("field", "kind", "", "rules", "meaning", box=None, padding=(0, 2))
        for field in one.fields:
            grid.add_row(
                field.name,
                field.kind.value,
                "required" if field.required else "",
                rules_of(field),
                field.doc,
            )
        out.print(grid)
        out.print()


def rules_of(field: Field) -> str:
    """What a value of the field has to keep, in a few words."""
    if field.kind is Kind.NUMBER:
        return f"{field.minimum:,.0f} to {field.maximum:,.0f}"
    if field.kind is Kind.CHOICE:
        return ", ".join(field.choices)
    if field.kind is Kind.TIMESTAMP:
        return f"{FORMS}; 2000-01-01 to a day after arrival"
    return f"at most {field.max_length:,} characters"
