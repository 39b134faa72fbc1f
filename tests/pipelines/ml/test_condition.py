"""A condition on the rows to train on is checked before Spark starts."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import UsageError
from pipelines.ml.condition import check_condition


@pytest.mark.parametrize(
    "condition",
    [
        "true",
        "bought_later",
        "(NOT bought_later)",
        "last_category = ';'",
        "coalesce(bought_later, false)",
        "cut = 1 AND page_views > 2",
        "started_at >= '2026-01-01' -- since then",
        "last_category IN ('shoes', 'toys') OR last_category IS NULL",
        "CUT BETWEEN 1 AND 5 AND `page_views` % 2 = 0",
        "started_at >= TIMESTAMP '2026-01-01 00:00:00' AND dayofweek(started_at) = 2",
    ],
)
def test_a_condition_is_taken(condition):
    check_condition(condition, EXAMPLES)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("1=1; DROP", "is no condition on gold.training_examples: it holds more than one statement"),
        ("1=1); DROP TABLE x; SELECT (1", "more than one statement"),
        ("", "is no condition"),
        ("page_views >", r"something is missing in it\."),
        ("(page_views > 1", r"something is missing in it\."),
        ("page_views > 1 UNION SELECT", "it cannot be read near 'UNION'"),
        ("last_category = 'x", "a quotation mark is missing"),
        ("page_views", "its value is DOUBLE, where true or false is asked"),
        ("dayofweek(started_at)", "its value is INT, where true or false is asked"),
        ("page_viewz > 1", r"has no column page_viewz\. Near it: page_views"),
        ("nonsense", "has no column nonsense"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_reason(condition, says):
    with pytest.raises(UsageError, match=says) as raised:
        check_condition(condition, EXAMPLES)
    assert "clickstream tables gold.training_examples" in raised.value.hint


@given(st.text(st.sampled_from("ab1 =<>()';,.-*/`\"cut"), max_size=20))
def test_any_text_is_taken_or_refused_in_a_sentence(condition):
    said = ""
    try:
        check_condition(condition, EXAMPLES)
    except UsageError as error:
        said = str(error)
    assert "sqlglot" not in said
    assert not said or "`clickstream tables gold.training_examples` lists its columns." in said


def test_no_java_starts_for_a_condition_that_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "no java here"))
    program = [sys.executable, "-m", "pipelines.train", "--where", "1=1; DROP"]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, "is no condition" in " ".join(done.stderr.split())) == (2, True), done.stderr
