"""Topics keep records as the settings say: new ones at once, those of the embedded broker by `maintain`."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient

from pipelines.operations import retention_elsewhere
from pipelines.operations.retention_elsewhere import keep_retention_elsewhere
from pipelines.runtime.settings import load_settings
from producers.events import EVENTS
from producers.kafka import ensure_topics, retentions

pytestmark = pytest.mark.kafka

WEEK = 7 * 86_400_000


def settings_of(folder, days, servers=""):
    return load_settings(
        lake=str(folder / "lake"),
        state=folder / "state",
        kafka={"bootstrap_servers": servers},
        retention={"kafka_days": days},
    )


def test_new_topics_keep_records_as_long_as_the_settings_say(broker, tmp_path):
    admin = AdminClient({"bootstrap.servers": broker})
    for days, kept in ((0, -1), (7, WEEK)):
        name = f"kept_for_{days}"
        ensure_topics(broker, [name], 1, retention_ms=settings_of(tmp_path, days).retention.kafka_milliseconds)
        assert retentions(broker, [name, "not_there"]) == {name: kept}
        ensure_topics(broker, [name], 1, retention_ms=5)  # one that is there stays as it is
        assert retentions(broker, [name]) == {name: kept}
        admin.delete_topics([name])[name].result(30)


def test_maintain_sets_topics_of_its_own_broker_alone(empty_topics, tmp_path, monkeypatch):
    servers = empty_topics()
    forever = dict.fromkeys(EVENTS, -1)
    (said,) = keep_retention_elsewhere(settings_of(tmp_path, 7, servers))
    assert f"--add-config retention.ms={WEEK}" in said
    assert retentions(servers, EVENTS) == forever

    own = settings_of(tmp_path, 7)
    monkeypatch.setattr(retention_elsewhere, "bootstrap_servers", lambda _: servers)
    assert "would keep records for 7 days" in keep_retention_elsewhere(own, dry_run=True)[0]
    assert keep_retention_elsewhere(settings_of(tmp_path, 0)) == []
    assert retentions(servers, EVENTS) == forever
    assert keep_retention_elsewhere(own) == [f"The topics {', '.join(EVENTS)} keep records for 7 days from now on."]
    assert retentions(servers, EVENTS) == dict.fromkeys(EVENTS, WEEK)
    assert keep_retention_elsewhere(own) == []
