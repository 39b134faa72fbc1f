"""Kafka with TLS, passwords, certificates and access rights: the right ones work, the wrong ones get one sentence."""

from __future__ import annotations

import json
import time

import pytest
from confluent_kafka import Consumer

from bronze.raw_events import BRONZE
from lakehouse.errors import OutsideError
from pipelines.ingest import run_ingest
from pipelines.ml.score_publisher import publishing
from pipelines.operations.verification.kafka import check_kafka
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from producers.kafka import Sender, broker_time, ensure_topics
from tests.support.pages import DOCS
from tests.support.scores import open_sessions, score_lake, scores, write_scores
from tests.support.secure_broker import PASSWORD, allow, secure_broker

pytestmark = [pytest.mark.kafka, pytest.mark.spark]


def rights_of(part):
    """The rights that a part of the page lists: the kind of a resource, its names, and the operations."""
    text = (DOCS / "how-to" / "secure-kafka.md").read_text(encoding="utf-8").partition(f"| {part} |")[2]
    for row in text.partition("\n\n")[0].splitlines()[2:]:
        kind, names, operations = (cell.strip().replace("`", "") for cell in row.strip("|").split("|"))
        for name in names.split(", "):
            yield kind, name, operations.split(", ")


def test_the_page_lists_rights():
    assert len(list(rights_of("to produce"))) == 3
    assert len(list(rights_of("to ingest and verify"))) == 6
    assert len(list(rights_of("to publish scores"))) == 1
    assert len(list(rights_of("to read scores"))) == 2


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    with secure_broker(tmp_path_factory.mktemp("secure")) as made:
        ensure_topics(made.open, [*BRONZE], 2)
        allow(made.open, "shop", [*rights_of("to produce"), *rights_of("to ingest and verify")])
        allow(made.open, "reader", list(rights_of("to ingest and verify")))
        allow(made.open, "reader", list(rights_of("to publish scores")))
        allow(made.open, "shop", list(rights_of("to read scores")))
        allow(made.open, "CN=client", [*rights_of("to produce"), *rights_of("to ingest and verify")])
        yield made


def _way(spark, tmp_path, servers, client):
    """From a sender through ingest to the comparison with Kafka; how many records bronze has, and what is compared."""
    kafka = {"bootstrap_servers": servers, "client": client, "patience_seconds": 20}
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state", kafka=kafka)
    ensure_topics(servers, BRONZE, 2, client=client)
    with Sender(servers, client) as sender:
        for number in range(5):
            sender.send("clicks", b"k", f'{{"number": {number}}}'.encode())
    assert sender.delivery.failed == []
    job = Job(settings, spark)
    run_ingest(job)
    assert broker_time(servers, client) > 0
    return job.lake.read(BRONZE["clicks"]).count(), check_kafka(job, "clicks")


def test_a_password_and_its_rights_carry_the_whole_way(spark, secure, tmp_path):
    count, compared = _way(spark, tmp_path, secure.with_password, secure.client("shop"))
    assert count >= 5
    assert compared.ok, compared


def test_scores_are_published_and_read_by_the_rights_listed(secure, tmp_path):
    kafka = {"bootstrap_servers": secure.with_password, "client": secure.client("reader")}
    scored = {"topic": "purchase_scores"}
    settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state", kafka=kafka, scores=scored)
    lake = score_lake(tmp_path)
    with publishing(settings):
        rows = scores(("u", "s"))
        open_sessions(lake, rows)
        write_scores(lake, rows)
    shop = {**secure.client("shop"), "group.id": "shop", "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": secure.with_password, **shop})
    consumer.subscribe(["purchase_scores"])
    record = consumer.poll(60)
    consumer.close()
    assert record.error() is None
    assert json.loads(record.value())["session_id"] == "s"


@pytest.mark.parametrize("key", ["client", "locked"])
def test_a_client_s_certificate_carries_the_whole_way(spark, secure, tmp_path, key):
    count, compared = _way(spark, tmp_path, secure.with_certificate, secure.certified(key=key))
    assert count >= 5
    assert compared.ok, compared


def test_tokens_carry_the_whole_way(spark, secure, tmp_path):
    tokens = secure.tokens
    count, compared = _way(spark, tmp_path, secure.with_password, tokens.client("shop", secure.folder / "ca.pem"))
    assert count >= 5
    assert compared.ok, compared
    assert {("shop", True)} == set(tokens.asked)
    assert all("scope=kafka" in said for said in tokens.scopes)


@pytest.mark.parametrize(
    ("change", "says", "cure"),
    [
        ({"sasl.oauthbearer.client.secret": "wrong"}, r"no token .*(401|not known)", "client.secret"),
        ({"sasl.oauthbearer.token.endpoint.url": "https://127.0.0.1:1/"}, "no token .*connect", "token.endpoint.url"),
        ({"https.ca.location": "other_ca"}, "no token .*certificate", "https.ca.location"),
    ],
    ids=["wrong secret", "no token server", "unknown authority"],
)
def test_no_token_is_one_sentence_at_once(secure, change, says, cure):
    if "https.ca.location" in change:
        change = {"https.ca.location": str(secure.folder / "other_ca.pem")}
    client = {**secure.tokens.client("shop", secure.folder / "ca.pem"), **change}
    secure.tokens.asked.clear()
    began = time.monotonic()
    with pytest.raises(OutsideError, match=says) as raised:
        ensure_topics(secure.with_password, BRONZE, 2, client=client, wait_seconds=120)
    assert time.monotonic() - began < 20, "it tried again and again"
    assert len(secure.tokens.asked) <= 2
    assert cure in raised.value.hint
    assert client["sasl.oauthbearer.client.secret"] not in f"{raised.value} {raised.value.hint}".replace(
        "wrong host", ""
    )


@pytest.mark.parametrize(
    ("change", "says", "cure"),
    [
        ({"sasl.password": "wrong"}, "does not let this user in", "sasl.password"),
        ({"sasl.username": "stranger"}, "does not let this user in", "sasl.username"),
        ({"sasl.mechanisms": "PLAIN"}, "does not let this user in", "sasl.mechanisms"),
        ({"ssl.ca.location": "other_ca"}, "cannot be trusted: .*certificate", "ssl.ca.location"),
        ({"bootstrap.servers": "localhost"}, "cannot be trusted: .*(certificate|mismatch)", "bootstrap servers"),
    ],
    ids=["wrong password", "unknown user", "wrong mechanism", "unknown authority", "wrong host name"],
)
def test_a_wrong_secret_is_one_sentence_at_once(secure, change, says, cure):
    client = {**secure.client("shop"), **change}
    servers = secure.with_password.replace("127.0.0.1", client.pop("bootstrap.servers", "127.0.0.1"))
    if client["ssl.ca.location"] == "other_ca":
        client["ssl.ca.location"] = str(secure.folder / "other_ca.pem")
    began = time.monotonic()
    with pytest.raises(OutsideError, match=says) as raised:
        ensure_topics(servers, BRONZE, 2, client=client, wait_seconds=120)
    assert time.monotonic() - began < 60, "it tried again and again"
    assert cure in raised.value.hint
    assert PASSWORD not in str(raised.value)


def test_a_missing_right_is_one_sentence(spark, secure, tmp_path):
    nobody, reader = secure.client("nobody"), secure.client("reader")
    kafka = {"bootstrap_servers": secure.with_password, "client": nobody}
    job = Job(load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state", kafka=kafka), spark)
    with pytest.raises(OutsideError, match="has no topics") as raised:
        run_ingest(job)
    assert "may not describe" in raised.value.hint
    with pytest.raises(OutsideError, match=r"refused: .*uthorization"):
        ensure_topics(secure.with_password, ["another"], 1, client=reader)
    with Sender(secure.with_password, reader) as sender:
        sender.send("clicks", b"k", b"{}")
    assert ["uthorization" in failure.reason for failure in sender.delivery.failed] == [True]
