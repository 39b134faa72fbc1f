"""A table is named with its layer, or without where that is plain."""

import pytest

from lakehouse.errors import UsageError
from pipelines.runtime.catalog import TABLES, table_named


@pytest.mark.parametrize(
    ("name", "full"), [("gold.users", "gold.users"), ("users", "gold.users"), ("duplicates", "silver.duplicates")]
)
def test_a_table_is_found_by_its_full_or_short_name(name, full):
    assert table_named(name) is TABLES[full]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("clicks", "More than one table is called clicks. Name one with its layer: bronze.clicks or silver.clicks."),
        ("gold.sesions", "There is no table gold.sesions. Near it: gold.sessions"),
        ("Clickz", "Near it: bronze.clicks, silver.clicks"),
        ("xyz", "There is no table xyz. The tables are bronze.clicks, "),
    ],
)
def test_a_wrong_name_is_answered_with_the_likely_ones(name, sentence):
    with pytest.raises(UsageError) as error:
        table_named(name)
    assert sentence in str(error.value)
