"""`--dev`: a state directory with its own CA, keys, trust bundle and profiles, made on first use.

Everything is found again at the next start, so that profiles and tokens outlive a restart. The keys'
passphrase lies beside them: this is for one person's machine.
"""

from __future__ import annotations

import datetime as dt
import secrets
from pathlib import Path
from typing import Final

from cryptography import x509

from delegation.app.key_files import (
    create_root_key,
    create_service_keys,
    has_key,
    read_bundle,
    system_ms,
)
from delegation.app.next_bundle import sign_bundle_file
from delegation.core.attest import catalogue_digest
from delegation.core.codec import decode_bundle
from delegation.core.trust import Catalogue
from delegation.errors import ConfigError, Refused
from delegation.identity.dev_ca import LOOPBACK_NAMES, DevelopmentCa, open_or_create_ca
from delegation.identity.port import Caller
from delegation.identity.profile import PROFILE_FILE, Profile, issue_profile, profile_directory
from delegation.identity.static import StaticIdentities, development_caller, development_operator
from delegation.server.config import ServerConfig
from delegation.server.config_sections import TlsFiles
from delegation.signing.port import SERVICE_PURPOSES, KeyStore, SignerPurpose
from delegation.signing.sealed_file import RANDOM_PASSPHRASE_COST, SealedFiles, find_or_create_random_passphrase

BUNDLE_LIFETIME_MS: Final = 365 * 24 * 60 * 60 * 1000
RENEW_BUNDLE_MS: Final = 30 * 24 * 60 * 60 * 1000
RENEW_PROFILE: Final = dt.timedelta(days=7)
_PASSPHRASE_FILE: Final = "passphrase"
_SERVER_PATH: Final = "delegation/service"
_DEVELOPER_PATH: Final = "developer"


def developer_id(config: ServerConfig) -> str:
    """Name the person at the keyboard, who may do everything in development."""
    return f"spiffe://{config.trust_domain}/{_DEVELOPER_PATH}"


def development_identities(config: ServerConfig) -> StaticIdentities:
    """Know the callers that are listed and the developer; take everybody else for an agent and a tool."""
    listed = config.callers()
    developer = developer_id(config)
    known: tuple[Caller, ...] = listed
    if all(caller.id != developer for caller in listed):
        known = (*listed, development_operator(developer))
    return StaticIdentities(known, unlisted=development_caller)


def development_ca(config: ServerConfig) -> DevelopmentCa:
    """Open the CA, or make it. Raises `ConfigError`."""
    return open_or_create_ca(config.state_dir / "ca", config.trust_domain, now=_now())


def development_tls(config: ServerConfig, ca: DevelopmentCa) -> TlsFiles:
    """Issue the server's certificate for this machine's names. Raises `ConfigError`."""
    server_id = f"spiffe://{config.trust_domain}/{_SERVER_PATH}"
    issued = ca.issue(server_id, now=_now(), names=LOOPBACK_NAMES)
    certificate, key = issued.write(config.state_dir / "tls", "server")
    return TlsFiles(certificate=certificate, key=key, client_ca=config.state_dir / "ca" / "ca.pem")


def development_keys(config: ServerConfig, catalogue: Catalogue) -> KeyStore:
    """Find the keys, or make them; sign a bundle unless the present one will do. Raises `ConfigError`."""
    directory = config.keys_directory
    passphrase = find_or_create_random_passphrase(directory / _PASSPHRASE_FILE, random=secrets.token_bytes)
    if not has_key(directory, SignerPurpose.ROOT):
        create_root_key(directory, passphrase, cost=RANDOM_PASSPHRASE_COST)
    missing = [purpose for purpose in SERVICE_PURPOSES if not has_key(directory, purpose)]
    create_service_keys(directory, passphrase, purposes=missing, cost=RANDOM_PASSPHRASE_COST)
    store = SealedFiles(directory, lambda: passphrase, cost=RANDOM_PASSPHRASE_COST)
    if missing or not _bundle_will_do(directory, catalogue):
        sign_development_bundle(config, store, catalogue)
    return store


def sign_development_bundle(config: ServerConfig, store: KeyStore, catalogue: Catalogue) -> None:
    """Sign the next bundle, with a catalogue. Raises `ConfigError`."""
    directory = config.keys_directory
    sign_bundle_file(
        directory,
        store=store,
        root_directory=directory,
        root_passphrase=find_or_create_random_passphrase(directory / _PASSPHRASE_FILE, random=secrets.token_bytes),
        trust_domain=config.trust_domain,
        catalogue=catalogue,
        lifetime_ms=BUNDLE_LIFETIME_MS,
    )


def _bundle_will_do(directory: Path, catalogue: Catalogue) -> bool:
    try:
        bundle = decode_bundle(read_bundle(directory).payload)
    except (ConfigError, Refused):
        return False
    digest = catalogue_digest(catalogue) if catalogue.tools else b""
    return bundle.catalogue_digest == digest and bundle.expires_at_ms > system_ms() + RENEW_BUNDLE_MS


def issue_development_profile(
    config: ServerConfig, spiffe_id: str, *, target: str, trust_root: bytes, directory: Path | None = None
) -> Path:
    """Give an identity its profile; one that is there and still good stays as it is.

    Args:
        config: the development server's.
        spiffe_id: whose profile it is, of the server's trust domain.
        target: where the server listens, as gRPC writes it.
        trust_root: the root public key, 32 bytes.
        directory: where; by default `profiles/PATH` of the state directory.

    Returns:
        The path of the profile.

    Raises:
        ConfigError: the id is not of the trust domain, or the files cannot be written.
    """
    home = directory or profile_directory(config.state_dir / "profiles", spiffe_id)
    if not _still_good(home, target=target, trust_root=trust_root):
        ca = development_ca(config)
        return issue_profile(home, spiffe_id, ca, target=target, trust_root=trust_root, now=_now())
    return home / PROFILE_FILE


def _still_good(home: Path, *, target: str, trust_root: bytes) -> bool:
    """Tell whether a profile names this server and its certificate lasts: programs may be using it."""
    server_name = "localhost" if target.startswith("unix:") else None
    expected = Profile(target, "ca.pem", "client.pem", "client.key", trust_root, server_name).to_toml()
    try:
        certificate = x509.load_pem_x509_certificate((home / "client.pem").read_bytes())
        same = (home / PROFILE_FILE).read_text(encoding="utf-8") == expected and (home / "client.key").exists()
    except (OSError, ValueError):
        return False
    return same and certificate.not_valid_after_utc > _now() + RENEW_PROFILE


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
