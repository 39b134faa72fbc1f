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

    Raises UsageError where a file that they name cannot be read, or has a key in a form that Java does not read.
    """
    settings = {_JAVA_NAMES.get(name, name): value for name, value in client.items() if not is_login(name)}
    settings |= java_login(client)
    settings.pop("enable.ssl.certificate.verification", None)  # which Java always does
    if settings.get("ssl.endpoint.identification.algorithm") == "none":
        settings["ssl.endpoint.identification.algorithm"] = ""
    if "ssl.truststore.location" in settings:
        settings.setdefault("ssl.truststore.type", "PEM")
    if certificate := settings.pop("ssl.certificate.location", ""):
        settings["ssl.keystore.type"] = "PEM"
        settings["ssl.keystore.certificate.chain"] = _text_of("ssl.certificate.location", certificate)
        settings["ssl.keystore.key"] = _private_key(settings.pop("ssl.key.location", ""))
    elif "ssl.keystore.location" in settings:
        settings.setdefault("ssl.keystore.type", "PKCS12")
    return settings


def _private_key(file: str) -> str:
    text = _text_of("ssl.key.location", file)
    if "-----BEGIN PRIVATE KEY-----" in text or "-----BEGIN ENCRYPTED PRIVATE KEY-----" in text:
        return text
    raise UsageError(
        f"The key in {file} is in a form that Java does not read: Spark needs PKCS#8.",
        f"Convert it: openssl pkcs8 -topk8 -nocrypt -in {file} -out FILE. Then name FILE as ssl.key.location.",
    )


def _text_of(name: str, file: str) -> str:
    """The text of a file that a setting names."""
    return _text(f"Kafka's {name} is {file or 'not set'}", Path(file), f"Fix it {WHERE}.")


def _text(said: str, file: Path, hint: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UsageError(f"{said}, which cannot be read: {why}.", hint) from None
