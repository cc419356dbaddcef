"""What an operator can say about tokens and the Workload API, and what would be a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from delegation.errors import ConfigError
from delegation.identity.port import PrincipalRule, TokenHolder
from delegation.server.config import load_config

TLS = """
[tls]
certificate = "server.pem"
key = "server.key"
client_ca = "ca.pem"
"""
SPIFFE = """
[spiffe]
workload_api = "unix:///run/spire/agent.sock"
trust_domains = ["partner.example"]
"""
BEARER = """
[bearer]
listen = "127.0.0.1:7444"
"""
ISSUER = """
[[issuers]]
url = "https://login.acme.example"
access_token_audience = "https://delegation.acme.example"
id_token_audience = "delegation"
ca = "idp.pem"
"""
NO_CALLERS = ISSUER.replace('access_token_audience = "https://delegation.acme.example"', "")
NO_PRINCIPALS = ISSUER.replace('id_token_audience = "delegation"', "")
ONE_AUDIENCE = ISSUER.replace('"delegation"', '"https://delegation.acme.example"')
IDENTITY = """
[[identities]]
id = "spiffe://acme.example/ci"
owner = "team-a"
roles = ["orchestrator"]
tokens = [{ issuer = "https://login.acme.example", client_id = "ci" }]
principals = [{ issuer = "https://login.acme.example", subjects = ["alice"] }]
"""
PLAIN = """
[[identities]]
id = "spiffe://acme.example/ci"
owner = "team-a"
roles = ["orchestrator"]
"""


@pytest.fixture
def load(tmp_path):
    def load(*parts: str, top: str = 'trust_domain = "acme.example"\n'):
        path = tmp_path / "service.toml"
        path.write_text(top + "".join(parts))
        return load_config(path)

    return load


def test_issuers_tokens_and_principals_are_read(load, tmp_path):
    config = load(TLS, BEARER, ISSUER, IDENTITY)
    (issuer,) = config.issuers
    assert issuer.ca == tmp_path / "idp.pem"
    assert str(config.bearer.listen) == "127.0.0.1:7444"
    (identity,) = config.identities
    assert identity.tokens[0].holder() == TokenHolder("https://login.acme.example", "ci", is_client=True)
    assert config.callers()[0].principals == (PrincipalRule("https://login.acme.example", frozenset({"alice"})),)
    shown = config.shown()
    assert shown["issuers"][0]["algorithms"][0] == "ES256"
    assert shown["identities"][0]["principals"][0]["subjects"] == ["alice"]


def test_all_of_an_issuers_principals_have_to_be_said(load):
    config = load(TLS, BEARER, ISSUER, IDENTITY.replace('["alice"]', '"any"'))
    assert config.callers()[0].principals == (PrincipalRule("https://login.acme.example"),)
    assert config.shown()["identities"][0]["principals"][0]["subjects"] == "any"


def test_with_the_workload_api_no_files_are_needed_and_partners_can_be_listed(load):
    config = load(SPIFFE, PLAIN.replace("acme.example/ci", "partner.example/ci"))
    assert (config.tls, config.spiffe.workload_api) == (None, "unix:/run/spire/agent.sock")
    assert config.trust_domains == {"acme.example", "partner.example"}


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ((PLAIN,), "tls is missing"),
        ((TLS, ISSUER, PLAIN), "bearer is missing"),
        ((TLS, BEARER, PLAIN), "bearer takes no token"),
        ((TLS, BEARER, 'jwt_svid_audience = "delegation"', PLAIN), "set spiffe.workload_api"),
        ((TLS, BEARER, ISSUER, ISSUER, PLAIN), "one url twice"),
        ((TLS, BEARER, NO_CALLERS, IDENTITY), "bearer takes no token"),
        ((TLS, NO_CALLERS, IDENTITY), "access_token_audience"),
        ((TLS, BEARER, NO_PRINCIPALS, IDENTITY), "id_token_audience"),
        ((TLS, BEARER, ISSUER, IDENTITY.replace('client_id = "ci"', 'client_id = "ci", subject = "ci"')), "not both"),
        ((TLS, BEARER, ISSUER, IDENTITY.replace(', client_id = "ci"', "")), "a subject or a client_id"),
        ((TLS, BEARER, ISSUER, IDENTITY.replace('["alice"]', "[]")), 'write "any"'),
        ((TLS, BEARER, ISSUER, IDENTITY.replace('["alice"]', '"alice"')), 'write "any"'),
        ((TLS, BEARER, ISSUER, IDENTITY.replace('["orchestrator"]', '["agent"]')), "only an orchestrator has"),
        ((TLS, BEARER, ISSUER, IDENTITY.replace("https://login", "https://other")), "list it in issuers"),
        ((TLS, BEARER, ISSUER, IDENTITY, IDENTITY.replace("/ci", "/cd")), "subject or client of an issuer twice"),
        ((TLS, BEARER, ISSUER.replace("https://login", "http://login"), PLAIN), "must begin with https"),
        ((TLS, BEARER, ISSUER.replace('acme.example"', 'acme.example?x"', 1), PLAIN), "no query"),
        ((TLS, BEARER, ISSUER, 'jwks_uri = "http://localhost/keys"', PLAIN), "jwks_uri must begin with https"),
        ((TLS, BEARER, ISSUER, 'algorithms = ["HS256"]', PLAIN), "HS256 is not one of"),
        ((TLS, BEARER, ISSUER, 'algorithms = ["none"]', PLAIN), "none is not one of"),
        ((TLS, BEARER, ISSUER, "algorithms = []", PLAIN), "algorithms"),
        ((TLS, BEARER, ISSUER, 'access_token_type = "JWT"', PLAIN.replace("x", "x")), None),
        ((TLS, BEARER, ONE_AUDIENCE, 'access_token_type = "JWT"', PLAIN), "could pass for an access token"),
        ((TLS, BEARER, ISSUER, "clock_skew_ms = 600000", PLAIN), "clock_skew_ms"),
        ((TLS, BEARER, ISSUER, "keep_keys_ms = 1000", PLAIN), "keep_keys_ms is less"),
        ((SPIFFE.replace("unix:///run/spire/agent.sock", "tcp://10.0.0.1:8081"), PLAIN), "workload_api"),
        ((SPIFFE.replace("unix:///run/spire/agent.sock", "unix:agent.sock"), PLAIN), "unix:/path"),
        ((TLS, PLAIN.replace("acme.example", "partner.example")), "not of acme.example"),
    ],
    ids=range(28),
)  # fmt: skip
def test_a_mistake_is_named(load, parts, complaint):
    if complaint is None:
        load(*parts)
        return
    with pytest.raises(ConfigError, match=complaint) as caught:
        load(*parts)
    assert "\n" not in str(caught.value)


def test_in_development_tokens_are_taken_on_this_machine_only(tmp_path):
    path = Path(tmp_path / "service.toml")
    path.write_text("dev = true\n" + BEARER.replace("127.0.0.1", "0.0.0.0") + ISSUER)
    with pytest.raises(ConfigError, match="this machine only"):
        load_config(path)
