"""Write the line by which Java's Kafka client logs in, with a password or with tokens, from librdkafka's settings.

Tokens (OAUTHBEARER) come from a server of OAuth 2 for a client's id and secret: what both clients can do by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from lakehouse.errors import UsageError
from pipelines.runtime.ports import is_loopback

WHERE = "in the part [kafka] of conf/, in CLICKSTREAM_KAFKA__CLIENT, or in the file of CLICKSTREAM_KAFKA__CLIENT_FILE"
"""Where a person sets a client's settings."""

_SASL = "org.apache.kafka.common.security"
_TOKENS = "sasl.oauthbearer."
_METHOD, _GRANT = f"{_TOKENS}method", f"{_TOKENS}grant.type"
_ID, _SECRET, _SERVER = f"{_TOKENS}client.id", f"{_TOKENS}client.secret", f"{_TOKENS}token.endpoint.url"
_SCOPE, _EXTENSIONS, _SUBJECT = f"{_TOKENS}scope", f"{_TOKENS}extensions", f"{_TOKENS}sub.claim.name"
_ALIASES = {f"{_TOKENS}client.credentials.{name}": f"{_TOKENS}{name}" for name in ("client.id", "client.secret")}
_NEEDED = (_ID, _SECRET, _SERVER)
_KNOWN = {_METHOD, _GRANT, *_NEEDED, _SCOPE, _EXTENSIONS, _SUBJECT}
_AUTHORITY, _AUTHORITY_TEXT, PROBE = "https.ca.location", "https.ca.pem", "probe"  # probe: of the system
_PASSWORDS = ("sasl.username", "sasl.password")


def is_login(name: str) -> bool:
    """Whether a setting of librdkafka says who logs in, which Java is told by a line of its own."""
    return name in _PASSWORDS or name.startswith((_TOKENS, "https.ca.", "enable.sasl.oauthbearer."))


def require_whole_tokens(client: Mapping[str, str], tolerate: Sequence[str]) -> None:
    """Raises UsageError where tokens are asked for in a way that both clients cannot follow, or in clear text."""
    if not _wants_tokens(client):
        return
    known = _by_one_name(client)
    odd = sorted(name for name in known if name.startswith(_TOKENS) and name not in _KNOWN)
    if known.get(_METHOD) != "oidc" or known.get(_GRANT, "client_credentials") != "client_credentials" or odd:
        raise UsageError(
            "Kafka's tokens (OAUTHBEARER) are taken from a token server, for a client's id and secret; "
            f"{', '.join(odd) or 'the settings'} asked for another way, which Spark's client does not have.",
            f"Set {_METHOD} to oidc, with {', '.join(_NEEDED)}, {WHERE}.",
        )
    if missing := [name for name in _NEEDED if not known.get(name)]:
        raise UsageError(
            f"Kafka's tokens (OAUTHBEARER) need {' and '.join(missing)}, and there is none.", f"Set it {WHERE}."
        )
    server = urlsplit(known[_SERVER])
    if server.scheme != "https" and not is_loopback(server.hostname or "") and "plaintext" not in tolerate:
        raise UsageError(
            f"The token server of {_SERVER} is spoken to in clear text: whoever is between can read the client's "
            "secret.",
            f"Write its address with https://, {WHERE}. In a network of your own, allow it: "
            """CLICKSTREAM_KAFKA__TOLERATE='["plaintext"]'.""",
        )


def java_login(client: Mapping[str, str]) -> dict[str, str]:
    """Java's settings for whoever these settings log in; none where nobody does."""
    if _wants_tokens(client):
        return _token_login(_by_one_name(client))
    user, password = (client.get(name, "") for name in _PASSWORDS)
    if not user:
        return {}
    module = "plain.PlainLoginModule" if _mechanism(client) == "PLAIN" else "scram.ScramLoginModule"
    return {"sasl.jaas.config": _line(module, {"username": user, "password": password})}


def _token_login(client: Mapping[str, str]) -> dict[str, str]:
    options = {"clientId": client.get(_ID, ""), "clientSecret": client.get(_SECRET, "")}
    if scope := client.get(_SCOPE):
        options["scope"] = scope
    for extension in filter(None, client.get(_EXTENSIONS, "").split(",")):
        name, _, value = extension.partition("=")
        options[f"extension_{name.strip()}"] = value.strip()
    if (authority := client.get(_AUTHORITY, PROBE)) != PROBE:
        options |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": authority}
    elif text := client.get(_AUTHORITY_TEXT):
        options |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": text}
    return {
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.jaas.config": _line("oauthbearer.OAuthBearerLoginModule", options),
        "sasl.login.callback.handler.class": f"{_SASL}.oauthbearer.OAuthBearerLoginCallbackHandler",
        **{name: client[name] for name in (_SERVER, _SUBJECT) if name in client},
    }


def _wants_tokens(client: Mapping[str, str]) -> bool:
    return _mechanism(client) == "OAUTHBEARER"


def _mechanism(client: Mapping[str, str]) -> str:
    return client.get("sasl.mechanisms", client.get("sasl.mechanism", "")).strip().upper()


def _by_one_name(client: Mapping[str, str]) -> dict[str, str]:
    """The settings, with one name for what librdkafka calls by two."""
    return {_ALIASES.get(name, name): value for name, value in client.items()}


def _line(module: str, options: Mapping[str, str]) -> str:
    told = " ".join(f"{name}={_quoted(value)}" for name, value in options.items())
    return f"{_SASL}.{module} required {told};"


def _quoted(text: str) -> str:
    """A text as Java's JAAS files quote it: nothing is escaped but a backslash, a quote and control characters."""
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return '"' + "".join(char if char >= " " else f"\\{ord(char):03o}" for char in escaped) + '"'
