"""A server of this machine: who may ask, what every answer says to a browser, and what a wrong name is told."""

from __future__ import annotations

import http.client
import socket
import threading
from http import HTTPStatus

import pytest

from lakehouse.errors import UsageError
from pipelines.runtime.local_http import Answer, server_on


@pytest.fixture
def port():
    with server_on(0, lambda path, query: Answer(HTTPStatus.OK, f"{path}|{query}")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def ask(port, path="/", method="GET", host=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers={} if host is None else {"Host": host})
        found = connection.getresponse()
        return found.status, found.read().decode(), found.headers
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:9", "127.0.0.1", "localhost:9000"])
def test_its_own_names_are_answered_by_any_forwarded_port(port, host):
    assert ask(port, host=host.format(port=port))[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example", "", "localhost:x"],
)
def test_a_name_that_may_be_a_strangers_is_told_what_to_do(port, host):
    status, body, _ = ask(port, host=host.format(port=port))
    assert status == 403
    assert f"ssh -L {port}:127.0.0.1:{port}" in body


def test_an_answer_is_for_no_other_site_and_is_not_kept(port):
    _, body, headers = ask(port, "/a?b=c")
    assert body == "/a|b=c"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert [name for name in headers if name.lower().startswith("access-control")] == []


def test_nothing_is_written_and_a_head_has_no_body(port):
    assert ask(port, method="POST")[0] == 501
    status, body, headers = ask(port, method="HEAD")
    assert (status, body, headers["Content-Length"]) == (200, "", "2")


def test_a_connection_serves_many_requests(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for number in range(3):
        connection.request("GET", f"/{number}")
        assert connection.getresponse().read() == f"/{number}|".encode()
    connection.close()


def test_a_port_that_is_taken_is_refused_in_words():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="cannot be used"):
        server_on(taken.getsockname()[1], lambda *_: Answer(HTTPStatus.OK, ""))


def test_a_closed_server_answers_no_connection_that_is_open():
    with server_on(0, lambda *_: Answer(HTTPStatus.OK, "here")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"here"
        server.shutdown()

    def again():
        connection.request("GET", "/")
        connection.getresponse()

    with pytest.raises((http.client.HTTPException, ConnectionError)):
        again()
