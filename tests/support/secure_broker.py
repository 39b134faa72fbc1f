"""A real broker with TLS, passwords and access rights, for tests: made from the embedded one by more settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lakehouse.embedded_kafka.broker import Broker
from lakehouse.embedded_kafka.config import HOST, free_port, server_settings
from tests.support.token_server import AUDIENCE, TokenServer, token_server

PASSWORD = r"""pä"s's\ w=o;r$d{}%20 日本"""  # noqa: S105 - of a broker that lives for a test
"""A password with what a quoting may lose."""

_OAUTH = "org.apache.kafka.common.security.oauthbearer.OAuthBearer"
_VALIDATOR = f"{_OAUTH}ValidatorCallbackHandler"

_OPERATIONS = {
    "Create": "CREATE",
    "Describe": "DESCRIBE",
    "DescribeConfigs": "DESCRIBE_CONFIGS",
    "Read": "READ",
    "Write": "WRITE",
}
"""Kafka's names of operations, and those of its client for Python."""


@dataclass(frozen=True)
class SecureBroker:
    """Where it is: with a password (SCRAM-SHA-512) or a token, with a client's certificate, and open, for its
    administrator.
    """

    broker: Broker
    folder: Path
    with_password: str
    with_certificate: str
    open: str
    tokens: TokenServer

    def client(self, user: str, password: str = PASSWORD, ca: str = "ca") -> dict[str, str]:
        """The settings of a client with a password."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
            "ssl.ca.location": str(self.folder / f"{ca}.pem"),
        }

    def certified(self, name: str = "client", *, key: str = "client") -> dict[str, str]:
        """The settings of a client with a certificate; the key ``locked`` is encrypted."""
        return {
            **({"ssl.key.password": PASSWORD} if key == "locked" else {}),
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.folder / "ca.pem"),
            "ssl.certificate.location": str(self.folder / f"{name}.pem"),
            "ssl.key.location": str(self.folder / f"{key}.key"),
        }


@contextmanager
def secure_broker(folder: Path) -> Iterator[SecureBroker]:
    """Within, it runs, with three users who have the same password and no rights yet: shop, reader and nobody."""
    authority = _authority(folder, "ca")
    _authority(folder, "other_ca")
    _certificate(folder, "broker", authority, [x509.IPAddress(ipaddress.ip_address(HOST))])
    _certificate(folder, "client", authority, [x509.DNSName("client")])
    (folder / "keystore.pem").write_text(
        (folder / "broker.key").read_text() + (folder / "broker.pem").read_text() + (folder / "ca.pem").read_text()
    )
    by_password, by_certificate = free_port(None), free_port(None)

    def secured(port: int, controller: int) -> Mapping[str, str]:
        known = server_settings(port, controller)
        more = f"SASL_SSL://{HOST}:{by_password},SSL://{HOST}:{by_certificate}"
        return {
            **known,
            "listeners": f"{known['listeners']},{more}",
            "advertised.listeners": f"{known['advertised.listeners']},{more}",
            "listener.security.protocol.map": f"{known['listener.security.protocol.map']},SASL_SSL:SASL_SSL,SSL:SSL",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "keystore.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(folder / "ca.pem"),
            "listener.name.ssl.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
            "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config": f"{_OAUTH}LoginModule required;",
            "listener.name.sasl_ssl.oauthbearer.sasl.server.callback.handler.class": _VALIDATOR,
            "listener.name.sasl_ssl.sasl.oauthbearer.jwks.endpoint.url": tokens.keys,
            "listener.name.sasl_ssl.sasl.oauthbearer.expected.audience": AUDIENCE,
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }

    with token_server(folder / "broker.pem", folder / "broker.key") as tokens:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("lakehouse.embedded_kafka.broker.server_settings", secured)
            patch.setenv("JAVA_TOOL_OPTIONS", f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={tokens.keys}")
            broker = Broker(folder / "kafka")
            status = broker.start()
        try:
            servers = status.bootstrap_servers or ""
            admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
            info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
            names = ("shop", "reader", "nobody")
            users = [UserScramCredentialUpsertion(user, info, PASSWORD.encode()) for user in names]
            for answer in admin.alter_user_scram_credentials(users).values():
                answer.result(30)
            passwords, certificates = f"{HOST}:{by_password}", f"{HOST}:{by_certificate}"
            yield SecureBroker(broker, folder, passwords, certificates, servers, tokens)
        finally:
            broker.stop()


def allow(servers: str, user: str, rights: list[tuple[str, str, list[str]]]) -> None:
    """Gives a user rights: the kind of a resource, its name or its beginning and a *, and the operations."""
    bindings = {
        AclBinding(
            ResourceType[kind],
            name.rstrip("*"),
            ResourcePatternType.PREFIXED if name.endswith("*") else ResourcePatternType.LITERAL,
            f"User:{user}",
            "*",
            AclOperation[_OPERATIONS[operation]],
            AclPermissionType.ALLOW,
        )
        for kind, name, operations in rights
        for operation in operations
    }
    admin = AdminClient({"bootstrap.servers": servers})
    for answer in admin.create_acls(list(bindings)).values():
        answer.result(30)


def _authority(folder: Path, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    made = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = made.sign(key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _certificate(
    folder: Path,
    name: str,
    authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey],
    names: list[x509.GeneralName],
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made = _builder(name, authority[0].subject.rfc4514_string().removeprefix("CN="), key)
    certificate = made.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(
        authority[1], hashes.SHA256()
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    for file, lock in (
        (f"{name}.key", serialization.NoEncryption()),
        ("locked.key", serialization.BestAvailableEncryption(PASSWORD.encode())),
    ):
        (folder / file).write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
        )


def _builder(name: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
    )
