"""Chromium without a window, spoken to over two pipes: its own protocol, and no package for it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from contextlib import contextmanager, suppress

from tests.support.polling import until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
"""Where a browser is on this machine, if there is one."""


class Tab:
    """One page in the browser, and what it said and asked for."""

    def __init__(self, to_browser, from_browser):
        self._to, self._from = to_browser, from_browser
        self._rest, self._number, self._session = b"", 0, None
        self.events = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method, **parameters):
        """What the browser answers."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self):
        while b"\0" not in self._rest:
            part = os.read(self._from, 1 << 20)
            assert part, "the browser has ended"
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def open(self, address):
        """Goes to an address, and comes back once it is loaded."""
        self.events.clear()
        self.send("Page.navigate", url=address)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def value(self, script):
        """The value of a script in the page."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, script, seconds=60):
        """Comes back once a script in the page is true."""
        until(lambda: self.value(script), script, limit=seconds, step=0.1)

    def press(self, key):
        """Presses a key."""
        code = {"Tab": 9, "Enter": 13}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def complaints(self):
        """What the browser logged: errors of scripts, and what the page's policy refused."""
        methods = {
            "Log.entryAdded",
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Page.javascriptDialogOpening",
        }
        return [event for event in self.events if event.get("method") in methods]

    def asked_for(self):
        """The addresses that were asked for."""
        methods = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in methods]


@contextmanager
def browser(folder, *options):
    """A browser with a profile of its own, and further options; ends with the block."""
    their_in, our_out = os.pipe()
    our_in, their_out = os.pipe()
    arguments = [CHROMIUM, "--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder}"]
    arguments += ["--remote-debugging-pipe", "--disable-background-networking", "--no-sandbox", *options, "about:blank"]
    # The protocol is spoken on the descriptors 3 and 4.
    command = f"exec {shlex.join(arguments)} 3<&{their_in} 4>&{their_out}"
    process = subprocess.Popen(
        ["bash", "-c", command], pass_fds=(their_in, their_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(their_in)
    os.close(their_out)
    try:
        yield Tab(our_out, our_in)
    finally:
        os.close(our_out)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
        os.close(our_in)
