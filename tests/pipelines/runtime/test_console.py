"""An error becomes one sentence with a hint, and the exit code of whose fault it is."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table as Grid
from rich.text import Text

from lakehouse.errors import CheckpointError, DataError, StoppedError, UsageError
from pipelines.runtime.console import NowAndThen, PlainConsole, describe_error, fail, harmless, print_json

hostile = st.text() | st.lists(
    st.sampled_from(
        [
            *("\x1b[31m", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x1b\\", "\x1b[2J", "\x9b31m", "\x9d0;t\x9c"),
            *("\x08", "\x7f", "\r", "\n", "\t", "\u202e", "\u2066", "\u200b", "\ud800", "\x00", "\x85"),
            *("[bold]", "[/]", "[link=http://evil.example]", "[/red]", "[@click=x]", ":skull:", "\\[", "a", "ü", "日"),
        ]
    ),
    max_size=8,
).map("".join)
"""What a terminal obeys, what rich takes for markup, and what hides or turns letters."""


def printed(terminal, *shown, **options):
    file = io.StringIO()
    console = PlainConsole(file=file, force_terminal=terminal, width=200, color_system=None)
    console.print(*shown, **options)
    return file.getvalue()


@given(hostile)
def test_no_text_makes_the_terminal_do_something(text):
    grid = Grid(text)
    grid.add_row(text, Text(text, "bold"))
    for shown in (text, Text.assemble(("error:", "bold red"), f" {text}"), grid):
        for options in ({}, {"soft_wrap": True}, {"style": "bold"}):
            left = printed(True, shown, **options).replace("\n", "")
            assert all(mark.isprintable() or unicodedata.category(mark) == "Zs" for mark in left), (shown, left)


@given(hostile.filter(lambda text: not set("\x07\x08\x0b\x0c\r\t") & set(text)))
def test_what_looks_like_markup_is_printed_as_it_is(text):
    assert printed(False, text, soft_wrap=True) == harmless(text) + "\n"


@given(hostile)
def test_json_on_a_terminal_is_harmless_and_the_same(text):
    written = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", written)
        print_json({"text": text})
    assert json.loads(written.getvalue()) == {"text": text}
    assert not [mark for mark in written.getvalue() if unicodedata.category(mark) == "Cc" and mark != "\n"]
    assert not {"\u202e", "\u2066", "\ud800"} & set(written.getvalue())


def test_every_command_prints_by_the_two_consoles():
    root = Path(__file__).parents[3]
    for path in [*(root / "pipelines").rglob("*.py"), *(root / "producers").rglob("*.py")]:
        source = path.read_text(encoding="utf-8")
        if path.name != "console.py":
            assert not re.search(r"\bConsole\(|\bmarkup=True|from_markup|rich\.markup", source), path
        assert not re.search(r"\[(bold|dim|red|green|yellow)[ \]]", source), path


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (DataError("A check failed."), 1, "error: A check failed."),
        (UsageError("That is wrong.", "Do this."), 2, "error: That is wrong. Do this."),
        (CheckpointError("It is lost."), 3, "error: It is lost. `clickstream recover`"),
        (ValueError("odd\nand long"), 3, "error: ValueError: odd. Run it again with --debug"),
        (StoppedError(), 143, "stopped"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_a_sentence_and_an_exit_code(error, code, says, capsys):
    with pytest.raises(SystemExit) as exited:
        fail(error)
    assert exited.value.code == code
    printed = capsys.readouterr()
    assert printed.err.startswith(says)
    assert printed.out == ""


def test_a_log_hears_of_long_work_now_and_then(capsys):
    at = [0.0]
    now_and_then = NowAndThen(30, lambda: at[0])
    for second in range(100):
        at[0] = float(second)
        now_and_then(f"aggregate: {second} rows")
    assert capsys.readouterr().err.split("\n")[:-1] == [f"aggregate: {second} rows" for second in (30, 60, 90)]


def test_the_end_of_java_is_explained():
    pytest.importorskip("pyspark")
    assert "Java, which runs Spark, has ended" in describe_error(RuntimeError("Answer from Java side is empty")).message
