"""One real broker for the whole test run, and its topics without a record."""

from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.admin import AdminClient

from bronze.raw_events import BRONZE
from lakehouse.embedded_kafka.broker import Broker
from producers.kafka import ensure_topics


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


@pytest.fixture(scope="session")
def empty_topics(broker: str) -> Callable[..., str]:
    """Deletes the three topics and creates them again, so that a lake begins with an empty Kafka."""

    def recreate(partitions: int = 2) -> str:
        admin = AdminClient({"bootstrap.servers": broker})
        names = [name for name in BRONZE if name in admin.list_topics(timeout=30).topics]
        for done in admin.delete_topics(names).values() if names else ():
            done.result(30)
        while any(name in admin.list_topics(timeout=30).topics for name in names):
            admin.poll(0.1)
        ensure_topics(broker, list(BRONZE), partitions)
        return broker

    return recreate
