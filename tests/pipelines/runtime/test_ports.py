"""A port that no server can listen on is refused."""

from __future__ import annotations

import socket

import pytest

from lakehouse.errors import UsageError
from pipelines.runtime.ports import check_port


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(UsageError, match="--port"):
        check_port(port, "serve --port 1")


def test_a_port_that_is_taken_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(UsageError, match="cannot be used"):
        check_port(server.getsockname()[1], "serve --port 1")
