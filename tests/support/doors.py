"""Where the processes of a command listen, and what their command lines say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psutil


def listening(pid):
    """The addresses that a process and all that it started listen on, whatever the kind of the address."""
    root = psutil.Process(pid)
    # The children first: the one that ends meanwhile had no door worth a look.
    found = []
    for process in [root, *root.children(recursive=True)]:
        try:
            found += [one.laddr for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
        except psutil.NoSuchProcess:
            continue
    return found


def command_lines(pid: int) -> Iterator[str]:
    """The command lines of a process and of all that it started."""
    with suppress(psutil.Error):
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with suppress(psutil.Error):
                yield " ".join(process.cmdline())


DEAD_PROXY = dict.fromkeys(
    ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"
)
"""An environment whose proxies answer nobody: what stays on this machine must not ask them."""
