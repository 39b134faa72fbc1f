"""A local server that speaks S3, as a process of its own on 127.0.0.1: `python -m tests.support.s3_server FOLDER`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from lakehouse.atomic_files import read_json, write_json
from tests.support.polling import until

BUCKET = "shop"


class Held:
    """A PUT on its way that the server keeps back, as a network may: taken whole, done later, or never answered."""

    def __init__(self, folder: Path) -> None:
        self._wanted, self._kept, self._done = (folder / name for name in ("wanted", "kept", "done"))

    def ask(self, pattern: str) -> None:
        """Has the first PUT kept back whose path matches from here on."""
        for file in (self._wanted, self._kept, self._done):
            file.unlink(missing_ok=True)
        write_json(self._wanted, {"pattern": pattern})

    def is_kept(self) -> bool:
        """Whether a PUT is kept back."""
        return self._kept.exists()

    def let_go(self) -> str:
        """Lets the server do what was kept back; gives its answer, whoever hears it."""
        self._kept.unlink()
        until(self._done.exists, "what was kept back", limit=60)
        return str(read_json(self._done)["status"])

    def keeps(self, method: str, path: str) -> bool:
        """In the server: whether this request is one to keep back; only the first is."""
        if method != "PUT" or not re.search(read_json(self._wanted).get("pattern", "^$"), path):
            return False
        try:
            self._wanted.replace(self._kept)
        except FileNotFoundError:  # another thread was first
            return False
        return True

    def wait(self) -> None:
        """In the server: waits until it is let go."""
        until(lambda: not self._kept.exists(), "its being let go", limit=1_800)

    def done(self, status: str) -> None:
        """In the server: notes how a request that was kept back has been answered."""
        write_json(self._done, {"status": status})


class _OneAtATime:
    """Answers one request after another: moto looks for an object and then writes it, which S3 does in one step."""

    def __init__(self, application: Any, held: Held) -> None:
        self._application, self._held = application, held
        self._lock = Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not self._held.keeps(environ["REQUEST_METHOD"], environ["PATH_INFO"]):
            with self._lock:
                return list(self._application(environ, start_response))
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        self._held.wait()
        said = []

        def start(status: str, *rest: Any) -> Any:
            said.append(status)
            return start_response(status, *rest)

        with self._lock:
            answer = list(self._application(environ, start))
        self._held.done(said[0])
        return answer


def serve(folder: Path) -> None:
    """Answers until it is ended, at a free port that it prints. What it holds is in its memory."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    application = _OneAtATime(DomainDispatcherApplication(create_backend_app), Held(folder))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    print(server.port, flush=True)
    server.serve_forever()


@contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """Within, such a server runs, with an empty bucket; gives the environment by which a program finds it.

    ``Held`` of the same folder keeps requests back.
    """
    from pyarrow import fs

    command = [sys.executable, "-m", "tests.support.s3_server", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        place = f"127.0.0.1:{int(server.stdout.readline())}"
        environ = {
            "AWS_ENDPOINT_URL": f"http://{place}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key-of-tests",
            "AWS_SECRET_ACCESS_KEY": "secret-of-tests",
        }
        store = fs.S3FileSystem(
            access_key=environ["AWS_ACCESS_KEY_ID"],
            secret_key=environ["AWS_SECRET_ACCESS_KEY"],
            endpoint_override=place,
            scheme="http",
            region=environ["AWS_REGION"],
            allow_bucket_creation=True,
        )
        store.create_dir(BUCKET)
        yield environ
    finally:
        os.kill(server.pid, signal.SIGKILL)
        server.wait()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
