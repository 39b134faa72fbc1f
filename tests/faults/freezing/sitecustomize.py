"""Freeze a command in the middle of a commit that its own Python writes: a window of a millisecond stays open.

Python imports this module at its start where its folder is on the PYTHONPATH. FREEZE_AT names the event and a pattern
of the path at which the process stops itself; it is killed then, or goes on with SIGCONT.
"""

import os
import re
import signal
import sys

_event, _, _pattern = os.environ.get("FREEZE_AT", "").partition(" ")


def _freeze(event, arguments):
    # Of a link, the new name counts.
    if event == _event and re.search(_pattern, str(arguments[event == "os.link"])):
        os.kill(os.getpid(), signal.SIGSTOP)


if _event:
    sys.addaudithook(_freeze)
