"""Ask a Kafka broker for its cluster id: it tells our own broker from another one on the same port."""

from __future__ import annotations

import socket
from contextlib import suppress

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient


def cluster_id_at(host: str, port: int, timeout: float = 2) -> str | None:
    """The id of the cluster whose broker answers there; None where none answers within ``timeout`` seconds.

    It asks for the brokers, as those are known only once records are taken: an open port comes earlier.
    """
    # A port that nobody listens on is refused at once; the client would try it again until the time is up.
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError:
        return None
    # Silent: the client would report on standard error each attempt at a broker that is still starting.
    client = AdminClient({"bootstrap.servers": f"{host}:{port}", "log_level": 0, "error_cb": lambda _: None})
    with suppress(KafkaException):
        cluster = client.list_topics(timeout=timeout)
        return cluster.cluster_id if cluster.brokers else None
    return None
