"""New scores of open sessions reach a real Kafka, at least once, whatever is killed; and no job waits for it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import jsonschema
import pytest
from confluent_kafka import Consumer

from gold.prediction_log import TABLE as LOG
from gold.sessions import TABLE as SESSIONS
from gold.training_examples import TABLE as EXAMPLES
from gold.user_history import TABLE as USER_HISTORY
from lakehouse.embedded_kafka.config import free_port
from lakehouse.errors import UsageError
from lakehouse.streams import SPARK
from pipelines.aggregate import run_aggregate
from pipelines.gold_builder import STREAM
from pipelines.ml import score_publisher
from pipelines.ml.score_message import schema, score_id
from pipelines.ml.score_publisher import ScorePublisher, published, publishes_scores, publishing
from pipelines.runtime.settings import load_settings
from pipelines.runtime.stream_metrics import PendingMetrics
from producers.kafka import ensure_output_topic, follow_topic
from silver.events import SILVER
from tests.support.gold_events import at, keep, view
from tests.support.pages import ROOT
from tests.support.polling import pass_time, until
from tests.support.scores import AT, open_sessions, score_lake, scores, write_scores
from tests.support.training import examples, fill, train_live

pytestmark = pytest.mark.kafka


@pytest.fixture
def shop(tmp_path, broker):
    """A lake, and the settings of its jobs, which publish to a topic of their own."""
    lake = score_lake(tmp_path)
    return lake, settings_of(tmp_path, broker, f"scores-{uuid4().hex[:8]}")


def settings_of(folder, servers, topic):
    return load_settings(
        lake=str(folder / "lake"),
        state=folder / "state",
        kafka={"bootstrap_servers": servers},
        scores={"topic": topic},
    )


def write_open(lake, *names, cut=1, **more):
    rows = scores(*(("u", name) for name in names), cut=cut, **more)
    open_sessions(lake, rows)
    write_scores(lake, rows)


def messages(settings):
    """All that the topic has: key and value of each record."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "group.id": uuid4().hex,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": "true",
        }
    )
    consumer.subscribe([settings.scores.topic])
    found, ended, began = [], set(), time.monotonic()
    while len(ended) < settings.kafka.partitions and time.monotonic() - began < 60:
        record = consumer.poll(1)
        if record is None:
            continue
        if record.error():
            ended.add(record.partition())
        else:
            found.append((record.key().decode(), json.loads(record.value())))
    consumer.close()
    return found


def test_new_scores_of_open_sessions_are_published_once(shop):
    lake, settings = shop
    write_open(lake, "before")
    with publishing(settings):
        write_open(lake, "a", "ü b")
        until(lambda: published(settings).version == lake.version(LOG), "the publication", limit=60)
        rows = scores(("u", "over"))
        open_sessions(lake, rows, is_over=True)
        write_scores(lake, rows)
        lake.compact(LOG)
        write_open(lake, "a", cut=2)
    found = messages(settings)
    assert sorted((key, told["cut"]) for key, told in found) == [("a", 1), ("a", 2), ("ü b", 1)]
    for key, told in found:
        jsonschema.validate(told, schema(), cls=jsonschema.Draft202012Validator)
        assert told["session_id"] == key
    with publishing(settings):
        pass
    assert len(messages(settings)) == 3


def test_what_a_kill_left_unpublished_the_next_start_publishes(shop):
    lake, settings = shop
    ScorePublisher(settings).start()
    write_open(lake, "committed, and killed before it was published")
    with publishing(settings):
        pass
    assert len(messages(settings)) == 1
    # Killed after Kafka had it, before that was noted: a repeat, by which nothing is counted twice.
    note = settings.state_root / "published" / "scores.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "version": 0}))
    with publishing(settings):
        pass
    assert [told["score_id"] for _, told in messages(settings)] == [messages(settings)[0][1]["score_id"]] * 2


def test_no_score_is_lost_by_kills_at_any_moment(shop):
    lake, settings = shop
    ScorePublisher(settings).start()
    environment = {
        **os.environ,
        "CLICKSTREAM_LAKE": settings.lake_root,
        "CLICKSTREAM_STATE": str(settings.state_root),
        "CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "CLICKSTREAM_SCORES__TOPIC": settings.scores.topic,
        "PYTHONPATH": str(ROOT),
    }
    job = (
        "import threading; from pipelines.ml.score_publisher import publishing; "
        "from pipelines.runtime.settings import load_settings\n"
        "with publishing(load_settings()): print('on', flush=True); threading.Event().wait()"
    )
    chosen = random.Random(3)
    for life in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", job], env=environment, cwd=ROOT, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout.readline()
            for number in range(5):
                write_open(lake, f"s{life}-{number}", at=AT + timedelta(seconds=10 * life + number))
            pass_time(chosen.uniform(0, 0.8))
            process.send_signal(signal.SIGKILL)
    with publishing(settings):
        pass
    logged = {score_id(row) for row in lake.read(LOG).to_pylist()}
    assert len(logged) == 20
    assert {told["score_id"] for _, told in messages(settings)} == logged


def test_another_table_costs_repeats_and_no_score(shop):
    lake, settings = shop
    with publishing(settings):
        write_open(lake, "old", at=AT)
        write_open(lake, "last", at=AT + timedelta(seconds=1))
    write_open(lake, "new", at=AT + timedelta(seconds=2))
    note = settings.state_root / "published" / "scores.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "table_id": "another table"}))
    with publishing(settings):
        pass
    keys = [key for key, _ in messages(settings)]
    assert set(keys) == {"old", "last", "new"}
    assert keys.count("old") == 1


def test_a_job_goes_on_without_kafka_and_says_so_once(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(score_publisher, "_WAIT_SECONDS", 0.3)
    monkeypatch.setattr(score_publisher, "MOST_SECONDS_BETWEEN_TRIES", 0.1)
    lake = score_lake(tmp_path)
    settings = settings_of(tmp_path, f"127.0.0.1:{free_port(None)}", "purchase_scores")
    began, said = time.monotonic(), [""]

    @publishes_scores
    def job(of):
        write_open(lake, "a")
        until(lambda: said.append(capsys.readouterr().err) or said[-1], "the sentence", limit=60)
        assert "No Kafka broker answers" in said[-1]
        assert "in state" not in said[-1]  # what differs from try to try, and would be said again
        pass_time(1.5)
        return of

    assert job(settings) is settings
    assert time.monotonic() - began < 30
    assert capsys.readouterr().err == ""
    assert published(settings).version == 0


def test_only_one_process_publishes_and_the_next_takes_over(shop):
    lake, settings = shop
    with publishing(settings):
        write_open(lake, "a")
        until(lambda: published(settings).version == lake.version(LOG), "the publication", limit=60)
        with publishing(settings):
            write_open(lake, "b")
            until(lambda: published(settings).version == lake.version(LOG), "the publication", limit=60)
    assert sorted(key for key, _ in messages(settings)) == ["a", "b"]


def test_without_a_topic_nothing_is_written_anywhere(tmp_path):
    lake = score_lake(tmp_path)
    settings = settings_of(tmp_path, "127.0.0.1:1", "")
    with publishing(settings):
        write_open(lake, "a")
    assert published(settings) is None


@pytest.mark.parametrize("topic", ["clicks", "clickstream_clock"])
def test_a_topic_of_other_records_is_refused(tmp_path, topic):
    with pytest.raises(UsageError, match=topic), publishing(settings_of(tmp_path, "127.0.0.1:1", topic)):
        pass


@pytest.mark.spark
@pytest.mark.long
def test_scores_of_a_batch_by_spark_are_published(job, gold_of, broker):
    gold_of(SESSIONS, USER_HISTORY, EXAMPLES)
    fill(job, examples())
    train_live(job, max_depth=2)
    for table in (*SILVER.values(), LOG):
        job.lake.ensure(table)
    run_aggregate(job)
    changed = {
        "kafka": job.settings.kafka.model_copy(update={"bootstrap_servers": broker}),
        "scores": job.settings.scores.model_copy(update={"topic": "scores-by-spark"}),
        "engines": job.settings.engines.model_copy(update={"in_process_rows": 0}),
    }
    by_spark = replace(job, settings=job.settings.model_copy(update=changed), clock=lambda: at("15:05"))
    ensure_output_topic(broker, "scores-by-spark", 1)
    with follow_topic(broker, "scores-by-spark") as new_values:
        keep(job.lake, [view("cleo/s1", at("15:00")), view("cleo/s1", at("15:01"))])
        run_aggregate(by_spark)
        assert PendingMetrics(job.settings.metrics, STREAM).state().done["engine"] == SPARK
        (value,) = new_values(30)
    told = json.loads(value)
    assert (told["user_id"], told["session_id"], told["cut"]) == ("cleo", "s1", 2)
