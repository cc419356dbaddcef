"""The operator's key files: keys are made, and the trust bundle that lists them is written and read.

The root key is made and used offline. What a running service needs of it is its public half, beside
the bundle that it signed: `root.pub` and `trust-bundle.bin` in the keys' directory. Signing: `next_bundle`.
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
from delegation.core.attest import open_bundle
from delegation.core.codec import decode_statement, encode_statement
from delegation.core.keys import check_public_key
from delegation.core.statement import SignedStatement
from delegation.core.trust import TrustBundle
from delegation.errors import ConfigError, Refused
from delegation.private_files import make_private_directory, write_private
from delegation.signing.port import SERVICE_PURPOSES, SignerPurpose
from delegation.signing.sealed_file import USUAL_COST, create_key, key_path
from delegation.signing.sealed_format import ScryptCost

ROOT_PUBLIC_FILE: Final = "root.pub"
BUNDLE_FILE: Final = "trust-bundle.bin"


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
    write_private(directory / ROOT_PUBLIC_FILE, f"{root_text(key.public)}\n".encode())
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


def write_bundle(directory: Path, statement: SignedStatement, root_public: bytes) -> TrustBundle:
    """Put a signed bundle and the root's public key where a service looks; first read it as every verifier will.

    Raises:
        ConfigError: it would be refused, and nothing was written; or it cannot be written.
    """
    content = encode_statement(statement)
    try:
        bundle = open_bundle(decode_statement(content, limits.DOCUMENT_BYTES), root_public, now_ms=0)
    except Refused as refused:
        raise ConfigError(f"every verifier would refuse this trust bundle, and it was not written: {refused}") from None
    make_private_directory(directory)
    write_private(directory / ROOT_PUBLIC_FILE, f"{root_text(root_public)}\n".encode())
    write_private(directory / BUNDLE_FILE, content)
    return bundle


def root_text(public: bytes) -> str:
    """Write a root's public key as `root.pub` and profiles have it."""
    return base64.urlsafe_b64encode(public).rstrip(b"=").decode()


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


def former_bundle(directory: Path, root_public: bytes) -> TrustBundle | None:
    """Give the bundle that the next one follows, if there is one: signed by this root. It may have expired.

    Raises:
        ConfigError: it is another root's, or has been changed.
    """
    if not (directory / BUNDLE_FILE).exists():
        return None
    try:
        return open_bundle(read_bundle(directory), root_public, now_ms=0)
    except Refused:
        raise ConfigError(
            f"{directory / BUNDLE_FILE} is of another root key or was changed: move it away to begin a new trust"
        ) from None
