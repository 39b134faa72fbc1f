"""Tables for tests of the model, and the model over them and gold."""

from __future__ import annotations

from lakehouse.table import Column, Format, Table
from pipelines.bi.semantic.build import semantic_model
from pipelines.runtime.catalog import GOLD


def declared(name="gold.things", columns=(("thing_id", "STRING"), ("seen_on", "DATE")), key=("thing_id",)):
    return Table(
        name=name,
        doc="One row per thing.",
        columns=tuple(
            Column(name, kind, f"What {name} means.", name in key, format=Format.ID if name.endswith("_id") else None)
            for name, kind in columns
        ),
        key=key,
    )


def model_of(*more):
    return semantic_model((*GOLD.values(), *more))
