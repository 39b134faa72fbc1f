"""A lake made without Spark, and the report over it."""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import contextmanager

import duckdb
import pytest
from deltalake import DeltaTable

from pipelines.bi.html.live import LivePage, live_server
from pipelines.bi.html.render import Report
from pipelines.runtime.catalog import GOLD
from tests.pipelines.bi.html.made_gold import made_gold, no_gold, write_gold
from tests.pipelines.bi.html.page_reader import read_page

MADE_AT = dt.datetime(2026, 2, 10, 12, tzinfo=dt.UTC)


def html_of(root, currency=""):
    """The report over a lake."""
    report = Report(tuple(GOLD.values()), currency)
    gold = report.open(str(root))
    with gold.connection:
        return report.html(gold, made_at=MADE_AT)


@contextmanager
def live_at(root):
    """Serves the report over a lake, which may not be there yet; gives its address."""
    page = LivePage(Report(tuple(GOLD.values())), str(root), lambda: MADE_AT)
    with live_server(page, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """A lake of a shop; the tests do not change it."""
    root = tmp_path_factory.mktemp("shop")
    write_gold(root, no_gold())
    write_gold(root, made_gold())
    return root


@pytest.fixture(scope="session")
def html(shop):
    return html_of(shop)


@pytest.fixture(scope="session")
def page(html):
    return read_page(html)


@pytest.fixture(scope="session")
def sql(shop):
    """Asks the files of the shop's gold by plain SQL."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name in made_gold():
            files = [file.removeprefix("file://") for file in DeltaTable(f"{shop}/gold/{name}").file_uris()]
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet({files!r})")
        yield lambda query: connection.execute(query).fetchall()
