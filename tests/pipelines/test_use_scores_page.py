"""What the page tells a shop to run on the scores runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from uuid import uuid4

import pytest

from pipelines.ml.score_index import ScoreIndex
from pipelines.ml.score_publisher import publishing
from pipelines.ml.score_server import answer
from pipelines.runtime.local_http import server_on
from pipelines.runtime.settings import load_settings
from tests.support.pages import DOCS
from tests.support.scores import open_sessions, score_lake, scores, write_scores

PAGE = (DOCS / "how-to" / "use-scores.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
[OVER_HTTP] = [script for script in SCRIPTS if "requests" in script]


@pytest.fixture
def address(tmp_path):
    lake = score_lake(tmp_path)
    write_scores(lake, scores(("user 1", "a/b"), probability=0.75))
    index = ScoreIndex(lake.root)
    index.refresh()
    with server_on(0, lambda path, query: answer(index, path, query)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.kafka
def test_the_script_for_kafka_prints_a_score(tmp_path, broker):
    [script] = [one for one in SCRIPTS if "Consumer" in one]
    lake, topic = score_lake(tmp_path), f"scores-{uuid4().hex[:8]}"
    settings = load_settings(
        lake=lake.root, state=tmp_path / "state", kafka={"bootstrap_servers": broker}, scores={"topic": topic}
    )
    with publishing(settings):
        rows = scores(("user 1", "a/b"), probability=0.75)
        open_sessions(lake, rows)
        write_scores(lake, rows)
    script = script.replace("127.0.0.1:9092", broker).replace("purchase_scores", topic)
    assert run(script.replace('"shop"', f'"{topic}"')) == ["a/b", "0.75"]


def run(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def test_the_script_over_http_prints_the_probability(address):
    assert len(OVER_HTTP.split()) < 30, "it is to stay short"
    assert run(OVER_HTTP.replace("127.0.0.1:8765", address)) == ["0.75"]


def test_the_script_over_http_prints_why_there_is_none(address):
    assert "no score" in " ".join(run(OVER_HTTP.replace("127.0.0.1:8765", address).replace("a/b", "other")))
