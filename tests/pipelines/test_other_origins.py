"""In a browser whose name server lies, pages of other sites neither read nor steer what listens here."""

from __future__ import annotations

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.pipelines.bi.html.browser import CHROMIUM, browser
from tests.support.doors import PAGES, served

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium and no Chrome on the PATH: install one, as in 'apt install chromium'"
)

LIES = "--host-resolver-rules=MAP evil.example 127.0.0.1"
"""The second answer of a name server that rebinds a name: first the attacker's machine, then this one."""

ASKED = "fetch('%s/').then(answer => answer.text().then(text => [answer.status, text]), () => [0, ''])"
WRITTEN = """fetch('%s/ajax-api/2.0/mlflow/experiments/create', {
    method: 'POST', mode: 'no-cors', body: JSON.stringify({name: '%s'}), headers: {'Content-Type': 'text/plain'}
}).then(answer => answer.type, () => 'refused')"""


@pytest.fixture(scope="module")
def evil():
    """The port of a site of somebody else's."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<title>evil</title>")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def experiments(port):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/ajax-api/2.0/mlflow/experiments/search",
        data=b'{"max_results": 100}',
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - its own address
        return {one["name"] for one in json.load(answer).get("experiments", [])}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_another_site_neither_reads_nor_steers(name, evil, tmp_path):
    with served(name, tmp_path / "home") as (port, _), browser(tmp_path / "profile", LIES) as tab:
        here = f"http://127.0.0.1:{port}"
        tab.open(f"http://evil.example:{port}/")
        rebound, text = tab.value(ASKED % "")
        assert rebound in {400, 403}, text
        if name == "serve mlflow":
            tab.value(WRITTEN % ("", "by a rebound name"))

        tab.open(f"http://evil.example:{evil}/")
        assert tab.value("document.title") == "evil"
        assert tab.value(ASKED % here) == [0, ""]
        if name == "serve mlflow":
            tab.value(WRITTEN % (here, "by another site"))
            assert experiments(port).isdisjoint({"by a rebound name", "by another site"})

        # The browser itself reaches it: what was refused above was refused for its origin.
        tab.open(f"{here}/")
        assert tab.value("location.origin") == here
        assert tab.value(ASKED % "")[0] in {200, 404, 503}
