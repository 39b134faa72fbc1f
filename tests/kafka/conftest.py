"""The broker's topics without a record."""

from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient

from bronze.raw_events import BRONZE
from producers.kafka import ensure_topics


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
