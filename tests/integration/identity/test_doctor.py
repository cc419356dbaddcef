"""`delegation doctor` on sources of identity that are real: an OpenID provider, and a SPIFFE Workload API."""

from __future__ import annotations

import pytest

from delegation.app.doctor import Finding, Level, examine
from delegation.app.doctor.workload_api import check_workload_api
from delegation.app.key_files import system_ms
from support.bearers import issuers
from support.server import TRUST_DOMAIN, dev_config, identity
from support.spiffe_service import PARTNER
from support.workload_api import TrustDomain, workload_api

MINUTE_MS = 60 * 1000
HOUR_MS = 60 * MINUTE_MS


def of(check: str, config, **given) -> Finding:
    (found,) = (finding for finding in examine(config, **given) if finding.check == check)
    return found


@pytest.fixture
def taking_tokens(tmp_path):
    """Give the configuration of a service that takes an issuer's tokens."""

    def config(provider, **changed):
        listed = [{"issuer": provider.issuer, "client_id": "ci"}]
        return dev_config(
            tmp_path,
            issuers=issuers(provider, **changed),
            identities=[identity("agent/ci", "agent", tokens=listed)],
            bearer={"listen": "127.0.0.1:0"},
        )

    return config


def test_an_issuer_whose_keys_can_be_had_is_well(taking_tokens, provider):
    found = of("issuer", taking_tokens(provider))
    assert found.level is Level.OK
    assert "ES256" in found.found


def test_an_issuer_that_fails_is_found(taking_tokens, provider):
    provider.fail(True)
    try:
        found = of("issuer", taking_tokens(provider))
    finally:
        provider.fail(False)
    assert (found.level, "503" in found.found) == (Level.PROBLEM, True)
    assert "discovery document" in found.advice


def test_an_issuer_that_nobody_listens_for_is_found(taking_tokens, provider):
    found = of("issuer", taking_tokens(provider, jwks_uri="http://127.0.0.1:9/jwks"))
    assert found.level is Level.PROBLEM
    assert "http://127.0.0.1:9/jwks" in found.advice


def test_a_key_set_somewhere_else_is_found(taking_tokens, provider):
    """A document that is no key set."""
    found = of("issuer", taking_tokens(provider, jwks_uri=f"{provider.issuer}/.well-known/openid-configuration"))
    assert "no key set" in found.found


def test_an_issuer_without_a_key_that_can_be_used_is_found(taking_tokens, provider):
    found = of("issuer", taking_tokens(provider, algorithms=["PS512"]))
    assert (found.level, "no key that can be used" in found.found) == (Level.PROBLEM, True)


def test_an_issuers_ca_that_is_none_is_found(taking_tokens, provider, tmp_path):
    (tmp_path / "ca.pem").write_text("none")
    assert of("issuer", taking_tokens(provider, ca=tmp_path / "ca.pem")).advice.startswith("correct the issuer's ca")


@pytest.fixture
def with_workload_api(tmp_path):
    """Give the configuration of a service whose SVID is the Workload API's."""

    def config(start_timeout_ms=20_000, **given):
        api = f"unix:{tmp_path}/api.sock"
        spiffe = {"workload_api": api, "start_timeout_ms": start_timeout_ms, "trust_domains": [PARTNER]}
        return dev_config(tmp_path / "state", spiffe=spiffe, **given)

    return config


def worst(findings) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings if finding.level is not Level.OK}


def test_a_workload_api_that_gives_all_that_is_needed_is_well(with_workload_api, tmp_path):
    ours = TrustDomain(TRUST_DOMAIN)
    with workload_api(tmp_path / "api.sock", ours, "service", federated=[TrustDomain(PARTNER)]):
        config = with_workload_api(bearer={"listen": "127.0.0.1:0", "jwt_svid_audience": "delegation"})
        assert of("svid", config).found == f"spiffe://{TRUST_DOMAIN}/service"
        assert not worst(examine(config))


@pytest.mark.parametrize(
    ("later_ms", "level"),
    [(0, Level.OK), (50 * MINUTE_MS, Level.WARNING), (2 * HOUR_MS, Level.PROBLEM), (-24 * HOUR_MS, Level.PROBLEM)],
)
def test_an_svid_that_should_have_been_renewed_by_now_is_found(with_workload_api, tmp_path, later_ms, level):
    ours, partner = TrustDomain(TRUST_DOMAIN), TrustDomain(PARTNER)
    with workload_api(tmp_path / "api.sock", ours, "service", federated=[partner]):
        findings = check_workload_api(with_workload_api(), lambda: system_ms() + later_ms)
        assert {finding.check: finding.level for finding in findings}["svid_time"] is level


def test_a_workload_api_that_is_not_there_is_found(with_workload_api):
    found = of("workload_api", with_workload_api(start_timeout_ms=500))
    assert (found.level, "gave no SVID within 0.5 s" in found.found) == (Level.PROBLEM, True)
    assert found.advice.startswith("start its agent")


def test_a_trust_domain_whose_bundle_the_agent_does_not_give_is_found(with_workload_api, tmp_path):
    with workload_api(tmp_path / "api.sock", TrustDomain(TRUST_DOMAIN), "service"):
        found = worst(examine(with_workload_api()))
    assert list(found) == ["workload_api"]
    assert PARTNER in found["workload_api"].found


def test_an_svid_of_another_trust_domain_is_found(with_workload_api, tmp_path):
    domains = TrustDomain(PARTNER), TrustDomain(TRUST_DOMAIN)
    with workload_api(tmp_path / "api.sock", domains[0], "service", federated=domains[1:]):
        found = worst(examine(with_workload_api()))
    assert list(found) == ["svid"]
