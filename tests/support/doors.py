"""Where the processes of a command listen."""

from __future__ import annotations

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
