"""The settings of Kafka's clients are read, checked and translated; no message has a secret in it."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.errors import UsageError
from pipelines.runtime.kafka_client import java_settings, read_client_file, refuse_clear_text
from pipelines.runtime.kafka_login import require_whole_tokens
from pipelines.runtime.settings import load_settings

TEXTS = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.mark.parametrize(
    "text",
    [
        '{"sasl.password": "a=b #c", "security.protocol": "SASL_SSL"}',
        "# of the operators\n\nsasl.password = a=b #c\nsecurity.protocol=SASL_SSL\n",
    ],
)
def test_a_file_of_settings_is_read(tmp_path, monkeypatch, text):
    (tmp_path / "secret").write_text(text)
    wanted = {"sasl.password": "a=b #c", "security.protocol": "SASL_SSL"}
    assert read_client_file(tmp_path / "secret") == wanted
    monkeypatch.setenv("CLICKSTREAM_KAFKA__CLIENT_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("CLICKSTREAM_KAFKA__CLIENT", json.dumps({"security.protocol": "SASL_PLAINTEXT"}))
    assert load_settings().kafka.client == {**wanted, "security.protocol": "SASL_PLAINTEXT"}, "the environment wins"


@pytest.mark.parametrize("content", [b'{"sasl.password": S3CR3T', b'["S3CR3T"]', b"S3CR3T", b"\xff S3CR3T", None])
def test_a_file_that_is_none_is_named_without_its_content(tmp_path, content):
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    with pytest.raises(UsageError, match="CLICKSTREAM_KAFKA__CLIENT_FILE names") as raised:
        read_client_file(tmp_path / "secret")
    assert "S3CR3T" not in str(raised.value)


@pytest.mark.parametrize("servers", ["127.0.0.1:9092", "localhost:9092", "[::1]:9092", "127.0.0.1:1,LOCALHOST:2", ""])
def test_clear_text_may_stay_on_this_machine(servers):
    refuse_clear_text(servers, {}, ())


@pytest.mark.parametrize(
    "servers", ["kafka:9092", "10.0.0.1:9092", "localhost:1,kafka:2", "localhost.evil.example:9092"]
)
@pytest.mark.parametrize("protocol", [None, "PLAINTEXT", "sasl_plaintext"])
def test_clear_text_over_a_network_is_refused_unless_allowed(servers, protocol):
    client = {"security.protocol": protocol} if protocol else {}
    with pytest.raises(UsageError, match="in clear text") as raised:
        refuse_clear_text(servers, client, ())
    assert "plaintext" in raised.value.hint
    refuse_clear_text(servers, client, ("plaintext",))
    refuse_clear_text(servers, {"security.protocol": "SSL"}, ())


def test_a_certificate_is_given_to_java_as_text(tmp_path):
    (tmp_path / "c.pem").write_text("certificate")
    (tmp_path / "c.key").write_text("-----BEGIN PRIVATE KEY-----\nx")
    client = {"ssl.certificate.location": str(tmp_path / "c.pem"), "ssl.key.location": str(tmp_path / "c.key")}
    assert java_settings(client) == {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": "certificate",
        "ssl.keystore.key": "-----BEGIN PRIVATE KEY-----\nx",
    }
    (tmp_path / "c.key").write_text("-----BEGIN RSA PRIVATE KEY-----\nx")
    with pytest.raises(UsageError, match=r"c\.key, cannot be read: it is damaged"):
        java_settings(client)
    with pytest.raises(UsageError, match=r"ssl\.key\.location is not set"):
        java_settings({"ssl.certificate.location": str(tmp_path / "c.pem")})


KEY = ec.generate_private_key(ec.SECP256R1())
FORMS = serialization.PrivateFormat


@pytest.mark.parametrize("form", [FORMS.PKCS8, FORMS.TraditionalOpenSSL])
@pytest.mark.parametrize("password", ["", "pä ss"])
def test_a_key_in_any_form_is_given_to_java_in_its_own(tmp_path, form, password):
    lock = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    text = KEY.private_bytes(serialization.Encoding.PEM, form, lock).decode()
    plain = KEY.private_bytes(serialization.Encoding.PEM, FORMS.PKCS8, serialization.NoEncryption()).decode()
    (tmp_path / "c.pem").write_text("certificate")
    (tmp_path / "c.key").write_text(text)
    files = {"ssl.certificate.location": str(tmp_path / "c.pem"), "ssl.key.location": str(tmp_path / "c.key")}
    for client in (files, {"ssl.certificate.pem": "certificate", "ssl.key.pem": text}):
        assert java_settings({**client, "ssl.key.password": password}) == {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": "certificate",
            "ssl.keystore.key": plain,
        }
        if password:
            for wrong in ({}, {"ssl.key.password": "S3CR3T"}):
                with pytest.raises(UsageError, match=r"ssl\.key\.password is missing or wrong") as raised:
                    java_settings({**client, **wrong})
                assert "S3CR3T" not in str(raised.value)


@pytest.mark.spark
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(user=TEXTS, password=TEXTS)
def test_java_reads_every_user_and_password_as_it_is(spark, user, password):
    config = java_settings({"sasl.username": user, "sasl.password": password, "sasl.mechanisms": "SCRAM-SHA-512"})
    java = spark._jvm
    given_config = java.java.util.HashMap()
    given_config.put("sasl.jaas.config", java.org.apache.kafka.common.config.types.Password(config["sasl.jaas.config"]))
    context = java.org.apache.kafka.common.security.JaasContext.loadClientContext(given_config)
    options = context.configurationEntries().get(0).getOptions()
    assert (options.get("username"), options.get("password")) == (user, password)


TOKENS = {
    "sasl.mechanisms": "OAUTHBEARER",
    "sasl.oauthbearer.method": "oidc",
    "sasl.oauthbearer.client.id": "shop",
    "sasl.oauthbearer.client.secret": "S3CR3T",
    "sasl.oauthbearer.token.endpoint.url": "https://login.example/token",
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sasl.oauthbearer.method": "default"}, "asked for another way"),
        ({"sasl.oauthbearer.grant.type": "jwt-bearer"}, "asked for another way"),
        ({"sasl.oauthbearer.config": "principal=S3CR3T"}, r"sasl\.oauthbearer\.config asked for another way"),
        ({"sasl.oauthbearer.client.secret": ""}, r"need sasl\.oauthbearer\.client\.secret,"),
        ({"sasl.oauthbearer.token.endpoint.url": "http://login.example/"}, "spoken to in clear text"),
    ],
)
def test_tokens_by_half_are_refused_without_secrets(change, says):
    client = {**TOKENS, **change}
    with pytest.raises(UsageError, match=says) as error:
        require_whole_tokens(client, ())
    assert "S3CR3T" not in str(error.value) + str(error.value.hint)
    require_whole_tokens({**client, "sasl.mechanisms": "SCRAM-SHA-512"}, ())


def test_whole_tokens_are_taken_and_given_to_java():
    aliased = {
        name.replace("oauthbearer.client.", "oauthbearer.client.credentials.client."): TOKENS[name] for name in TOKENS
    }
    for client in (TOKENS, aliased, {**TOKENS, "sasl.mechanisms": "oauthbearer"}):
        require_whole_tokens(client, ())
        java = java_settings({**client, "sasl.oauthbearer.scope": "a b", "sasl.oauthbearer.extensions": "one=1,two=2"})
        assert java.pop("sasl.jaas.config").partition("required ")[2] == (
            'clientId="shop" clientSecret="S3CR3T" scope="a b" extension_one="1" extension_two="2";'
        )
        assert java == {
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.login.callback.handler.class": (
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"
            ),
            "sasl.oauthbearer.token.endpoint.url": "https://login.example/token",
        }
    require_whole_tokens({**TOKENS, "sasl.oauthbearer.token.endpoint.url": "http://login.example/"}, ("plaintext",))
    require_whole_tokens({**TOKENS, "sasl.oauthbearer.token.endpoint.url": "http://127.0.0.1:1/"}, ())
