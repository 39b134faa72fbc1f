"""Kafka values for the validators: the cases of tests/data, and events spelled in every way, good and bad."""

from __future__ import annotations

# ruff: noqa: RUF001  letters that look like others are the point
import json
import random
from pathlib import Path
from typing import Any

from producers.contract.event_type import EventType, Field, Kind

ARRIVED_AT = 1_792_065_600_000_000  # 2026-10-15T12:00:00Z

CASES = [json.loads(line) for line in (Path(__file__).parents[1] / "data" / "events.jsonl").open(encoding="utf-8")]


def case_value(case: dict[str, Any]) -> bytes | None:
    """The bytes of a case, its markers expanded."""
    if "value_hex" in case:
        return bytes.fromhex(case["value_hex"])
    value = case["value"]
    if value is None:
        return None
    for marker, (text, times) in case.get("repeat", {}).items():
        value = value.replace(marker, text * times)
    return value.encode()


BLANKS = ["", " ", "  ", "\n", "\t", "\r\n", "\x0b", "\xa0", "\u2003", "\ufeff"]
TEXTS = [
    *("shoes", "", "  ", "\0", "a\0b", " \u00a0x\u2003", "é", "日本", "😀", 'a"b', "a\\b", "\x7f", "\u200bx", "\ufeff"),
    *("x" * 1024, "x" * 1025, "é" * 1024, "é" * 1025, " " + "x" * 1024 + " ", "x" * 8192, "x" * 8193, "é" * 8193),
    *("\x85x", "\x1cx\x1f", "x\x1f", "\x1e", "null", '":', '" :', '{"a":1}', "\ud800", "\udc00x", "\u017f", "\u212a"),
    *("\ud83d\ude00", "\n", "a\tb"),
]
IDS = [
    *("u-1", "undefined", "null", "None", "NaN", "nan", " nan ", "[object Object]", "[OBJECT object]", "u-1234567"),
    *("nnn", "none1", "nullx", " u ", "", " ", "\0", "é", "nán", "\u2003null", "null\n", "x" * 1024, "x" * 1025, "İ"),
    *("é" * 1024, "é" * 1025, "0", "<NA>", "<na", "ＮＵＬＬ", "\ud800", "a\0", "ı", "[object Promise]"),
    *("(not set)", "N/A", "00000000-0000-0000-0000-000000000000", "\\n", "Nil", "(none", "é(null)"),
]  # fmt: skip
NUMBERS = [
    *(
        "1",
        "0",
        "-0",
        "-0.0",
        "0.0",
        "1e2",
        "1E+2",
        "1e-400",
        "-1e-400",
        "1e999",
        "-1e999",
        "19.99",
        "19.990",
        "5e-324",
    ),
    *(
        "10000000",
        "10000000.0",
        "10000000.000000001",
        "10000000.00001",
        "100000",
        "100001",
        "-1",
        "00",
        "01",
        "1.",
        ".5",
    ),
    *("+1", "NaN", "Infinity", "-Infinity", "0x1", "1_0", "9007199254740993", "123456789012345678901234567890"),
    *("9" * 400, "9" * 5000, "1.0", "1e3", "0.1e1", "2.2250738585072011e-308", "0.30000000000000004", "1,5", "١"),
    *("9999999.9999999999999", "1.0000000000000001110223024625156540423631668090820312500000000000000000000000001"),
]
EPOCHS = [
    *("1792058400", "1792058400123", "1792058400.0", "1.792058400e9", "946684800", "946684799", "946684799999"),
    *("1792058400.123", "1792058400123.4567", "1792058400123456", "1792058400123456789", "1792058400123456.5"),
    *("179205840012345678", "1792058400.1234567891", "1.792058400123e9", "9999999999.9", "9223372036854775808"),
    *("0946684800", "0946684799", "0000000001", "179205840", "17920584001", "17920584001234", "9999999999999"),
]
VALUES = ["true", "false", "null", "{}", "[]", "[1,2]", '{"a":1}', '{"a":1,"a":2}', '{"a":{"b":[{"c":1}]}}']
TIMES = [
    *("2026-10-15T10:00:00Z", "2026-10-15 10:00:00", "2026-10-15T10:00:00.123456789Z", "2026-10-15T10:00:00.Z"),
    *(
        "2026-10-15T10:00:00.1234567890Z",
        "2026-10-15T10:00:00.1",
        "2026-10-15T12:00:00+02:00",
        "2026-10-15T12:00:00+02",
    ),
    *(
        "2026-10-15T12:00:00+0200",
        "2026-10-15T12:00:00.5-18:00",
        "2026-10-15T12:00:00+18:01",
        "2026-10-15T12:00:00+1800",
    ),
    *("2026-10-15T12:00:00+18", "2026-10-15T12:00:00+19:00", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    *("2000-02-29T23:59:59Z", "1900-02-29T00:00:00Z", "2000-01-01T00:00:00Z", "1999-12-31T23:59:59.999999Z"),
    *("1999-12-31T23:59:59.999999-00:01", "2026-10-16T12:00:00Z", "2026-10-16T12:00:00.000000999Z", "2026-10-15"),
    *("2026-10-16T12:00:00.000001Z", "2026-10-16T12:00:01Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+18:00"),
    *("9999-12-31T23:59:59-18:00", "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z", "2026-10-00T00:00:00Z"),
    *("2026-10-32T00:00:00Z", "2026-04-31T00:00:00Z", "2026-10-15T24:00:00Z", "2026-10-15T23:60:00Z"),
    *("2026-10-15T23:59:60Z", "2026-10-15t10:00:00Z", "2026-10-15T10:00:00z", " 2026-10-15T10:00:00Z\t", ""),
    *("２026-10-15T10:00:00Z", " 1792058400 ", "-1792058400", "2026-10-15T10:00:00ZZ", "2026-10-15T10:00:00+02:0a"),
    *("2026-10-15T10:00:00-2:00", "2026-10-15T10:00:00+02:60", "2026/10/15T10:00:00Z", "2026-10-15T10:00:00,5Z"),
    *("2026-10-15T10:00:00 +02:00", "2026-10-15T10:00:00.5\0", "2026-10-15T10:00+02:00", "2026-1a-15T10:00:00Z"),
    *("2026-10-15T10:00Z", "2026-10-15t10:00", "2026-10-15T12:00+02:00[Europe/Paris]", "2026-10-15T10:00:00z[UTC]"),
    *("2026-10-15T10:00:00[UTC]", "2026-10-15T10:00:00Z[]", "2026-10-15T10:00:00Z[a b]", "2026-10-15T10:00.5Z"),
    *("2026-10-15T10:00:00,123456789+02:00", "2026-10-15T10", "2026-10-15T10:0Z", "1792058400123456", "1792058400,5"),
    *("1792058400123456789", "1792058400.123", "1792058400123.4567891", "1792058400.", "1792058400123456.5"),
    *("179205840012345678", "1792058400.1234567891", "\uff11792058400123456"),
    *("10/15/2026 10:00:00 AM", "not-a-date", "2026-10-15  10:00:00", "2026-10-15T10:00:00.+02:00"),
]
RAW = [
    *(
        '"\\ud800"',
        '"\\udc00\\ud800"',
        '"\\ud83d\\ude00"',
        '"\\q"',
        '"\\u12"',
        '"a\nb"',
        '"x" ',
        "tru",
        '{"user_id":1}',
    ),
    *("[" * 99 + "]" * 99, "[" * 100 + "]" * 100, '{"a":' * 99 + "1" + "}" * 99, '{"a":' * 100 + "1" + "}" * 100),
    *("[" * 300 + "]" * 300, "[" * 2000 + "]" * 2000, '{"x":[1, 2 ,{"y" :null}]}', '{"a":"\\u0000"}', "[1e999]"),
    *('{"a\\u0062":1,"ab":2}', '{"\\u0061":{"b":1}}', '{"":1,"":2}', '"' + "\\u0041" * 70 + '"', "[1,]", '{"a":1,}'),
    *('["' + "x" * 65_532 + '"]', '["' + "x" * 65_533 + '"]', '["\\ud800"]', "//x\n1", "'a'", "[-]", "[-0]", "[" * 40),
]
EDGES = [*NUMBERS, *EPOCHS, *VALUES, *RAW]
"""Sources of values; some are not JSON."""

UNKNOWN = ["utm", "utm_source", "experiment", "User_ID", "", "é", 'a"b', "_0", "x", "user_id ", "\ud800"]
GOOD: dict[Kind, list[str]] = {
    Kind.ID: ['"u-1"', '"abc"', '"u-1"', "17", "0", "-5"],
    Kind.TEXT: ['"shoes"', '" bags "', '"Füße"'],
    Kind.URL: ['"https://shop.example/p/1"', '"https://a/b?c=\\":\\""'],
    Kind.CHOICE: ['"scroll"', '"Zoom"', '" ADD_TO_CART "', '"video_play"'],
    Kind.DETAILS: ['"size=4"', '{"a":1}', '[1,{"b":2}]', '{"a": {"b" : 2}}', "5", "true"],
    Kind.NUMBER: ["19.99", "5", "0", "1e2", '"19.99"', "null"],
    Kind.TIMESTAMP: [
        '"2026-10-15T10:00:00Z"',
        '"2026-10-15T10:00:00.123Z"',
        "1792058400",
        '"2026-10-15 10:00:00.5+02:00"',
    ],
}


class Speller:
    """Draws values that aim at the edges of the contract."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def text(self, text: str) -> str:
        """A JSON string that says this text, escaped in one way or another."""
        way = self.chance.random()
        if way < 0.75:
            return json.dumps(text, ensure_ascii=way > 0.6)
        return '"' + "".join(map(self._mark, text)) + '"'

    def _mark(self, mark: str) -> str:
        if ord(mark) < 0x10000 and self.chance.random() < 0.4:
            return f"\\u{ord(mark):04x}" if self.chance.random() < 0.5 else f"\\u{ord(mark):04X}"
        return json.dumps(mark, ensure_ascii=False)[1:-1]

    def anything(self) -> str:
        """Some value, or what looks like one."""
        lists = [(TEXTS, True), (IDS, True), (TIMES, True), (NUMBERS, True), (EPOCHS, True)]
        lists += [(NUMBERS, False), (EPOCHS, False), (VALUES, False), (RAW, False), (RAW, False)]
        values, is_text = self.chance.choice(lists)
        value = self.chance.choice(values)
        return self.text(value) if is_text else value

    def field(self, field: Field) -> str:
        """A value of a field, mostly good."""
        way = self.chance.random()
        if way < 0.06:
            return self.anything()
        if way < 0.1 and not field.required:
            return "null"
        if way < 0.88:
            return self.chance.choice(GOOD[field.kind])
        if field.kind is Kind.NUMBER:
            number = self.chance.choice(NUMBERS)
            return number if self.chance.random() < 0.5 else self.text(number + self.chance.choice(BLANKS))
        if field.kind is Kind.TIMESTAMP:
            return self.text(self.chance.choice(TIMES + EPOCHS)) if way < 0.97 else self.chance.choice(EPOCHS)
        return self.text(self.chance.choice(IDS if field.kind is Kind.ID else TEXTS))

    def members(self, event: EventType) -> list[tuple[str, str]]:
        """Keys and values of an event, mostly good, with unknown and doubled keys now and then."""
        chance = self.chance
        chosen = [field for field in event.fields if chance.random() < (0.99 if field.required else 0.6)]
        members = [(field.name, self.field(field)) for field in chosen]
        if chance.random() < 0.4:
            members += [(chance.choice(UNKNOWN), self.anything()) for _ in range(chance.randrange(1, 4))]
        if chance.random() < 0.05:
            members.append((chance.choice(event.fields).name, self.anything()))
        chance.shuffle(members)
        return members

    def written(self, members: list[tuple[str, str]]) -> str:
        """Members as an object, with some white space."""
        comma, colon = self.chance.choice([(",", ":"), (", ", ": "), (" , ", " : "), (",\n", ":\t"), (",", " :")])
        return "{" + comma.join(self.text(key) + colon + value for key, value in members) + "}"

    def record(self, event: EventType) -> bytes | None:
        """A record's value: an event, or an event that something happened to."""
        chance = self.chance
        text = self.written(self.members(event))
        if chance.random() < 0.1:
            text = chance.choice(BLANKS) + text + chance.choice(BLANKS)
        value = text.encode("utf-8", "surrogatepass")
        way = chance.random()
        if way < 0.03:
            return b"\xef\xbb\xbf" * chance.randrange(1, 3) + value
        if way < 0.1:
            at = chance.randrange(len(value))
            other = bytes([chance.choice(b'"\\{}[]:,\x00\xff\xed\xa0\xc3 \n0aeE-.')])
            return value[:at] + other + value[at + chance.randrange(2) :]
        if way < 0.12:
            return value[: chance.randrange(len(value))]
        return None if way < 0.125 else value
