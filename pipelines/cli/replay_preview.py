"""Show what a replay would send, and what would be refused, without Kafka."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lakehouse.errors import DataError
from pipelines.runtime.console import err, out, print_json
from producers.contract.validation import validate_record
from producers.events import EVENTS
from producers.record import Record
from producers.replay.format import Unreadable

SHOWN = 5
"""Events and unreadable lines that are shown; all are counted."""


@dataclass
class _Preview:
    """How many events there are, the first of them, and of each broken rule how often, why and where first."""

    events: Counter[str] = field(default_factory=Counter)
    first: list[tuple[str, str]] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)


def show_preview(records: Iterable[Record], unreadable: Sequence[Unreadable], *, as_json: bool) -> None:
    """Validates all records as silver would, were they sent now, and prints the first and what is wrong.

    ``unreadable`` fills while the records are read. Raises DataError where something would be refused.
    """
    preview = _preview(records)
    if as_json:
        print_json(_document(preview, unreadable))
    else:
        _print(preview, unreadable)
    if preview.rules or unreadable:
        raise DataError(
            f"The contract is violated {preview.rules.total():,} times, and {len(unreadable):,} lines cannot be read.",
            "Nothing was sent. Fix the file or the mapping; what is sent as it is waits in quarantine.",
        )
    if not preview.events:
        raise DataError("No line is an event.", "Look at the file, and at where in the mapping.")


def _preview(records: Iterable[Record]) -> _Preview:
    preview, now = _Preview(), time.time_ns() // 1_000
    for topic, _, value, _ in records:
        preview.events[topic] += 1
        text = (value or b"").decode("utf-8", "replace")
        if len(preview.first) < SHOWN:
            preview.first.append((topic, text))
        for violation in validate_record(EVENTS[topic], value, now).violations:
            preview.rules[violation.rule] += 1
            preview.refused.setdefault(violation.rule, (violation.sentence, text))
    return preview


def _document(preview: _Preview, unreadable: Sequence[Unreadable]) -> dict[str, object]:
    return {
        "events": dict(preview.events),
        "first": [{"topic": topic, "value": text} for topic, text in preview.first],
        "refused": [
            {"rule": rule, "events": count, "sentence": preview.refused[rule][0], "first": preview.refused[rule][1]}
            for rule, count in preview.rules.most_common()
        ],
        "unreadable": len(unreadable),
        "unreadable_lines": [vars(line) for line in unreadable[:SHOWN]],
    }


def _print(preview: _Preview, unreadable: Sequence[Unreadable]) -> None:
    for topic, text in preview.first:
        out.print(f"{topic}: {text}", soft_wrap=True)
    for topic, count in preview.events.items():
        out.print(f"{topic}: {count:,} events")
    for rule, count in preview.rules.most_common():
        sentence, text = preview.refused[rule]
        err.print(f"{rule}: {count:,} events. {sentence}", soft_wrap=True)
        err.print(f"  as {text}", soft_wrap=True)
    for line in unreadable[:SHOWN]:
        err.print(f"line {line.line}: {line.reason}", soft_wrap=True)
