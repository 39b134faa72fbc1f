"""One real broker for the whole test run."""

from collections.abc import Iterator

import pytest

from lakehouse.embedded_kafka.broker import Broker


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of a running embedded broker that belongs to this test run alone."""
    kafka = Broker(tmp_path_factory.mktemp("kafka"))
    try:
        servers = kafka.start().bootstrap_servers
        assert servers
        yield servers
    finally:
        kafka.stop(timeout=10)
