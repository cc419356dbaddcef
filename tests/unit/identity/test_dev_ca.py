from __future__ import annotations

import datetime as dt
import stat
import tomllib
from pathlib import Path

import pytest
from cryptography import x509

import delegation_sdk.profile
from certificates import now, now_ms
from delegation.errors import ConfigError
from delegation.identity.dev_ca import LOOPBACK_NAMES, DevelopmentCa, open_or_create_ca
from delegation.identity.mtls import MtlsAuthenticator
from delegation.identity.port import Caller, Peer
from delegation.identity.profile import Profile, issue_profile, profile_directory
from delegation.identity.static import StaticIdentities

DOMAIN = "dev.internal"
PLANNER = f"spiffe://{DOMAIN}/agent/planner"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_it_issues_is_accepted_as_that_id():
    ca = DevelopmentCa.create(DOMAIN, now=now())
    authenticator = MtlsAuthenticator({DOMAIN: ca.certificate}, StaticIdentities([Caller(PLANNER)]), now_ms=now_ms)
    leaf = ca.issue(PLANNER, now=now()).certificate
    assert authenticator.authenticate(Peer(leaf)).id == PLANNER


def test_a_server_certificate_has_the_names_of_this_machine_beside_its_id():
    ca = DevelopmentCa.create(DOMAIN, now=now())
    issued = ca.issue(f"spiffe://{DOMAIN}/service", now=now(), names=LOOPBACK_NAMES)
    leaf = x509.load_pem_x509_certificate(issued.certificate)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [f"spiffe://{DOMAIN}/service"]


def test_no_certificate_outlives_the_ca():
    ca = DevelopmentCa.create(DOMAIN, now=now())
    issued = ca.issue(PLANNER, now=now(), lifetime=dt.timedelta(days=4000))
    root = x509.load_pem_x509_certificate(ca.certificate)
    assert x509.load_pem_x509_certificate(issued.certificate).not_valid_after_utc == root.not_valid_after_utc


@pytest.mark.parametrize("spiffe_id", ["spiffe://other.example/x", "planner", f"spiffe://{DOMAIN}"])
def test_it_issues_nothing_outside_its_trust_domain(spiffe_id):
    ca = DevelopmentCa.create(DOMAIN, now=now())
    with pytest.raises(ConfigError):
        ca.issue(spiffe_id, now=now())


def test_a_key_does_not_show_in_a_repr():
    assert "PRIVATE" not in repr(DevelopmentCa.create(DOMAIN, now=now()).issue(PLANNER, now=now()))


def test_the_same_directory_gives_the_same_ca_again(tmp_path):
    first = open_or_create_ca(tmp_path / "ca", DOMAIN, now=now())
    assert open_or_create_ca(tmp_path / "ca", DOMAIN, now=now()).certificate == first.certificate
    assert mode(tmp_path / "ca") == 0o700
    assert mode(tmp_path / "ca" / "ca.key") == 0o600


def test_a_ca_of_another_trust_domain_is_refused(tmp_path):
    open_or_create_ca(tmp_path, DOMAIN, now=now())
    with pytest.raises(ConfigError, match="choose another state directory"):
        open_or_create_ca(tmp_path, "other.example", now=now())


def test_an_expired_ca_is_refused_with_what_to_do(tmp_path):
    open_or_create_ca(tmp_path, DOMAIN, now=now())
    with pytest.raises(ConfigError, match="remove"):
        open_or_create_ca(tmp_path, DOMAIN, now=now() + dt.timedelta(days=400))


def test_a_ca_key_open_to_others_is_refused(tmp_path):
    open_or_create_ca(tmp_path, DOMAIN, now=now())
    (tmp_path / "ca.key").chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        open_or_create_ca(tmp_path, DOMAIN, now=now())


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
def test_a_damaged_ca_is_refused(tmp_path, name):
    open_or_create_ca(tmp_path, DOMAIN, now=now())
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(ConfigError, match="not a CA and its key"):
        open_or_create_ca(tmp_path, DOMAIN, now=now())


def test_a_key_that_is_not_the_certificates_is_refused(tmp_path):
    open_or_create_ca(tmp_path / "a", DOMAIN, now=now())
    open_or_create_ca(tmp_path / "b", DOMAIN, now=now())
    (tmp_path / "a" / "ca.key").write_bytes((tmp_path / "b" / "ca.key").read_bytes())
    with pytest.raises(ConfigError, match="not a CA and its key"):
        open_or_create_ca(tmp_path / "a", DOMAIN, now=now())


def test_a_profile_gives_a_client_everything_it_needs_even_after_a_move(tmp_path):
    ca = DevelopmentCa.create(DOMAIN, now=now())
    root = bytes(range(32))
    written = issue_profile(tmp_path / "here", PLANNER, ca, target="127.0.0.1:7443", trust_root=root, now=now())
    assert mode(written.parent / "client.key") == 0o600
    (tmp_path / "here").rename(tmp_path / "there")
    read = delegation_sdk.profile.Profile.load(tmp_path / "there" / "profile.toml")
    assert (read.target, read.trust_root, read.server_name) == ("127.0.0.1:7443", root, None)
    assert read.ca.read_bytes() == ca.certificate
    assert b"PRIVATE KEY" in read.key.read_bytes()
    assert b"BEGIN CERTIFICATE" in read.certificate.read_bytes()


def test_no_two_ids_have_the_same_directory():
    ids = [f"spiffe://{DOMAIN}/{path}" for path in ("a", "a/b", "a-b", "a.b", "b")]
    assert len({profile_directory(Path("profiles"), spiffe_id) for spiffe_id in ids}) == len(ids)
    assert profile_directory(Path("profiles"), PLANNER) == Path("profiles/agent/planner")


def test_a_profile_for_a_unix_socket_names_the_server_that_the_certificate_names(tmp_path):
    ca = DevelopmentCa.create(DOMAIN, now=now())
    path = issue_profile(tmp_path, PLANNER, ca, target="unix:/run/d.sock", trust_root=bytes(32), now=now())
    assert tomllib.loads(path.read_text())["server_name"] in LOOPBACK_NAMES


def test_a_profile_issued_again_replaces_the_certificate(tmp_path):
    ca = DevelopmentCa.create(DOMAIN, now=now())
    first, second = (
        issue_profile(tmp_path, PLANNER, ca, target=target, trust_root=bytes(32), now=now()).read_text()
        for target in ("127.0.0.1:1", "127.0.0.1:2")
    )
    assert first != second


def test_a_profile_is_valid_toml_whatever_its_paths_are():
    odd = 'C:\\keys\\"my" käy ☃ 𝄞.pem'
    text = Profile("unix:/run/x", odd, odd, odd, bytes(32), server_name="localhost").to_toml()
    assert tomllib.loads(text)["key"] == odd
    assert tomllib.loads(text)["server_name"] == "localhost"


def test_a_profile_with_a_line_break_in_a_value_is_refused():
    with pytest.raises(ConfigError):
        Profile('x\nkey = "y"', "a", "b", "c", bytes(32)).to_toml()
