"""The operator's work with keys: making them, and signing the trust bundle that lists them.

The root key is made and used offline. What a running service needs of it is its public half, beside
the bundle that it signed: `root.pub` and `trust-bundle.bin` in the keys' directory.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from delegation.core import limits
from delegation.core.codec import decode_bundle, decode_statement, encode_statement
from delegation.core.keys import check_public_key
from delegation.core.statement import SignedStatement
from delegation.core.trust import Catalogue, KeyPurpose, KeyState, TrustBundle, TrustedKey
from delegation.errors import ConfigError, Refused
from delegation.private_files import write_private
from delegation.service.bundle_signing import BUNDLE_LIFETIME_MS, sign_trust_bundle, trusted_key
from delegation.signing.port import SERVICE_PURPOSES, ServiceKeys, SignerPurpose
from delegation.signing.sealed_file import USUAL_COST, create_key, key_path, open_key, open_service_keys
from delegation.signing.sealed_format import ScryptCost

ROOT_PUBLIC_FILE: Final = "root.pub"
BUNDLE_FILE: Final = "trust-bundle.bin"
_KEY_PURPOSE: Final = {purpose: KeyPurpose(str(purpose)) for purpose in SERVICE_PURPOSES}


def system_ms() -> int:
    """Tell the wall clock, milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


def create_root_key(
    directory: Path,
    passphrase: bytes,
    *,
    cost: ScryptCost = USUAL_COST,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> bytes:
    """Make the root key and write its public half beside it; return the public key, 32 bytes.

    Raises:
        ConfigError: there is one already, or it cannot be written.
    """
    key = create_key(directory, SignerPurpose.ROOT, passphrase, random=random, cost=cost)
    write_private(directory / ROOT_PUBLIC_FILE, base64.urlsafe_b64encode(key.public).rstrip(b"=") + b"\n")
    return key.public


def create_service_keys(
    directory: Path,
    passphrase: bytes,
    *,
    purposes: Sequence[SignerPurpose] = SERVICE_PURPOSES,
    cost: ScryptCost = USUAL_COST,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> dict[SignerPurpose, bytes]:
    """Make the service's keys; return their public keys, 32 bytes each.

    Raises:
        ConfigError: one of them is there already, or cannot be written.
    """
    return {
        purpose: create_key(directory, purpose, passphrase, random=random, cost=cost).public for purpose in purposes
    }


def sign_bundle_file(
    directory: Path,
    *,
    root_directory: Path,
    root_passphrase: bytes,
    keys: ServiceKeys,
    trust_domain: str,
    catalogue: Catalogue | None = None,
    lifetime_ms: int = BUNDLE_LIFETIME_MS,
    now_ms: Callable[[], int] = system_ms,
) -> TrustBundle:
    """Sign a trust bundle for a service's keys and put it, with the root's public key, where it looks.

    Keys that the former bundle lists stay listed: retired ones for ever, one that is replaced as retired.

    Args:
        directory: the service's keys' directory.
        root_directory: where the root key is; offline, except in development.
        root_passphrase: of the root key.
        keys: the service's keys, to be active.
        trust_domain: the service's trust domain.
        catalogue: what is said about tools.
        lifetime_ms: how long verifiers trust the bundle.
        now_ms: the clock.

    Raises:
        ConfigError: the root key cannot be opened, the former bundle is another root's, or nothing can be written.
    """
    root = open_key(root_directory, SignerPurpose.ROOT, root_passphrase)
    at_ms = now_ms()
    former = _former(directory, root.public)
    statement = sign_trust_bundle(
        root,
        _listed(former, keys, at_ms),
        trust_domain=trust_domain,
        version=former.version + 1 if former else 1,
        now_ms=at_ms,
        catalogue=catalogue,
        lifetime_ms=lifetime_ms,
    )
    write_private(directory / ROOT_PUBLIC_FILE, base64.urlsafe_b64encode(root.public).rstrip(b"=") + b"\n")
    write_private(directory / BUNDLE_FILE, encode_statement(statement))
    return decode_bundle(statement.payload)


def read_root_public(directory: Path) -> bytes:
    """Read the root's public key, 32 bytes. Raises `ConfigError`."""
    path = directory / ROOT_PUBLIC_FILE
    text = _read(path, "the root's public key: copy it from where the root key was made").strip()
    try:
        public = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
        check_public_key(public)
    except (binascii.Error, ValueError, Refused):
        raise ConfigError(f"{path} holds no public key: copy it anew from where the root key was made") from None
    return public


def read_bundle(directory: Path) -> SignedStatement:
    """Read the signed trust bundle; it is not verified. Raises `ConfigError`."""
    path = directory / BUNDLE_FILE
    content = _read(path, "the trust bundle: sign one with `delegation keys sign-bundle`")
    try:
        return decode_statement(content, limits.DOCUMENT_BYTES)
    except Refused:
        raise ConfigError(f"{path} is no trust bundle: sign one with `delegation keys sign-bundle`") from None


def service_keys(directory: Path, passphrase: bytes) -> ServiceKeys:
    """Open the keys of a running service. Raises `ConfigError`."""
    return open_service_keys(directory, passphrase)


def has_key(directory: Path, purpose: SignerPurpose) -> bool:
    """Tell whether a key's file is there."""
    return key_path(directory, purpose).exists()


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing, {what}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; check its permissions") from None


def _former(directory: Path, root_public: bytes) -> TrustBundle | None:
    if not (directory / BUNDLE_FILE).exists():
        return None
    if read_root_public(directory) != root_public:
        raise ConfigError(f"{directory / BUNDLE_FILE} is of another root key: move it away to begin a new trust")
    return decode_bundle(read_bundle(directory).payload)


def _listed(former: TrustBundle | None, keys: ServiceKeys, now_ms: int) -> list[TrustedKey]:
    active = {SignerPurpose.GRANT: keys.grant, SignerPurpose.STATEMENT: keys.statement}
    active[SignerPurpose.CHECKPOINT] = keys.checkpoint
    listed = {key.key_id: key for key in former.keys} if former else {}
    for purpose, signer in active.items():
        for key_id, key in listed.items():
            if key.purpose is _KEY_PURPOSE[purpose] and key.state is KeyState.ACTIVE and key_id != signer.key_id:
                listed[key_id] = key._replace(state=KeyState.RETIRED, not_after_ms=now_ms)
        if signer.key_id not in listed:
            listed[signer.key_id] = trusted_key(_KEY_PURPOSE[purpose], signer.public, now_ms=now_ms)
    return list(listed.values())
