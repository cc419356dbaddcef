"""Keys, trust bundle and TLS certificates: readable, belonging together, and good for long enough."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final

from cryptography import x509

from delegation.app.doctor.finding import Finding, from_error, ok, problem, warning
from delegation.app.doctor.observation import check_observation
from delegation.app.doctor.signing_keys import check_signing_keys
from delegation.app.key_files import ROOT_PUBLIC_FILE, read_root_public
from delegation.app.key_store import open_key_store
from delegation.app.trust_reload import ReloadingTrust
from delegation.errors import ConfigError
from delegation.identity.spiffe import parse_spiffe_id
from delegation.server.config import ServerConfig
from delegation.server.config_sections import TlsFiles
from delegation.server.tls import TlsMaterial, read_tls
from delegation.storage.facts import DatabaseFacts

HOUR_MS: Final = 60 * 60 * 1000
DAY_MS: Final = 24 * HOUR_MS
_BUNDLE_SOON_MS: Final = 14 * DAY_MS
_LEFT_PART: Final = 0.1
_CA_SOON_MS: Final = 30 * DAY_MS


def check_keys(config: ServerConfig, facts: DatabaseFacts | None, now_ms: Callable[[], int]) -> Iterator[Finding]:
    """Open the keys as the service would, under the bundle that it would serve."""
    try:
        root = read_root_public(config.keys_directory)
        store = open_key_store(config.keys, config.keys_directory, os.environ)
        trust = ReloadingTrust(config, store, root_key=root, now_ms=now_ms).in_use.trust
    except ConfigError as error:
        yield from_error("keys", error)
        return
    yield ok("keys", "the service's keys open, and the trust bundle lists them")
    if facts is not None and facts.root and facts.root != root:
        found = f"{ROOT_PUBLIC_FILE} is another root key than the one that the database was served under"
        advice = "put the former one back; if you have made a new root, run `delegation db accept-root`"
        yield problem("root_key", found, advice)
        return
    bundle = trust.bundle
    yield from check_observation(trust, now_ms())
    yield from check_signing_keys(bundle, store, now_ms=now_ms())
    left_ms = bundle.expires_at_ms - now_ms()
    found = f"version {bundle.version}, good for another {lasting(left_ms)}"
    if facts is not None and facts.bundle_version > bundle.version:
        yield problem(
            "trust_bundle",
            f"version {bundle.version} is older than version {facts.bundle_version}, which was served before",
            "put the newest bundle back: verifiers refuse one that is older than what they know",
        )
    elif left_ms < _BUNDLE_SOON_MS:
        yield warning("trust_bundle", found, "sign the next one now with `delegation keys sign-bundle`")
    else:
        yield ok("trust_bundle", found)


def check_tls(config: ServerConfig, now_ms: Callable[[], int]) -> Iterator[Finding]:
    """Read the TLS files as the service would."""
    if config.tls is None:
        return
    try:
        material = read_tls(config.tls)
    except ConfigError as error:
        yield from_error("tls", error)
        return
    leaf = x509.load_pem_x509_certificates(material.certificate)[0]
    yield from _validity("tls", str(config.tls.certificate), leaf, now_ms())
    yield from _issued_for(config, config.tls, leaf)
    yield from _client_cas(config.tls, material, now_ms())


def lasting(milliseconds: int) -> str:
    """Write a time in words short enough for a line."""
    if milliseconds >= 2 * DAY_MS:
        return f"{milliseconds // DAY_MS} days"
    return f"{max(0, milliseconds) / HOUR_MS:.1f} hours"


def _validity(check: str, what: str, certificate: x509.Certificate, now_ms: int) -> Iterator[Finding]:
    begin = int(certificate.not_valid_before_utc.timestamp() * 1000)
    end = int(certificate.not_valid_after_utc.timestamp() * 1000)
    if now_ms < begin:
        yield problem(check, f"{what} is not valid for another {lasting(begin - now_ms)}", "correct this clock")
    elif now_ms >= end:
        yield problem(check, f"{what} has expired", "put a new one in its place: the service takes it without restart")
    elif end - now_ms < _LEFT_PART * (end - begin):
        found = f"{what} is good for another {lasting(end - now_ms)} only"
        yield warning(check, found, "put a new one in its place: the service takes it without restart")
    else:
        yield ok(check, f"{what} is good for another {lasting(end - now_ms)}, and the key is its own")


def _issued_for(config: ServerConfig, files: TlsFiles, leaf: x509.Certificate) -> Iterator[Finding]:
    """Require that it names one SPIFFE ID, of this trust domain."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        its = parse_spiffe_id(uri)
    except (x509.ExtensionNotFound, ValueError, ConfigError):
        advice = f"have one issued with a SPIFFE ID of {config.trust_domain}, if agents are to check it"
        yield warning("tls_names", f"{files.certificate} names no SPIFFE ID", advice)
        return
    if its.trust_domain != config.trust_domain:
        found = f"{files.certificate} is of {its.trust_domain}, the service of {config.trust_domain}"
        yield problem("tls_names", found, "correct tls.certificate or trust_domain")
        return
    host = config.listen.host
    named = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    if host and host not in named and host not in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not listened on
        found = f"{files.certificate} does not name {host}, where the service listens"
        yield warning("tls_names", found, "clients need a certificate that names what they connect to")
    else:
        yield ok("tls_names", f"{its}" + (f", {', '.join(sorted(named))}" if named else ""))


def _client_cas(files: TlsFiles, material: TlsMaterial, now_ms: int) -> Iterator[Finding]:
    for certificate in x509.load_pem_x509_certificates(material.client_ca):
        left_ms = int(certificate.not_valid_after_utc.timestamp() * 1000) - now_ms
        what = f"a CA of clients in {files.client_ca}"
        if left_ms <= 0:
            yield problem("client_ca", f"{what} has expired", "add its successor; nobody of it gets in")
        elif left_ms < _CA_SOON_MS:
            found = f"{what} is good for another {lasting(left_ms)} only"
            yield warning("client_ca", found, "add its successor beside it, so that nobody is locked out")
        else:
            yield ok("client_ca", f"{what} is good for another {lasting(left_ms)}")
