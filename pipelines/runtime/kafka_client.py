"""Read and check the settings of Kafka's clients, and translate them for Java's, by which Spark reads Kafka.

Names are librdkafka's. Secrets come from the environment or from a file, and are in no message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from lakehouse.errors import UsageError
from lakehouse.paths import absolute
from pipelines.runtime.kafka_login import PROBE, WHERE, is_login, java_login
from pipelines.runtime.ports import is_loopback

_JAVA_NAMES = {"sasl.mechanisms": "sasl.mechanism", "ssl.ca.location": "ssl.truststore.location"}
_PATHS = (".location", ".keytab")


def read_client_file(file: Path) -> dict[str, str]:
    """The settings in a file: a JSON object, or lines of ``name=value`` as in Kafka's own property files.

    Raises UsageError where it cannot be read; the message has nothing of what is in it.
    """
    text = _text(f"CLICKSTREAM_KAFKA__CLIENT_FILE names {file}", file, "Fix the name or the file.").strip()
    if text.startswith("{"):
        try:
            settings = json.loads(text)
        except ValueError:
            settings = None
        if isinstance(settings, dict) and all(isinstance(value, str) for value in settings.values()):
            return settings
    else:
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if all(line.partition("=")[1] for line in lines):
            return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
    raise UsageError(
        f"CLICKSTREAM_KAFKA__CLIENT_FILE names {file}, which has no settings in it.",
        'Write lines such as sasl.password=…, or JSON such as {"sasl.password": "…"}.',
    )


def with_whole_paths(client: Mapping[str, str]) -> dict[str, str]:
    """The settings with the files that they name as absolute paths: neither librdkafka nor Java knows ``~``."""
    return {
        name: str(absolute(value)) if name.endswith(_PATHS) and value and value != PROBE else value
        for name, value in client.items()
    }


def refuse_clear_text(servers: str, client: Mapping[str, str], tolerate: Sequence[str]) -> None:
    """Raises UsageError where events would cross a network in clear text, and nobody has said that they may."""
    protocol = client.get("security.protocol", "PLAINTEXT").upper()
    hosts = [server.strip().rpartition(":")[0].lower() for server in servers.split(",") if server.strip()]
    if protocol.endswith("SSL") or "plaintext" in tolerate or all(map(is_loopback, hosts)):
        return
    raise UsageError(
        f"Kafka at {servers} is spoken to in clear text ({protocol}): whoever is between can read and change events"
        f"{', and the password' if protocol.startswith('SASL') else ''}.",
        f'Set "security.protocol" to SSL or SASL_SSL {WHERE}. In a network of your own, allow it: '
        """CLICKSTREAM_KAFKA__TOLERATE='["plaintext"]'.""",
    )


def java_settings(client: Mapping[str, str]) -> dict[str, str]:
    """The settings of a librdkafka client as Kafka's Java client spells them.

    Raises UsageError where a file that they name cannot be read, or has a key that cannot be read.
    """
    settings = {_JAVA_NAMES.get(name, name): value for name, value in client.items() if not is_login(name)}
    settings |= java_login(client)
    settings.pop("enable.ssl.certificate.verification", None)  # which Java always does
    if settings.get("ssl.endpoint.identification.algorithm") == "none":
        settings["ssl.endpoint.identification.algorithm"] = ""
    if "ssl.truststore.location" in settings:
        settings.setdefault("ssl.truststore.type", "PEM")
    if authority := settings.pop("ssl.ca.pem", ""):
        settings |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": authority}
    certificate, file = settings.pop("ssl.certificate.pem", ""), settings.pop("ssl.certificate.location", "")
    if certificate or file:
        settings["ssl.keystore.type"] = "PEM"
        settings["ssl.keystore.certificate.chain"] = certificate or _text_of("ssl.certificate.location", file)
        settings["ssl.keystore.key"] = _private_key(
            settings.pop("ssl.key.pem", ""), settings.pop("ssl.key.location", ""), settings.pop("ssl.key.password", "")
        )
    elif "ssl.keystore.location" in settings:
        settings.setdefault("ssl.keystore.type", "PKCS12")
    return settings


def _private_key(text: str, file: str, password: str) -> str:
    """The key as Java reads it: PKCS#8, and in clear, as Java 17 decrypts none that OpenSSL has encrypted."""
    text = text or _text_of("ssl.key.location", file)
    if "-----BEGIN PRIVATE KEY-----" in text:
        return text
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    is_encrypted = "ENCRYPTED" in text
    try:
        key = serialization.load_pem_private_key(text.encode(), password.encode() if is_encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # whose texts may have something of it
        why = "ssl.key.password is missing or wrong" if is_encrypted else "it is damaged, or no key in PEM"
        raise UsageError(
            f"The key of Kafka's client, in {file or 'ssl.key.pem'}, cannot be read: {why}.",
            f"Fix it {WHERE}. `openssl pkey -in FILE -noout` tells whether a key can be read.",
        ) from None
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _text_of(name: str, file: str) -> str:
    """The text of a file that a setting names."""
    return _text(f"Kafka's {name} is {file or 'not set'}", Path(file), f"Fix it {WHERE}.")


def _text(said: str, file: Path, hint: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UsageError(f"{said}, which cannot be read: {why}.", hint) from None
