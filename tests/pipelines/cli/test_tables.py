"""The catalog is printed from the declarations."""

import pytest

from lakehouse.errors import UsageError
from lakehouse.table import Column, Table
from pipelines.cli.tables import reference, tables


def test_a_text_cannot_break_the_table_that_it_stands_in():
    column = Column("kind", "STRING", "One of a|b,\n<b> or *c*.")
    page = reference([Table("gold.kinds", "One row per kind.", (column,), key=("kind",))])
    assert page.endswith("| `kind` | STRING |  | One of a\\|b, &lt;b> or \\*c\\*. |\n")


def test_two_forms_at_once_are_refused():
    with pytest.raises(UsageError, match="Choose one"):
        tables(as_json=True, as_markdown=True)
