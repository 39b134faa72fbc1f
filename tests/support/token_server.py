"""A real token server of OAuth 2 for tests, on the loopback: signed JWTs for a client's secret, and their keys."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SECRET = r"""tö"k'e\n= ;$d{}%20+canary-5b1f"""  # noqa: S105 - of a server that lives for a test
"""The secret of every client, with what a quoting may lose."""

AUDIENCE = "kafka"


@dataclass
class TokenServer:
    """Where tokens are (``url``, by TLS) and the keys to check them (``keys``), and who has asked for one."""

    url: str
    keys: str
    asked: list[tuple[str, bool]] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)

    def client(self, name: str, ca: Path, secret: str = SECRET) -> dict[str, str]:
        """The settings of a client with tokens."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.id": name,
            "sasl.oauthbearer.client.secret": secret,
            "sasl.oauthbearer.token.endpoint.url": self.url,
            "sasl.oauthbearer.scope": AUDIENCE,
            "sasl.oauthbearer.extensions": "traceId=123",
            "https.ca.location": str(ca),
            "ssl.ca.location": str(ca),
        }


@contextmanager
def token_server(certificate: Path, key: Path) -> Iterator[TokenServer]:
    """Within, it runs: tokens by TLS with this certificate, the keys without."""
    signer = rsa.generate_private_key(65_537, 2_048)
    by_tls, plain = (ThreadingHTTPServer(("127.0.0.1", 0), _Handler) for _ in range(2))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    by_tls.socket = context.wrap_socket(by_tls.socket, server_side=True)
    made = TokenServer(f"https://127.0.0.1:{by_tls.server_port}/token", f"http://127.0.0.1:{plain.server_port}/keys")
    _Handler.server_of[by_tls.server_port] = _Handler.server_of[plain.server_port] = (made, signer)
    for server in (by_tls, plain):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        for server in (by_tls, plain):
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_of: dict[int, tuple[TokenServer, rsa.RSAPrivateKey]] = {}  # noqa: RUF012 - one for all tests

    def do_GET(self) -> None:
        """Gives the public key."""
        _, signer = self.server_of[self.server.server_port]  # type: ignore[attr-defined]
        public = signer.public_key().public_numbers()
        key = {"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256", "e": "AQAB", "n": _base64(_bytes(public.n))}
        self._answer(200, {"keys": [key]})

    def do_POST(self) -> None:
        """Gives a token to whoever has the secret."""
        made, signer = self.server_of[self.server.server_port]  # type: ignore[attr-defined]
        made.scopes.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        given = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        client, _, secret = given.partition(":")
        made.asked.append((client, secret == SECRET))
        if secret != SECRET:
            self._answer(401, {"error": "invalid_client", "error_description": "this client is not known"})
            return
        now = int(time.time())
        claims = {"sub": client, "iss": "test", "aud": AUDIENCE, "scope": AUDIENCE, "iat": now, "exp": now + 300}
        parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "one"}, claims)]
        signed = signer.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
        token = ".".join([*parts, _base64(signed)])
        self._answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 300})

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
