"""What an event declares: its version goes by the rules, and by no description."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from producers.contract.event_type import Field, Kind
from producers.events import EVENTS

CLICKS = EVENTS["clicks"]

CHANGES = {
    "name": lambda field: f"{field.name}_too",
    "kind": lambda field: Kind.URL if field.kind is Kind.TEXT else Kind.TEXT,
    "required": lambda field: not field.required,
    "max_length": lambda field: field.max_length + 1,
    "minimum": lambda field: field.minimum + 1,
    "maximum": lambda field: field.maximum + 1,
    "choices": lambda field: (*field.choices, "one more"),
}


def with_field(place: int, field: Field):
    return replace(CLICKS, fields=(*CLICKS.fields[:place], field, *CLICKS.fields[place + 1 :]))


@pytest.mark.parametrize("place", range(len(CLICKS.fields)))
def test_a_version_stays_whatever_a_description_says(place):
    other = replace(CLICKS.fields[place], doc="Other words.")
    assert with_field(place, other).version == CLICKS.version
    assert replace(CLICKS, doc="One row per click, in other words.").version == CLICKS.version


def test_every_attribute_of_a_field_but_its_text_is_a_rule():
    assert {one.name for one in fields(Field)} == {*CHANGES, "doc"}


@pytest.mark.parametrize("rule", CHANGES)
def test_a_version_changes_with_every_rule(rule):
    place = next(
        place
        for place, field in enumerate(CLICKS.fields)
        if field.name == ("x_coord" if rule in {"minimum", "maximum"} else "category")
    )
    field = CLICKS.fields[place]
    changed = object.__new__(Field)
    for one in fields(Field):
        value = CHANGES[rule](field) if one.name == rule else getattr(field, one.name)
        object.__setattr__(changed, one.name, value)
    assert with_field(place, changed).version != CLICKS.version


def test_versions_of_the_events_differ():
    assert len({event.version for event in EVENTS.values()}) == len(EVENTS)
