"""Known weaknesses are named, and what was not looked up is never called fine."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from lakehouse.errors import DataError, OutsideError
from pipelines.cli.audit import audited

WEAK = {
    "vulns": [
        {
            "id": "PYSEC-2026-1",
            "summary": "runs what it reads",
            "affected": [
                {
                    "package": {"name": "weak", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
                }
            ],
        }
    ]
}


@pytest.fixture
def advisories():
    """A service that answers as OSV's, on loopback: the package `weak` has a weakness."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(WEAK if asked["package"]["name"] == "weak" else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield ["--vulnerability-service", "osv", "--osv-url", f"http://127.0.0.1:{server.server_port}/query"]
        server.shutdown()


@pytest.fixture
def lock(tmp_path):
    def write(*names):
        path = tmp_path / "requirements.lock"
        path.write_text("".join(f"{name}==1.0 \\\n    --hash=sha256:{'0' * 64}\n" for name in names))
        return path

    return write


def test_packages_without_a_weakness_are_counted(advisories, lock):
    assert audited(lock("sound", "whole"), advisories) == 2


def test_a_weakness_is_named_with_its_fix(advisories, lock):
    with pytest.raises(DataError) as found:
        audited(lock("sound", "weak"), advisories)
    assert str(found.value) == "1 of 2 packages have known weaknesses: weak 1.0: PYSEC-2026-1 (fixed in 1.1)."


def test_advisories_out_of_reach_are_not_a_pass(lock):
    options = ["--vulnerability-service", "osv", "--osv-url", "http://127.0.0.1:9/query"]
    with pytest.raises(OutsideError) as found:
        audited(lock("sound"), options)
    assert "The advisories cannot be reached, so nothing is known" in str(found.value)
